#include "label/labelreason.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

const char *label_reason(int fd, int error)
{
	int flags = 0;

	switch (error) {
	case EPERM:
		if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
			return "immutable or append-only: chattr -ia, label, chattr +i";
		return "the kernel does not let the label be changed: EVM is on, and this file's is not valid (label it in the fix stage)";
	case EROFS: return "read-only file system";
	case ENOSPC:
	case EDQUOT: return "no room for the label: the disk is full (make room, and run it again: it goes on where it was)";
	case EACCES: return "the kernel refuses this label: a hash algorithm that it does not have, or that its policy forbids";
	case EOPNOTSUPP: return "the file system takes no labels";
	case E2BIG: return "the file system takes no labels of this size";
	case EINVAL: return "this kernel does not know such labels: signatures over fs-verity digests came with 5.19";
	default: return "the label could not be written";
	}
}
