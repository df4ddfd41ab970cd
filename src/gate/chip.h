/* What the TPM says of its PCRs; asked once for each selection. */
#ifndef IMAGATE_GATE_CHIP_H
#define IMAGATE_GATE_CHIP_H

#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

struct tpm;

struct chip_state {
	struct pcr_selection pcrs; /* mask 0: not asked */
	uint8_t digest[SEAL_DIGEST_MAX];
	size_t digest_len;
};

/* c is about these PCRs then. */
enum outcome chip_ask(struct tpm *t, const struct pcr_selection *pcrs, struct chip_state *c, struct why *why);

#endif
