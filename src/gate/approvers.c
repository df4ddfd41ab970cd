#include "gate/approvers.h"

#include "crypto/crypto.h"

enum outcome approvers_of(const struct config *c, const struct secret *master, uint64_t generation, const struct seal_signer *fleet,
                          struct seal_signer ret[static SEAL_SIGNERS_MAX], size_t *ret_count, struct why *why)
{
	SECRET key = { 0 };
	enum outcome o = OUTCOME_OK;

	*ret_count = 0;
	if (fleet)
		ret[(*ret_count)++] = *fleet;
	if (c->reseal_online != ANSWER_YES)
		return OUTCOME_OK;
	o = request_key(master, generation, &key, why);
	if (o == OUTCOME_OK)
		o = approval_signer(&key, &ret[*ret_count], why);
	*ret_count += o == OUTCOME_OK;
	return o;
}
