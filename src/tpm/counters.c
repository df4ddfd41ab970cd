/* Which counters of our kind there are. Source: TPM 2.0 Part 3, GetCapability, NV_ReadPublic. */
#include "tpm/context.h"

#define HANDLE_FIRST 0x01810000 /* as in counter.c */
#define ATTRIBUTES                                                                                 \
	(TPMA_NV_AUTHWRITE | TPMA_NV_POLICYREAD | TPMA_NV_READ_STCLEAR | TPMA_NV_NO_DA |           \
	 (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))
#define STATE (TPMA_NV_WRITTEN | TPMA_NV_READLOCKED)

static bool is_counter(struct tpm *t, uint32_t index)
{
	TPM2B_NV_PUBLIC *pub = NULL;
	ESYS_TR nv = ESYS_TR_NONE;
	bool ours = false;

	if (TPM_CALL(t, Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &nv)) != TSS2_RC_SUCCESS)
		return false;
	if (TPM_CALL(t, Esys_NV_ReadPublic(t->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL)) == TSS2_RC_SUCCESS)
		ours = (pub->nvPublic.attributes & ~(TPMA_NV)STATE) == ATTRIBUTES && pub->nvPublic.dataSize == 8;
	(void)Esys_TR_Close(t->esys, &nv); /* only our own bookkeeping */
	Esys_Free(pub);
	return ours;
}

enum outcome tpm_counters(struct tpm *t, uint32_t *ret, size_t max, size_t *ret_count, struct why *why)
{
	TPMS_CAPABILITY_DATA *got = NULL;
	TPMI_YES_NO more;
	TSS2_RC rc = TPM_CALL(t, Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
	                                            HANDLE_FIRST, TPM_COUNTERS_MAX, &more, &got));

	*ret_count = 0;
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_GetCapability", "counters");
	for (UINT32 i = 0; i < got->data.handles.count && *ret_count < max; i++) {
		uint32_t index = got->data.handles.handle[i];

		if (index < HANDLE_FIRST + TPM_COUNTERS_MAX && is_counter(t, index))
			ret[(*ret_count)++] = index;
	}
	Esys_Free(got);
	return OUTCOME_OK;
}
