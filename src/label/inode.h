/* A file as the policy and EVM see it. */
#ifndef IMAGATE_LABEL_INODE_H
#define IMAGATE_LABEL_INODE_H

#include "core/match.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define INODE_FSNAME_LEN 32

/* The file system of a mount; looked up once for each. */
struct inode_fs {
	uint64_t mount; /* the kernel's mount id; 0: not looked up */
	uint64_t magic;
	char name[INODE_FSNAME_LEN]; /* "" where mountinfo does not tell */
	uint8_t uuid[16];
	bool has_uuid;
	bool read_only;
};

struct inode {
	const struct inode_fs *fs;
	uint64_t ino, size;
	uint32_t generation, uid, gid, links;
	uint16_t mode;
	bool has_generation; /* FS_IOC_GETVERSION answered; 0 otherwise */
	dev_t dev;
	struct timespec ctime, btime;
};

/* fs: the caller's cache of the last one, looked up again where fd lies elsewhere. 0 or -errno. A regular file
 * only (-EINVAL). */
int inode_read(int fd, struct inode_fs *fs, struct inode *ret);
/* By name, without opening it; the generation stays unknown. fs must be that of dir: -EXDEV where another file
 * system is mounted there. */
int inode_stat(int dir, const char *name, const struct inode_fs *fs, struct inode *ret);
/* The file system that fd, of any type, lies on. */
int inode_fs_read(int fd, struct inode_fs *ret);
/* Is the mount's id one that no other mount gets in this boot? Always so for that of "/", and from 6.8 on; before, another
 * image that is mounted in the place of one has the same, and may have the same inodes and times. */
bool inode_mount_is_unique(int fd);
/* By its first bytes; false, too, where they cannot be read. */
bool inode_is_elf(int fd);
void inode_match_file(const struct inode *i, struct match_file *ret);

#endif
