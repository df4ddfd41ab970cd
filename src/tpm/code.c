/* TSS and TPM response codes: what they mean for us. Source: TPM 2.0 Part 2, 6.6.3. */
#include "tpm/context.h"

#include <tss2/tss2_tpm2_types.h>

/* Format-one codes carry which handle, session or parameter they concern. */
static TSS2_RC base_of(TSS2_RC rc)
{
	return (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER && (rc & TPM2_RC_FMT1) ? rc & 0xbf : rc;
}

bool tpm_rc_is(TSS2_RC rc, TSS2_RC base)
{
	/* the kernel's resource manager puts its own layer on what the TPM answered */
	return base_of(rc & ~TSS2_RC_LAYER_MASK) == base;
}

static const struct {
	TSS2_RC base;
	enum outcome outcome;
	const char *words;
} codes[] = {
	{ TPM2_RC_POLICY_FAIL, OUTCOME_REFUSED, "the PCRs are not those that were sealed to" },
	{ TPM2_RC_POLICY, OUTCOME_REFUSED, "the policy is not met" },
	{ TPM2_RC_VALUE, OUTCOME_BROKEN, "the TPM does not take a value, or does not have this PCR bank" },
	{ TPM2_RC_SIGNATURE, OUTCOME_REFUSED, "the PCRs are not those that were approved" },
	{ TPM2_RC_AUTH_FAIL, OUTCOME_REFUSED, "wrong authorisation" },
	{ TPM2_RC_BAD_AUTH, OUTCOME_REFUSED, "the owner hierarchy has a password, and there is no storage "
	  "root key at 0x81000001: make one with tpm2_createprimary and tpm2_evictcontrol" },
	{ TPM2_RC_NV_LOCKED, OUTCOME_REFUSED, "the door is closed: the key can be had again after the next reboot" },
	{ TPM2_RC_NV_SPACE, OUTCOME_BROKEN, "the TPM has no room for a counter: delete an NV index that nobody needs "
	  "(tpm2_getcap handles-nv-index, tpm2_nvundefine)" },
	{ TPM2_RC_INTEGRITY, OUTCOME_BROKEN, "the sealed object is damaged, or was made by another TPM" },
	{ TPM2_RC_SIZE, OUTCOME_BROKEN, "the sealed object is damaged" },
	{ TPM2_RC_LOCKOUT, OUTCOME_BROKEN, "the TPM is locked out: wait, or tpm2_dictionarylockout" },
	{ TPM2_RC_PCR_CHANGED, OUTCOME_BROKEN, "a PCR changed again and again while it was being used" },
	{ TPM2_RC_FAILURE, OUTCOME_BROKEN, "the TPM is in failure mode: switch the machine off and on" },
	{ TPM2_RC_INITIALIZE, OUTCOME_BROKEN, "the firmware did not start the TPM" },
	{ TPM2_RC_DISABLED, OUTCOME_BROKEN, "the TPM's owner hierarchy is disabled" },
	{ TPM2_RC_HIERARCHY, OUTCOME_BROKEN, "the TPM's owner hierarchy is disabled: see the firmware setup" },
	{ TPM2_RC_OBJECT_MEMORY, OUTCOME_BROKEN, "the TPM has no room for another object" },
	{ TPM2_RC_SESSION_MEMORY, OUTCOME_BROKEN, "the TPM has no room for another session" },
	{ TPM2_RC_RETRY, OUTCOME_BROKEN, "the TPM is busy" },
	{ TPM2_RC_YIELDED, OUTCOME_BROKEN, "the TPM is busy" },
	{ TPM2_RC_TESTING, OUTCOME_BROKEN, "the TPM is testing itself" },
	{ TPM2_RC_CANCELED, OUTCOME_BROKEN, "the TPM command was cancelled" },
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

enum outcome tpm_outcome(uint32_t rc)
{
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	for (size_t i = 0; i < CODES; i++)
		if (tpm_rc_is(rc, codes[i].base) && (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER)
			return codes[i].outcome;
	return OUTCOME_BROKEN;
}

const char *tpm_code_words(uint32_t rc)
{
	switch (rc & TSS2_RC_LAYER_MASK) {
	case TSS2_TCTI_RC_LAYER: return "the TPM device does not answer, or somebody holds it";
	case TSS2_ESAPI_RC_LAYER: return "the TPM's answer does not verify";
	case TSS2_TPM_RC_LAYER: break;
	default: return NULL;
	}
	for (size_t i = 0; i < CODES; i++)
		if (tpm_rc_is(rc, codes[i].base))
			return codes[i].words;
	return NULL;
}

enum outcome tpm_failed(struct why *why, TSS2_RC rc, const char *operation, const char *subject)
{
	const char *words = tpm_code_words(rc);

	why_set(why, WHY_TPM, rc, operation, subject);
	if (words)
		why_detail(why, words);
	return tpm_outcome(rc);
}
