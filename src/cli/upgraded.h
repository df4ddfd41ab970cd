/* 'imagate upgraded', its parts: which files (upgradedlist.c), and what the kernel would do with them
 * (upgradedlabel.c). */
#ifndef IMAGATE_CLI_UPGRADED_H
#define IMAGATE_CLI_UPGRADED_H

#include "base/paths.h"
#include "cli/labelwrite.h"
#include "core/record.h"
#include "label/survey.h"

#include <time.h>

struct upgraded_wish {
	struct labelwrite_wish label; /* keys and configuration */
	const char *files_from;       /* "-": standard input; NULL: dpkg's own books */
	bool dry_run;                 /* only look */
};

/* What has changed since the last time, and what was denied then. Exit code. *ret_now: what to keep with
 * upgraded_keep(). */
int upgraded_list(const struct upgraded_wish *w, struct paths *ret, struct timespec *ret_now);
/* The files that are denied are looked at again the next time; from_dpkg: what is older than now is not. */
int upgraded_keep(const struct paths *denied, bool from_dpkg, const struct timespec *now);
/* Where there is no mark yet, from now on. */
int upgraded_begin(void);

/* Names what would keep the hook ("shell PATH") or this verb ("imagate PATH") from being started if a package brought it. Exit code. */
int upgraded_fragile(const struct upgraded_wish *w, int root);

/* How many files are bad. */
size_t upgraded_files(const struct survey *s);
/* Labels what needs it and can be labelled. record: of this boot, or NULL. Exit code: IMAGATE_OK also where files will
 * be denied: *ret->bad, to be freed. *ret_labelled: how many will not be any more. */
int upgraded_label(const struct upgraded_wish *w, const struct record *record, const struct paths *list,
                   struct survey *ret, size_t *ret_labelled);

#endif
