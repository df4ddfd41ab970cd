/* The digests of a tree's files, in parallel: SHA-256, sorted as catalogues are. */
#ifndef IMAGATE_LABEL_TREEDIGEST_H
#define IMAGATE_LABEL_TREEDIGEST_H

#include "core/outcome.h"
#include "core/prover.h"

#include <stdatomic.h>
#include <stdbool.h>

struct treedigest_entry {
	char *path;  /* below the root, malloc'ed */
	int error;   /* errno: it, or a directory, could not be read; EAGAIN: it changes all the time */
	uint8_t digest[32];
};

struct treedigest {
	/* given */
	const struct prover *provers; /* one for each thread */
	unsigned threads;
	const char *const *starts;    /* below the root, ends with NULL; NULL or empty: all of it */
	bool all;                     /* every regular file; otherwise what can be executed, mapped or loaded */
	/* while it runs, and at the end */
	_Atomic size_t files, bytes;
	/* at the end; malloc'ed, no path twice */
	struct treedigest_entry *entry;
	size_t count, bad;            /* bad: entries with an error */
};

/* Stays on the mounts of the starts. OK also where files could not be read. BROKEN: the walk failed. */
enum outcome treedigest_run(int root, struct treedigest *t, struct why *why);
void treedigest_free(struct treedigest *t);

#endif
