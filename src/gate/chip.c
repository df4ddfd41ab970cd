#include "gate/chip.h"

#include "crypto/crypto.h"
#include "tpm/tpm.h"

enum outcome chip_ask(struct tpm *t, const struct pcr_selection *pcrs, struct chip_state *c, struct why *why)
{
	uint8_t values[24 * SEAL_DIGEST_MAX];
	struct part all = { values, 0 };
	enum outcome o;

	if (c->pcrs.mask && c->pcrs.bank == pcrs->bank && c->pcrs.mask == pcrs->mask)
		return OUTCOME_OK;
	o = tpm_pcr_read(t, pcrs, values, sizeof(values), &all.len, why);
	if (o == OUTCOME_OK)
		o = digest_parts(&all, 1, c->digest, why);
	c->digest_len = 32;
	c->pcrs = o == OUTCOME_OK ? *pcrs : (struct pcr_selection){ 0 };
	return o;
}
