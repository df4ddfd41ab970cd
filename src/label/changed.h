/* What a package manager has changed, from its own books: no walk over the disk. */
#ifndef IMAGATE_LABEL_CHANGED_H
#define IMAGATE_LABEL_CHANGED_H

#include "base/paths.h"
#include "core/outcome.h"
#include "core/why.h"

#include <time.h>

/* The files of every package that dpkg has unpacked since then (its list is as new), and the package's scripts; of
 * what lies in /etc, also PATH.dpkg-new, where dpkg keeps it until the package is configured. ABSENT: no dpkg here.
 * BROKEN. */
enum outcome changed_by_dpkg(int root, const struct timespec *since, struct paths *ret, struct why *why);

#endif
