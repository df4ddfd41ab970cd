/* File systems by the name and the magic that rules know them by. Source: include/uapi/linux/magic.h and
 * the s_magic of each file system. */
#ifndef IMAGATE_CORE_FILESYSTEM_H
#define IMAGATE_CORE_FILESYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filesystem_kind {
	FILESYSTEM_DISK = 0, /* holds programs and carries labels */
	FILESYSTEM_IMAGE,    /* the same, read-only */
	FILESYSTEM_PSEUDO,   /* regular files that the kernel makes up: no programs, no labels */
	FILESYSTEM_OPEN,     /* programs can get there without root, or with a medium or a server */
};

struct filesystem {
	const char *name;
	uint64_t magic;
	enum filesystem_kind kind;
};

const struct filesystem *filesystem_by_magic(uint64_t magic); /* NULL: unknown */
const struct filesystem *filesystem_by_name(const char *p, size_t len);
/* The one whose magic has these bytes the other way round; NULL. */
const struct filesystem *filesystem_by_swapped(uint64_t magic);
const struct filesystem *filesystem_at(size_t i); /* NULL behind the last */

#endif
