/* A request to the next boot's gate, signed with the key that this boot's gate left to root. */
#ifndef IMAGATE_CLI_ASKING_H
#define IMAGATE_CLI_ASKING_H

#include "core/stage.h"

/* One of both; the other STAGE_UNSET. Returns an exit code, and has said what is wrong. An older request is
 * replaced. */
int asking_store(enum stage permit, enum stage floor);

#endif
