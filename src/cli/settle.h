/* After a good boot: slots that were approved for updates, and what they replaced. */
#ifndef IMAGATE_CLI_SETTLE_H
#define IMAGATE_CLI_SETTLE_H

#include "core/config.h"
#include "core/outcome.h"
#include "core/why.h"

/* Drops what this good boot in this stage makes superfluous: the slots for the values that the machine had before. OK, too, where there
 * is nothing to do: no seal, or no key from the TPM in this boot. */
enum outcome settle_slots(const struct config *c, enum stage stage, size_t *ret_dropped, struct why *why);

#endif
