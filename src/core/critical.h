/* The boot-critical set: the programs that run from init to the blessing of a boot. 'imagate critical' writes the
 * list when the initramfs is built, the gate reads it from there:
 *
 *   Imagate-Critical: 1
 *   Stamp: <16 hex digits over what the list was made from; to notice an old list, not to prove one>
 *   /usr/lib/systemd/systemd-journald
 *   ...
 *
 * Only programs: their interpreters and libraries are found anew at each boot. */
#ifndef IMAGATE_CORE_CRITICAL_H
#define IMAGATE_CORE_CRITICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRITICAL_MAX (256 * 1024)
#define CRITICAL_PATH "/etc/imagate/critical" /* in the initramfs */

struct critical {
	uint64_t stamp;
	const char *next, *end; /* the paths still to come */
};

/* The head. False: *ret_line and *ret_error say what is wrong with it. */
bool critical_parse(const char *text, size_t len, struct critical *ret, unsigned *ret_line, const char **ret_error);
/* The next path, not NUL-terminated: absolute, shorter than 4096; others are passed over. False at the end. */
bool critical_next(struct critical *c, const char **ret, size_t *ret_len);
/* The two lines of the head; 0 if they do not fit. */
size_t critical_format(uint64_t stamp, char *ret, size_t size);

#endif
