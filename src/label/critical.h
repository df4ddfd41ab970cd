/* The list of boot-critical programs: made here, and noticed when it is old. */
#ifndef IMAGATE_LABEL_CRITICAL_H
#define IMAGATE_LABEL_CRITICAL_H

#include "core/critical.h"

#include <sys/stat.h>

#define CRITICAL_SEEN_PATH "/var/lib/imagate/critical.seen" /* what ran in boots that were blessed, a path a line */

/* Of the unit directories, their names and times. What was seen to run is not in it: it grows by itself, and what is
 * new there waits for the next initramfs. */
uint64_t critical_stamp(int root);

/* Nobody else may change it. Others could keep the machine from booting by what they do to a program of theirs. */
bool critical_is_roots(const struct stat *st);

typedef void (*critical_path_fn)(const char *path, void *arg);
/* Each program once, in order: those that units start, and those that were seen. Only what is there, is root's, and can be
 * executed or mapped. False: it could not be made. */
bool critical_make(int root, critical_path_fn path, void *arg);

#endif
