/* Which file system is this? udev's word for it: ID_FS_UUID of the block device that is mounted. */
#ifndef IMAGATE_KERNEL_ROOTID_H
#define IMAGATE_KERNEL_ROOTID_H

#include "core/outcome.h"
#include "core/why.h"

#include <stddef.h>

#define ROOT_UUID_MAX 64

/* mounted: a path in the file system ("/sysroot", "/"). ABSENT: no block device below it, or udev
 * knows no UUID. Where the file system has no device number of its own (btrfs), the one that
 * /proc/self/mountinfo names. */
enum outcome root_uuid(const char *mounted, char ret[static ROOT_UUID_MAX], struct why *why);

#endif
