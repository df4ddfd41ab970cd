#include "core/filesystem.h"

#include <string.h>

static const struct filesystem list[] = {
	{ "ext4", 0xef53, FILESYSTEM_DISK },
	{ "ext3", 0xef53, FILESYSTEM_DISK },
	{ "ext2", 0xef53, FILESYSTEM_DISK },
	{ "xfs", 0x58465342, FILESYSTEM_DISK },
	{ "btrfs", 0x9123683e, FILESYSTEM_DISK },
	{ "f2fs", 0xf2f52010, FILESYSTEM_DISK },
	{ "squashfs", 0x73717368, FILESYSTEM_IMAGE },
	{ "erofs", 0xe0f5e1e2, FILESYSTEM_IMAGE },
	{ "tmpfs", 0x01021994, FILESYSTEM_OPEN },
	{ "devtmpfs", 0x01021994, FILESYSTEM_OPEN },
	{ "overlay", 0x794c7630, FILESYSTEM_OPEN },
	{ "fuse", 0x65735546, FILESYSTEM_OPEN },
	{ "vfat", 0x4d44, FILESYSTEM_OPEN },
	{ "msdos", 0x4d44, FILESYSTEM_OPEN },
	{ "exfat", 0x2011bab0, FILESYSTEM_OPEN },
	{ "iso9660", 0x9660, FILESYSTEM_OPEN },
	{ "ntfs3", 0x7366746e, FILESYSTEM_OPEN },
	{ "nfs", 0x6969, FILESYSTEM_OPEN },
	{ "cifs", 0xff534d42, FILESYSTEM_OPEN },
	{ "hugetlbfs", 0x958458f6, FILESYSTEM_OPEN },
	{ "ramfs", 0x858458f6, FILESYSTEM_PSEUDO }, /* only root mounts it; the initramfs */
	{ "proc", 0x9fa0, FILESYSTEM_PSEUDO },
	{ "sysfs", 0x62656572, FILESYSTEM_PSEUDO },
	{ "securityfs", 0x73636673, FILESYSTEM_PSEUDO },
	{ "cgroup", 0x27e0eb, FILESYSTEM_PSEUDO },
	{ "cgroup2", 0x63677270, FILESYSTEM_PSEUDO },
	{ "debugfs", 0x64626720, FILESYSTEM_PSEUDO },
	{ "tracefs", 0x74726163, FILESYSTEM_PSEUDO },
	{ "efivarfs", 0xde5e81e4, FILESYSTEM_PSEUDO },
	{ "configfs", 0x62656570, FILESYSTEM_PSEUDO },
	{ "pstore", 0x6165676c, FILESYSTEM_PSEUDO },
	{ "selinuxfs", 0xf97cff8c, FILESYSTEM_PSEUDO },
	{ "smackfs", 0x43415d53, FILESYSTEM_PSEUDO },
	{ "apparmorfs", 0x5a3c69f0, FILESYSTEM_PSEUDO },
	{ "binfmt_misc", 0x42494e4d, FILESYSTEM_PSEUDO },
	{ "bpf", 0xcafe4a11, FILESYSTEM_PSEUDO },
	{ "devpts", 0x1cd1, FILESYSTEM_PSEUDO },
	{ "nsfs", 0x6e736673, FILESYSTEM_PSEUDO },
	{ "pidfs", 0x50494446, FILESYSTEM_PSEUDO },
	{ "mqueue", 0x19800202, FILESYSTEM_PSEUDO },
};
#define COUNT (sizeof(list) / sizeof(list[0]))

const struct filesystem *filesystem_at(size_t i)
{
	return i < COUNT ? &list[i] : NULL;
}

const struct filesystem *filesystem_by_magic(uint64_t magic)
{
	for (size_t i = 0; i < COUNT; i++)
		if (list[i].magic == magic)
			return &list[i];
	return NULL;
}

const struct filesystem *filesystem_by_name(const char *p, size_t len)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(list[i].name) == len && !memcmp(list[i].name, p, len))
			return &list[i];
	return NULL;
}

const struct filesystem *filesystem_by_swapped(uint64_t magic)
{
	uint64_t four = (magic & 0xff) << 24 | (magic & 0xff00) << 8 | (magic >> 8 & 0xff00) | (magic >> 24 & 0xff);
	uint64_t two = (magic & 0xff) << 8 | (magic >> 8 & 0xff);
	const struct filesystem *f = filesystem_by_magic(four);

	return f ? f : magic <= 0xffff ? filesystem_by_magic(two) : NULL;
}
