/* Mounted file systems that can hold programs. Source: proc_pid_mountinfo(5). */
#ifndef IMAGATE_KERNEL_MOUNTS_H
#define IMAGATE_KERNEL_MOUNTS_H

#include <stddef.h>

#define MOUNTS_MAX 64
#define MOUNT_PATH_MAX 512

struct mounts {
	char path[MOUNTS_MAX][MOUNT_PATH_MAX];
	size_t count;
};

/* Every local disk file system from which something can be executed, once each: on a block device (or of a kind that
 * lies on disks, as btrfs, which shows none), not noexec, and not one whose programs carry no labels (FAT, overlay,
 * tmpfs). Where it is mounted more than once, at the mount that shows most of it. In the order of mountinfo. 0 or
 * -errno; -E2BIG: more than fit. */
int mounts_local(int root, struct mounts *ret);

#endif
