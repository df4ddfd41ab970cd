#include "label/inode.h"

#include "base/file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MOUNTINFO_MAX (4 * 1024 * 1024)
#define UEVENT_MAX 4096
#define EXT_MAGIC 0xef53
#define BTRFS_MAGIC 0x9123683e
#define XFS_MAGIC 0x58465342
#define EXT_SUPER 1024
#define EXT_SUPER_UUID 0x68
#define XFS_SUPER_UUID 32

/* linux/fs.h from 6.9 on */
struct fs_uuid {
	uint8_t len, uuid[16];
};
#define GET_FS_UUID _IOR(0x15, 0, struct fs_uuid)

/* linux/stat.h from 6.8 on: an id that is never used again in this boot. Older kernels give their own for it. */
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif
#define WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE)

/* "36 35 98:0 / /mnt rw - ext3 /dev/root rw": the word behind " - " of the line that begins with the id, which is
 * the old one, not the unique one */
static void find_name(int fd, struct inode_fs *ret)
{
	CLEAN_FREE char *text = NULL;
	char begin[32];
	size_t len, begin_len;
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
	    file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len) < 0)
		return;
	begin_len = (size_t)snprintf(begin, sizeof(begin), "%" PRIu64 " ", (uint64_t)x.stx_mnt_id);
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n'), *dash;

		if (strncmp(line, begin, begin_len) != 0) {
			line = end + (*end != '\0');
			continue;
		}
		*end = '\0';
		dash = strstr(line, " - ");
		if (dash)
			(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(dash + 3, " ."), dash + 3); /* "fuse.sshfs" is fuse */
		return;
	}
}

/* As the kernel names it, which is there without udev, too: "DEVNAME=vda1" */
static int open_device(dev_t dev)
{
	CLEAN_FREE char *text = NULL;
	char path[PATH_MAX];
	const char *name;
	size_t len;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major(dev), minor(dev));
	if (file_read(AT_FDCWD, path, UEVENT_MAX, &text, &len) < 0 || (name = strstr(text, "DEVNAME=")) == NULL)
		return -1;
	name += strlen("DEVNAME=");
	(void)snprintf(path, sizeof(path), "/dev/%.*s", (int)strcspn(name, "\n"), name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Where no ioctl tells, the superblock does; root may read it. */
static bool uuid_of_device(dev_t dev, off_t at, uint8_t ret[16])
{
	CLEAN_FD fd = open_device(dev);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev && pread(fd, ret, 16, at) == 16;
}

static bool find_uuid(int fd, dev_t dev, uint64_t magic, uint8_t ret[16])
{
	struct btrfs_ioctl_fs_info_args btrfs;
	struct fs_uuid u;

	if (ioctl(fd, GET_FS_UUID, &u) == 0 && u.len == 16) {
		memcpy(ret, u.uuid, 16);
		return true;
	}
	memset(&btrfs, 0, sizeof(btrfs));
	switch (magic) {
	case EXT_MAGIC: return uuid_of_device(dev, EXT_SUPER + EXT_SUPER_UUID, ret);
	case XFS_MAGIC: return uuid_of_device(dev, XFS_SUPER_UUID, ret);
	case BTRFS_MAGIC:
		if (ioctl(fd, BTRFS_IOC_FS_INFO, &btrfs) < 0)
			return false;
		memcpy(ret, btrfs.fsid, 16);
		return true;
	default: return false;
	}
}

static int look_up(int fd, const struct statx *x, struct inode_fs *ret)
{
	struct statfs s;

	if (fstatfs(fd, &s) < 0)
		return -errno;
	*ret = (struct inode_fs){
		.mount = x->stx_mnt_id,
		.magic = (uint64_t)(unsigned long)s.f_type,
		.read_only = s.f_flags & ST_RDONLY,
	};
	find_name(fd, ret);
	ret->has_uuid = find_uuid(fd, makedev(x->stx_dev_major, x->stx_dev_minor), ret->magic, ret->uuid);
	return 0;
}

static int from_statx(const struct statx *x, const struct inode_fs *fs, struct inode *ret)
{
	if (!S_ISREG(x->stx_mode))
		return -EINVAL;
	*ret = (struct inode){
		.fs = fs, .ino = x->stx_ino, .size = x->stx_size, .uid = x->stx_uid, .gid = x->stx_gid, .mode = x->stx_mode, .links = x->stx_nlink,
		.dev = makedev(x->stx_dev_major, x->stx_dev_minor),
		.ctime = { x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec },
		.btime = { x->stx_btime.tv_sec, x->stx_btime.tv_nsec },
	};
	return 0;
}

int inode_read(int fd, struct inode_fs *fs, struct inode *ret)
{
	struct statx x;
	int r, version = 0;

	if (statx(fd, "", AT_EMPTY_PATH, WANTED, &x) < 0)
		return -errno;
	if (fs->mount == 0 || fs->mount != x.stx_mnt_id) {
		r = look_up(fd, &x, fs);
		if (r < 0)
			return r;
	}
	r = from_statx(&x, fs, ret);
	if (r < 0)
		return r;
	ret->has_generation = ioctl(fd, FS_IOC_GETVERSION, &version) == 0;
	ret->generation = (uint32_t)version;
	return 0;
}

int inode_stat(int dir, const char *name, const struct inode_fs *fs, struct inode *ret)
{
	struct statx x;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANTED, &x) < 0)
		return -errno;
	return x.stx_mnt_id != fs->mount ? -EXDEV : from_statx(&x, fs, ret);
}

int inode_fs_read(int fd, struct inode_fs *ret)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, WANTED, &x) < 0)
		return -errno;
	return ret->mount == x.stx_mnt_id ? 0 : look_up(fd, &x, ret);
}

bool inode_mount_is_unique(int fd)
{
	struct statx x, slash;

	return statx(fd, "", AT_EMPTY_PATH, WANTED, &x) == 0 && statx(AT_FDCWD, "/", 0, WANTED, &slash) == 0 &&
	       ((x.stx_mask & STATX_MNT_ID_UNIQUE) || x.stx_mnt_id == slash.stx_mnt_id);
}

bool inode_is_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

void inode_match_file(const struct inode *i, struct match_file *ret)
{
	*ret = (struct match_file){ .fsmagic = i->fs->magic, .fsname = i->fs->name, .uid = i->uid, .gid = i->gid,
		.mode = i->mode };
	memcpy(ret->fsuuid, i->fs->uuid, sizeof(ret->fsuuid));
}
