#include "tpm/context.h"

#include <stdio.h>
#include <string.h>

static TPM2_ALG_ID bank_algorithm(enum pcr_bank b)
{
	switch (b) {
	case PCR_BANK_SHA256: return TPM2_ALG_SHA256;
	case PCR_BANK_SHA384: return TPM2_ALG_SHA384;
	case PCR_BANK_SHA512: return TPM2_ALG_SHA512;
	default: return TPM2_ALG_NULL;
	}
}

void tpm_pcr_list(const struct pcr_selection *s, TPML_PCR_SELECTION *ret)
{
	*ret = (TPML_PCR_SELECTION){ .count = 1 };
	ret->pcrSelections[0].hash = bank_algorithm(s->bank);
	ret->pcrSelections[0].sizeofSelect = 3;
	for (int i = 0; i < 3; i++)
		ret->pcrSelections[0].pcrSelect[i] = (BYTE)(s->mask >> 8 * i);
}

static enum outcome no_bank(const struct pcr_selection *s, struct why *why)
{
	why_set(why, WHY_TEXT, 0, "Esys_PCR_Read", pcr_bank_name(s->bank));
	why_detail(why, "this TPM does not have this PCR bank: choose another in imagate.conf, [tpm] pcrs");
	return OUTCOME_REFUSED;
}

/* The TPM answers with at most eight values at a time, in ascending order. */
static enum outcome read_some(struct tpm *t, struct pcr_selection *left, uint8_t *ret, size_t size,
                              size_t *used, struct why *why)
{
	TPML_PCR_SELECTION want, *got = NULL;
	TPML_DIGEST *values = NULL;
	enum outcome o = OUTCOME_OK;
	TSS2_RC rc;

	tpm_pcr_list(left, &want);
	rc = TPM_CALL(t, Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &want, NULL,
	                               &got, &values));
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_PCR_Read", pcr_bank_name(left->bank));
	if (values->count == 0 || got->count != 1)
		o = no_bank(left, why);
	for (UINT32 i = 0; o == OUTCOME_OK && i < values->count; i++) {
		if (values->digests[i].size > size - *used) {
			why_set(why, WHY_TEXT, 0, "Esys_PCR_Read", "more values than fit");
			o = OUTCOME_BROKEN;
			break;
		}
		memcpy(ret + *used, values->digests[i].buffer, values->digests[i].size);
		*used += values->digests[i].size;
	}
	for (int i = 0; o == OUTCOME_OK && i < 3; i++)
		left->mask &= ~((uint32_t)got->pcrSelections[0].pcrSelect[i] << 8 * i);
	Esys_Free(got);
	Esys_Free(values);
	return o;
}

enum outcome tpm_pcr_read(struct tpm *t, const struct pcr_selection *pcrs, uint8_t *ret, size_t size,
                          size_t *ret_len, struct why *why)
{
	struct pcr_selection left = *pcrs;
	enum outcome o = OUTCOME_OK;

	*ret_len = 0;
	while (o == OUTCOME_OK && left.mask) {
		uint32_t before = left.mask;

		o = read_some(t, &left, ret, size, ret_len, why);
		if (o == OUTCOME_OK && left.mask == before)
			return no_bank(pcrs, why);
	}
	return o;
}
