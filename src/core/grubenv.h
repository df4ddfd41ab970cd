/* GRUB's environment block: 1024 bytes, "# GRUB Environment Block\n", lines name=value in which '\\'
 * quotes '\\' and a newline, comments, '#' to the end. Source: GRUB 2.06 grub-core/lib/envblk.c. Its size and its
 * place on the disk stay: GRUB itself writes it by block list. */
#ifndef IMAGATE_CORE_GRUBENV_H
#define IMAGATE_CORE_GRUBENV_H

#include <stdbool.h>
#include <stddef.h>

#define GRUBENV_LEN 1024

bool grubenv_valid(const char *block, size_t len);
/* False: not there, or longer than size. Unquoted, NUL-terminated. */
bool grubenv_get(const char *block, const char *name, char *ret, size_t size);
/* value NULL removes it. Names and values are plain words (no quoting needed): letters, digits and
 * "_.-". False: no room, or not a plain word; the block is as it was. */
bool grubenv_set(char block[static GRUBENV_LEN], const char *name, const char *value);

#endif
