/* Labels that came with the files (core/labeldump.h), put on files that the kernel would deny: only where a key of the
 * kernel's keyrings proves them for the file as it is. */
#ifndef IMAGATE_LABEL_READY_H
#define IMAGATE_LABEL_READY_H

#include "base/paths.h"
#include "core/labeldump.h"
#include "core/prover.h"

/* May this content be labelled at all? digest: sha256. */
typedef bool (*ready_proven_fn)(const char *path, const uint8_t digest[static 32], void *arg);

struct ready {
	/* given */
	int root;
	const struct prover *prover;
	const struct paths *wanted; /* sorted: the files that need a label */
	ready_proven_fn proven;     /* NULL: any content */
	void *proven_arg;
	/* at the end */
	size_t written, refused; /* refused: proven, and the kernel did not take them */
};

/* Every *.labels of a directory below the root. OK also where labels did not fit their files. ABSENT: no such
 * directory, or none in it. REFUSED: one is malformed; the others were read. BROKEN. */
enum outcome ready_write(struct ready *r, const char *dir, struct why *why);

#endif
