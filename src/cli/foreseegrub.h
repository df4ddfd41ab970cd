/* GRUB's part of the next boot: what it runs by grub.cfg and its environment block (PCR 8), the files it reads (9), and the
 * kernel that shim measures for it (4). As this boot's log shows it where nothing changed that steers GRUB; else its script
 * is read, which must first explain this boot to the letter: core/grubscript.h. */
#ifndef IMAGATE_CLI_FORESEEGRUB_H
#define IMAGATE_CLI_FORESEEGRUB_H

#include "cli/foresee.h"

#define GRUB_KEPT "/var/lib/imagate/grub.cfg" /* the grub.cfg that this boot or an earlier one was booted by */

/* Changes, and what blocks. */
void foresee_grub(struct foresight *f);
/* Is this record one of those? */
bool foresee_is_grubs(const struct foresight *f, const struct event *e);

/* Keeps a copy of grub.cfg, where it is the one that GRUB read in this boot. 0 or -errno. */
int foresee_keep(int root, const struct eventlog *log, uint16_t alg);

#endif
