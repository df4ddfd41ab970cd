/* What the kernel logged since a moment, from /dev/kmsg. Source: Documentation/ABI/testing/dev-kmsg. */
#ifndef IMAGATE_KERNEL_KMSG_H
#define IMAGATE_KERNEL_KMSG_H

#include <stdbool.h>

/* From now on. Returns an fd, or -errno. */
int kmsg_begin(void);
/* Was a record logged since then (and since the last call) that holds both strings? */
bool kmsg_saw(int fd, const char *one, const char *other);

#endif
