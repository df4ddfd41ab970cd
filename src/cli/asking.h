/* A request to the next boot's gate, signed with the key that this boot's gate left to root. */
#ifndef IMAGATE_CLI_ASKING_H
#define IMAGATE_CLI_ASKING_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/stage.h"
#include "core/why.h"

/* One of both; the other STAGE_UNSET. Returns an exit code, and has said what is wrong. An older request is
 * replaced. */
int asking_store(enum stage permit, enum stage floor);

/* The next boot counts up, with the floor that is: what was sealed so far, and copies of it, opens nothing then. Whatever is asked for
 * already has it count up, and stays. As asking_store(). */
int asking_count_up(enum stage floor);

/* Is one there that the next boot's gate will see to, and is it for the floor? */
bool asking_pending(bool *ret_floor);

/* The request key that this boot's gate left to root, and its generation. ABSENT: none. */
enum outcome asking_key(uint64_t *ret_generation, struct secret *ret, struct why *why);

#endif
