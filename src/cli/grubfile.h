/* GRUB's environment block on the disk. */
#ifndef IMAGATE_CLI_GRUBFILE_H
#define IMAGATE_CLI_GRUBFILE_H

#include "core/grubenv.h"

/* Below root: boot/grub/grubenv, boot/grub2/grubenv. 0 or -errno; -ENOENT: no GRUB; -EBADMSG: not a block. */
int grubfile_read(const char *root, char ret[static GRUBENV_LEN]);
/* In place, one write, synced: GRUB itself finds the file by its blocks. */
int grubfile_write(const char *root, const char block[static GRUBENV_LEN]);

#endif
