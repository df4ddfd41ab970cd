/* A tree, in parallel: every regular file on the mount of its root. Links are not followed, other mounts not
 * entered, files that vanish meanwhile passed over. */
#ifndef IMAGATE_LABEL_WALK_H
#define IMAGATE_LABEL_WALK_H

#include "base/paths.h"
#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>
#include <stddef.h>

#define WALK_THREADS_MAX 64

/* How many threads: as wished, or (0) several a processor, since one that waits for the disk hands its own to the next. */
unsigned walk_threads(unsigned wish);

struct walk;

/* worker: of the thread that calls. path: below the root, with a leading '/'. */
typedef void (*walk_file_fn)(void *worker, int dir, const char *name, const char *path);
typedef void (*walk_unreadable_fn)(void *worker, const char *path, int error);

struct walk_about {
	const char *start;    /* where to begin, below the root: a directory or one file; NULL: the root itself */
	unsigned threads;
	void *const *workers; /* one for each thread */
	walk_file_fn file;
	walk_unreadable_fn unreadable; /* a directory, or a path that is too long */
	const struct paths *list; /* instead of start: these files and no others, on whatever mount; NULL */
};

/* BROKEN: the walk itself failed (memory, threads), or somebody called walk_stop(). */
enum outcome walk_run(int root, const struct walk_about *about, struct walk **slot, struct why *why);
/* From a callback; w is what walk_run() stored in *slot: no more files, why from here. */
void walk_stop(struct walk *w, int error, const char *what, const char *path);

#endif
