/* Labels written from user space: security.ima (hash or signature) and security.evm (HMAC or portable signature) of
 * every file that a policy appraises, in parallel. What is right already is kept; content, times and owners are
 * never touched; run again after a power cut it goes on where it was. */
#ifndef IMAGATE_LABEL_LABELLER_H
#define IMAGATE_LABEL_LABELLER_H

#include "base/paths.h"
#include "core/maker.h"
#include "core/prover.h"
#include "label/examine.h"

#include <stdatomic.h>

struct labeller_bad {
	char *path;         /* below the root, malloc'ed */
	const char *reason; /* a constant, with the remedy where there is one */
};

/* May this content be labelled at all? Of several threads at once. */
typedef bool (*labeller_proven_fn)(const char *path, const uint8_t *digest, size_t len, void *arg);

struct labeller {
	/* given */
	const struct examine_about *about; /* the policy: what is in scope */
	const struct maker *makers;        /* one for each thread */
	const struct prover *provers;      /* the same; a signature that one of them finds wrong is not kept. NULL: any is */
	unsigned threads;
	const char *start;                 /* below the root; NULL: all of it */
	const struct paths *list;          /* these files instead; NULL */
	bool all;                          /* every regular file, whatever the policy says */
	bool verity;                       /* enable fs-verity, for ever, where a rule wants it; with all, and where no rule wants
	                                    * the content, from this size on, too: */
	uint64_t verity_least;
	bool dry_run;                      /* only count */
	labeller_proven_fn proven;         /* NULL: any content */
	void *proven_arg;
	/* while it runs, and at the end */
	_Atomic size_t files, bytes, labelled, kept, skipped, unproven, enabled;
	/* at the end: sorted by path; malloc'ed */
	struct labeller_bad *bad;
	size_t bad_count;
};

/* OK also where files failed. REFUSED: this file system, or this kernel, takes no such labels at all: why says which
 * and what to do. BROKEN: the walk failed. */
enum outcome labeller_run(int root, struct labeller *l, struct why *why);
void labeller_free(struct labeller *l);

#endif
