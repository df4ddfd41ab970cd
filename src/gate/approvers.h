/* Who may approve other PCR values for what is sealed now. */
#ifndef IMAGATE_GATE_APPROVERS_H
#define IMAGATE_GATE_APPROVERS_H

#include "base/secret.h"
#include "core/config.h"
#include "core/seal.h"
#include "core/why.h"

/* For tpm_seal(). The verified system itself, by the request key of this generation, unless [reseal] online = no; and
 * the fleet's key, where there is one (NULL: there is none). */
enum outcome approvers_of(const struct config *c, const struct secret *master, uint64_t generation, const struct seal_signer *fleet,
                          struct seal_signer ret[static SEAL_SIGNERS_MAX], size_t *ret_count, struct why *why);

#endif
