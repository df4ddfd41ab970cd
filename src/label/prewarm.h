/* The boot-critical programs and what they load, mapped before the boot asks for them, so that the kernel has read, hashed
 * and appraised them by then. Changes nothing, and judges nothing: what the kernel denies is counted, and that is all. */
#ifndef IMAGATE_LABEL_PREWARM_H
#define IMAGATE_LABEL_PREWARM_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prewarm {
	/* given */
	unsigned seconds; /* no file is begun after them */
	uint64_t most;    /* bytes: a file that would make it more is left out */
	unsigned threads;
	/* at the end */
	size_t files, failed;
	uint64_t bytes;
	bool late, full;  /* left something out, for time or for bytes */
};

/* OK also where files failed; BROKEN: there is no list of programs, or no thread. */
enum outcome prewarm_run(int root, struct prewarm *p, struct why *why);

#endif
