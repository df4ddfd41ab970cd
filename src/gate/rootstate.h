/* What the gate keeps on the real root: the count of automatic reboots, newer seals. The root is
 * mounted read-only at this point; it is writable only while something is written. */
#ifndef IMAGATE_GATE_ROOTSTATE_H
#define IMAGATE_GATE_ROOTSTATE_H

#include "gate/boot.h"

#define BOOT_REBOOTS_PATH "/etc/imagate/reboots"

/* 0 or -errno; *ret_was: it was read-only before, and is to be again. */
int root_writable(const struct boot *b, bool *ret_was);
int root_read_only(const struct boot *b);

/* Writes a file of /etc/imagate of the real root, synced; text NULL: removes it. */
enum outcome root_store(const struct boot *b, const char *path, const char *text, size_t len, struct why *why);

/* Automatic reboots since the last good boot, into the evidence; more than REBOOTS_MAX where the file cannot be
 * understood, so that nothing reboots for ever. */
void count_reboots(struct boot *b);
/* What GRUB could not write into its environment block, where that lies on the real root. */
void count_for_grub(const struct boot *b);
/* [recovery] fallback-to, for the next boot only, in GRUB's environment block on the real root. ABSENT: it is not there. */
enum outcome ask_grub_once(const struct boot *b, struct why *why);
/* One more, before it happens. */
enum outcome add_reboot(const struct boot *b, struct why *why);

#endif
