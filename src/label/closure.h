/* Programs with all that starting them takes: interpreters of scripts, dynamic loaders, libraries. Bytes below
 * the root are read, never executed. Source: ld.so(8), fs/binfmt_script.c. */
#ifndef IMAGATE_LABEL_CLOSURE_H
#define IMAGATE_LABEL_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>

/* A file, once however often it is needed; fd is lent. path: below the root, links resolved; for what is not
 * there (fd -1, -errno in error), as it was asked for. */
typedef void (*closure_visit_fn)(int fd, const char *path, int error, void *arg);

struct closure;
/* NULL: no memory. root is lent. */
struct closure *closure_begin(int root, closure_visit_fn visit, void *arg);
/* A program by its path below the root; links are resolved in it. needed: false where it may be missing, and
 * then nobody is told. */
void closure_add(struct closure *c, const char *path, bool needed);
/* Visits all that was added, breadth first as the loader goes. False: not all could be looked at (memory, a
 * damaged program). */
bool closure_walk(struct closure *c);
void closure_free(struct closure **c);

#endif
