/* From one stage to the next, when the evidence is there. */
#ifndef IMAGATE_CLI_PROMOTE_H
#define IMAGATE_CLI_PROMOTE_H

#include "core/config.h"
#include "core/record.h"
#include "core/rollout.h"

/* What is next for the stage that runs, by what can be seen on this system. In fix it walks the whole root. */
void promote_look(const struct record *r, const struct config *c, struct promotion *ret);
/* Does it, if it may be; otherwise says what is missing (quiet: not) and answers IMAGATE_NOT_ADMITTED. */
int promote_if_shown(const struct record *r, const struct config *c, bool quiet);

#endif
