/* After a good boot: slots that were approved for updates, and what they replaced. */
#ifndef IMAGATE_CLI_SETTLE_H
#define IMAGATE_CLI_SETTLE_H

#include "core/config.h"
#include "core/outcome.h"
#include "core/record.h"
#include "core/why.h"

struct settled {
	size_t dropped;  /* slots for the values that the machine had before */
	bool suspended;  /* it was suspended for a boot that did not need it */
};
/* Drops what this good boot makes superfluous, and asks for the generation to end, and copies of what was dropped with it. OK, too, where there is nothing to do: no seal, or no key from the TPM in this
 * boot. */
enum outcome settle_slots(const struct config *c, const struct record *r, struct settled *ret, struct why *why);

#endif
