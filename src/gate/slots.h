/* Inside the gate: which slot of the seal, and what it holds. */
#ifndef IMAGATE_GATE_SLOTS_H
#define IMAGATE_GATE_SLOTS_H

#include "gate/boot.h"
#include "gate/chip.h"

/* Of these places of b->seal, in their order, the first that unseals: b->master and what the payload says. Where there is
 * a choice the PCRs are compared first, so that the TPM is asked for one. Then, where there is a fleet's key, with the values of
 * now as it has signed them. */
enum outcome slots_try(struct boot *b, const size_t *places, size_t count, struct chip_state *c, struct why *why);
/* The door is closed: would one of them fit? */
enum outcome slots_rehearse(struct boot *b, const size_t *places, size_t count, struct why *why);

#endif
