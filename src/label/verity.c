#include "label/verity.h"

#include "core/label.h"

#include <errno.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TYPE_VERITY 6
#define BLOCK 4096 /* the one size that every kernel takes where the file system's is not smaller */
#define EXT_MAGIC 0xef53
#define BTRFS_MAGIC 0x9123683e
#define F2FS_MAGIC 0xf2f52010

int verity_measure(int fd, struct verity_digest *ret)
{
	_Alignas(struct fsverity_digest) uint8_t room[sizeof(struct fsverity_digest) + VERITY_DIGEST_MAX] = { 0 };
	struct fsverity_digest *d = (struct fsverity_digest *)room;

	d->digest_size = VERITY_DIGEST_MAX;
	if (ioctl(fd, FS_IOC_MEASURE_VERITY, d) < 0)
		return -errno;
	ret->algo = d->digest_algorithm == FS_VERITY_HASH_ALG_SHA512 ? HASH_SHA512 : HASH_SHA256;
	ret->id[0] = TYPE_VERITY;
	ret->id[1] = (uint8_t)ret->algo;
	ret->len = d->digest_size;
	memcpy(ret->bytes, d->digest, d->digest_size);
	return 0;
}

int verity_enable(int fd, int algo)
{
	struct fsverity_enable_arg a = { .version = 1, .block_size = BLOCK,
		.hash_algorithm = algo == HASH_SHA512 ? FS_VERITY_HASH_ALG_SHA512 : FS_VERITY_HASH_ALG_SHA256 };
	struct timespec times[2] = { { 0, UTIME_OMIT } };
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_bsize > 0 && fs.f_bsize < BLOCK)
		a.block_size = (uint32_t)fs.f_bsize;
	if (ioctl(fd, FS_IOC_ENABLE_VERITY, &a) < 0)
		return -errno;
	times[1] = st.st_mtim; /* ext4 cuts off what is behind the end, and takes that for a change */
	return futimens(fd, times) < 0 ? -errno : 0;
}

const char *verity_reason(int error)
{
	switch (error) {
	case ETXTBSY: return "it is open for writing: fs-verity wants it closed";
	case EPERM: return "immutable or append-only: chattr -ia, label, chattr +i";
	case EBUSY: return "fs-verity is being enabled on it by somebody else";
	case EINTR: return "enabling fs-verity was interrupted";
	case ENOSPC:
	case EDQUOT: return "no room for its fs-verity tree: the disk is full";
	case ENOKEY: return "encrypted, and its key is not there: unlock it first";
	case EINVAL: return "this kernel has no fs-verity for the file system's block size (before 6.3 it must be 4096), or for DAX";
	case EFBIG: return "too large for fs-verity on this file system";
	default: return "fs-verity could not be enabled, or its time not be put back";
	}
}

bool verity_refused(int error, const struct inode *i, char ret[static VERITY_REFUSED_LEN])
{
	bool has = i->fs->magic == BTRFS_MAGIC || i->fs->magic == EXT_MAGIC || i->fs->magic == F2FS_MAGIC;
	const char *name = *i->fs->name ? i->fs->name : "this file system";

	if (error == EROFS)
		(void)snprintf(ret, VERITY_REFUSED_LEN, "on %s, which is mounted read-only", name);
	else if (error != EOPNOTSUPP && error != ENOTTY)
		return false;
	else if (!has)
		(void)snprintf(ret, VERITY_REFUSED_LEN, "on %s, which has none (ext4, btrfs and f2fs do)", name);
	else if (i->fs->magic == EXT_MAGIC && access("/sys/fs/ext4/features/verity", F_OK) == 0)
		(void)snprintf(ret, VERITY_REFUSED_LEN, "on %s without the feature 'verity': tune2fs -O verity /dev/block/%u:%u", name,
		               major(i->dev), minor(i->dev));
	else
		(void)snprintf(ret, VERITY_REFUSED_LEN, "on %s: this kernel has none (CONFIG_FS_VERITY)", name);
	return true;
}
