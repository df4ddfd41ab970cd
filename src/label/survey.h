/* A whole tree, in parallel: every file in scope examined, judged for each hook that it goes through in life. */
#ifndef IMAGATE_LABEL_SURVEY_H
#define IMAGATE_LABEL_SURVEY_H

#include "base/paths.h"
#include "label/cache.h"
#include "label/examine.h"

#include <stdatomic.h>

struct survey_bad {
	char *path;             /* below the root, malloc'ed */
	uint8_t hook;           /* hook_at() */
	uint8_t state;          /* enum label_state */
	uint16_t rule;          /* index */
};

/* Told of every file and hook that a rule appraises, one at a time, in no order. */
typedef void (*survey_tell_fn)(const char *path, const struct hook *hook, const struct examine_verdict *v, void *arg);

struct survey {
	/* given */
	const struct examine_about *about;
	const struct prover *provers; /* one for each thread */
	unsigned threads;
	const struct paths *list;     /* these files instead of the tree; NULL */
	const struct cache *cache;    /* may be NULL */
	bool all_hooks;               /* not only those of examine_scope(), but each of the mask below */
	unsigned hooks;
	survey_tell_fn tell;          /* may be NULL */
	void *tell_arg;
	/* while it runs, for a progress bar; and at the end */
	_Atomic size_t files, bytes, appraised, cached, unverified;
	/* at the end */
	struct survey_bad *bad;       /* sorted by path; malloc'ed */
	size_t bad_count;
	struct cache_entry *entries;  /* for cache_save(); malloc'ed */
	size_t entries_count;
	_Atomic bool done;
};

/* Stays on the mount of root. OK also where files are bad; BROKEN where the walk itself failed. A file that cannot
 * be read is bad: LABEL_STATE_UNREADABLE. */
enum outcome survey_run(int root, struct survey *s, struct why *why);
void survey_free(struct survey *s);

#endif
