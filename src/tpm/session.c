#include "tpm/context.h"

enum outcome tpm_session(struct tpm *t, TPM2_SE type, TPMA_SESSION attributes, ESYS_TR *ret,
                         struct why *why)
{
	static const TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128,
	                                  .mode.aes = TPM2_ALG_CFB };
	TSS2_RC rc = TPM_CALL(t, Esys_StartAuthSession(t->esys, t->srk, ESYS_TR_NONE, ESYS_TR_NONE,
	                                               ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &aes,
	                                               TPM2_ALG_SHA256, ret));

	if (rc != TSS2_RC_SUCCESS) {
		*ret = ESYS_TR_NONE;
		return tpm_failed(why, rc, "Esys_StartAuthSession", "");
	}
	rc = Esys_TRSess_SetAttributes(t->esys, *ret, attributes, 0xff);
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	tpm_flush(t, ret);
	return tpm_failed(why, rc, "Esys_TRSess_SetAttributes", "");
}
