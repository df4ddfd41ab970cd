/* From one stage to the next, when the evidence is there. */
#ifndef IMAGATE_CLI_PROMOTE_H
#define IMAGATE_CLI_PROMOTE_H

#include "core/config.h"
#include "core/record.h"
#include "core/rollout.h"

/* What is next for the stage that runs, by what can be seen on this system. In fix it walks the whole root. */
void promote_look(const struct record *r, const struct config *c, struct promotion *ret);
/* Does it, if it may be. asked, by a person: otherwise says what is missing and answers IMAGATE_NOT_ADMITTED, and
 * begins another trial after one that fell back. */
int promote_if_shown(const struct record *r, const struct config *c, bool asked);

#endif
