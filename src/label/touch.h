/* Labels by the kernel's own hand: in the fix stage a file gets its label (and its HMAC) when a
 * hook that the policy appraises sees it. Mapping a file for execution is such a hook, and
 * changes nothing else: nothing of the file is run. */
#ifndef IMAGATE_LABEL_TOUCH_H
#define IMAGATE_LABEL_TOUCH_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>
#include <stddef.h>

struct touch_count {
	size_t seen;      /* regular files in scope */
	size_t labelled;  /* carry security.ima now and did not before */
	size_t kept;      /* carried it before */
	size_t failed;    /* could not be mapped, or have no label after it */
};

/* The same walk, only looking: failed counts those without a label. */
enum outcome touch_coverage(const char *dir, void (*report)(const char *path, const char *reason, void *arg), void *arg,
                            struct touch_count *ret, struct why *why);

/* Told of each file that failed, and, with reason NULL, of every TOUCH_PROGRESS-th in scope. */
#define TOUCH_PROGRESS 1000
typedef void (*touch_report_fn)(const char *path, const char *reason, void *arg);

/* Walks dir below root without leaving its file system and without following links. In
 * scope: what may be executed or mapped (an execute bit, ELF), kernel modules, firmware and
 * kernels. OK also where files failed: the counts say so. BROKEN if the walk itself could
 * not be done. */
enum outcome touch_tree(const char *dir, touch_report_fn report, void *arg,
                        struct touch_count *ret, struct why *why);
/* The same, but what carries a label already is left alone: seconds instead of minutes. */
enum outcome touch_missing(const char *dir, touch_report_fn report, void *arg,
                           struct touch_count *ret, struct why *why);

#endif
