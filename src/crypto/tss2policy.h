/* Inside the crypto room: the policy commands of a TSS2 PRIVATE KEY block, one by one, in their order. */
#ifndef IMAGATE_CRYPTO_TSS2POLICY_H
#define IMAGATE_CRYPTO_TSS2POLICY_H

#include "core/seal.h"

#define TSS2_COMMANDS 5
#define TSS2_COMMAND_MAX (SEAL_PUBLIC_MAX + SEAL_REF_MAX + SEAL_SIGNATURE_MAX + 16)

/* TPM 2.0 Part 2, TPM_CC; in the order in which they may come. */
extern const long tss2policy_code[TSS2_COMMANDS];
/* Takes the command at this place of that list; false: it is damaged, or of a form that imagate does not make. */
bool tss2policy_take(int place, const uint8_t *p, size_t len, struct seal_object *ret);
/* The counterpart: 0 where the object has none of it. */
size_t tss2policy_format(int place, const struct seal_object *o, uint8_t ret[static TSS2_COMMAND_MAX]);
/* All taken: does it belong together? seen: bit for each place. */
bool tss2policy_whole(unsigned seen, const struct seal_object *o);

#endif
