/* A list of absolute paths, as package managers give them: one a line. */
#ifndef IMAGATE_BASE_PATHS_H
#define IMAGATE_BASE_PATHS_H

#include "base/clean.h"

#include <stdbool.h>
#include <stddef.h>

struct paths {
	char **path; /* each malloc'ed; begins with '/', does not end with it, shorter than PATH_MAX */
	size_t count, room;
};

void paths_free(struct paths *p);
/* 0, -EINVAL (no such path: nothing was added) or -ENOMEM. */
MUST_CHECK int paths_add(struct paths *p, const char *path, size_t len);
/* Each line of a text; what is no path is passed over and counted in *ret_odd (may be NULL). 0 or -ENOMEM. */
MUST_CHECK int paths_add_lines(struct paths *p, const char *text, size_t len, size_t *ret_odd);
/* Sorted by bytes, none twice; after this paths_has() works. */
void paths_sort(struct paths *p);
bool paths_has(const struct paths *p, const char *path);

#endif
