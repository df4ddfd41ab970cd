#include "tpm/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#define PCR_CHANGED_TRIES 8
#define PCRS_MAX (24 * SEAL_DIGEST_MAX)

/* systemd-stub measures what lies beside the unified kernel image into 12 and 13, only where something does: zero is what binds
 * them to nothing beside it. Under PCR 4, that is: it vouches for the stub, and that the bank is in use. */
static bool zero_says_something(const struct pcr_selection *pcrs, int n)
{
	return (n == 12 || n == 13) && (pcrs->mask & UINT32_C(1) << 4);
}

/* A value that the firmware never extended binds to nothing (CVE-2021-42299). */
static enum outcome refuse_unextended(const struct pcr_selection *pcrs, const uint8_t *values,
                                      size_t len, struct why *why)
{
	size_t each = len / (size_t)__builtin_popcount(pcrs->mask);
	char subject[32];

	for (int n = 0; n < 24; n++) {
		size_t same = 1;

		if (!(pcrs->mask & UINT32_C(1) << n))
			continue;
		while (same < each && values[same] == values[0])
			same++;
		if (same == each && ((values[0] == 0x00 && !zero_says_something(pcrs, n)) || values[0] == 0xff)) {
			(void)snprintf(subject, sizeof(subject), "%s PCR %d", pcr_bank_name(pcrs->bank), n);
			why_set(why, WHY_TEXT, 0, "seal to", subject);
			why_detail(why, "this firmware does not extend it: choose others in imagate.conf, [tpm] pcrs");
			return OUTCOME_REFUSED;
		}
		values += each;
	}
	return OUTCOME_OK;
}

enum outcome tpm_pcr_digest(struct tpm *t, const struct pcr_selection *pcrs, uint8_t ret[static SEAL_DIGEST_MAX],
                            size_t *ret_len, struct why *why)
{
	uint8_t values[PCRS_MAX];
	TPM2B_MAX_BUFFER data = { 0 };
	TPM2B_DIGEST digest;
	size_t len;
	enum outcome o = tpm_pcr_read(t, pcrs, values, sizeof(values), &len, why);

	if (o == OUTCOME_OK)
		o = refuse_unextended(pcrs, values, len, why);
	if (o != OUTCOME_OK)
		return o;
	if (len > sizeof(data.buffer)) {
		why_set(why, WHY_TEXT, 0, "seal to", "PCRs");
		why_detail(why, "too many of them for this bank: choose fewer in imagate.conf, [tpm] pcrs");
		return OUTCOME_REFUSED;
	}
	memcpy(data.buffer, values, len);
	data.size = (UINT16)len;
	o = tpm_hash(t, &data, &digest, why);
	if (o != OUTCOME_OK)
		return o;
	memcpy(ret, digest.buffer, digest.size);
	*ret_len = digest.size;
	return OUTCOME_OK;
}

static enum outcome marshal(const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *priv, struct seal_object *ret,
                            struct why *why)
{
	TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Marshal(pub, ret->public_part, sizeof(ret->public_part),
	                                          &ret->public_len);

	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPM2B_PRIVATE_Marshal(priv, ret->private_part, sizeof(ret->private_part),
		                                   &ret->private_len);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "marshal", "sealed object");
}

static enum outcome create(struct tpm *t, const TPM2B_DIGEST *policy, const struct secret *payload,
                           struct seal_object *ret, struct why *why)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = (UINT16)payload->len };
	TPM2B_PUBLIC in = { .publicArea = {
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		/* no userWithAuth: only the policy opens it */
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA,
		.authPolicy = *policy,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
	} };
	TPM2B_PUBLIC *pub = NULL;
	TPM2B_PRIVATE *priv = NULL;
	ESYS_TR session = ESYS_TR_NONE;
	enum outcome o = tpm_session(t, TPM2_SE_HMAC, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT,
	                             &session, why);
	TSS2_RC rc;

	if (o != OUTCOME_OK)
		return o;
	memcpy(sensitive.sensitive.data.buffer, payload->bytes, payload->len);
	rc = TPM_CALL(t, Esys_Create(t->esys, t->srk, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &in,
	                             &no_data, &no_pcrs, &priv, &pub, NULL, NULL, NULL));
	explicit_bzero(&sensitive, sizeof(sensitive));
	tpm_flush(t, &session);
	o = rc == TSS2_RC_SUCCESS ? marshal(pub, priv, ret, why)
	                          : tpm_failed(why, rc, "Esys_Create", "sealed object");
	Esys_Free(pub);
	Esys_Free(priv);
	return o;
}

enum outcome tpm_seal(struct tpm *t, const struct secret *payload, struct seal_object *o, const struct seal_signer *signers,
                      size_t count, struct why *why)
{
	TPM2B_DIGEST policy = { .size = SEAL_BRANCH_LEN };
	enum outcome out;

	if (payload->len > 128 || o->pcrs.mask == 0 || o->pcr_digest_len == 0 || o->counter == 0 || count > SEAL_SIGNERS_MAX) { /* MAX_SYM_DATA */
		why_set(why, WHY_TEXT, 0, "seal", "payload, PCR selection or counter");
		return OUTCOME_BROKEN;
	}
	o->public_len = o->private_len = 0;
	o->resets = 0;
	o->approval.signature_len = 0;
	out = tpm_policy_to_approve(t, o, policy.buffer, why);
	if (out == OUTCOME_OK)
		out = tpm_policy_branches(t, o, signers, count, &policy, why);
	if (out == OUTCOME_OK)
		out = tpm_policy_counter_digest(t, o->counter, o->generation, &policy, why);
	if (out == OUTCOME_OK)
		out = create(t, &policy, payload, o, why);
	o->parent = t->srk_transient ? TPM2_RH_OWNER : 0x81000001;
	return out;
}

static enum outcome load(struct tpm *t, const struct seal_object *o, ESYS_TR *ret, struct why *why)
{
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_PRIVATE priv = { 0 };
	size_t at = 0;
	TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(o->public_part, o->public_len, &at, &pub);

	if (rc == TSS2_RC_SUCCESS && at != o->public_len)
		rc = TPM2_RC_SIZE;
	at = 0;
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPM2B_PRIVATE_Unmarshal(o->private_part, o->private_len, &at, &priv);
	if (rc == TSS2_RC_SUCCESS && at != o->private_len)
		rc = TPM2_RC_SIZE;
	if (rc != TSS2_RC_SUCCESS) {
		(void)tpm_failed(why, rc, "unmarshal", "sealed object");
		why_detail(why, "the sealed object is damaged: restore seal.pem or seal again");
		return OUTCOME_BROKEN;
	}
	/* no secret in it: what is unsealed later is tied to this object's name by the session */
	rc = TPM_CALL(t, Esys_Load(t->esys, t->srk, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &priv,
	                           &pub, ret));
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	*ret = ESYS_TR_NONE;
	return tpm_failed(why, rc, "Esys_Load", "sealed object");
}

/* Where others may approve, PolicyOR is the first to see that the PCRs are not those that were sealed to. */
static enum outcome refused(struct why *why, TSS2_RC rc, const char *operation)
{
	enum outcome o = tpm_failed(why, rc, operation, "sealed object");

	if (!tpm_rc_is(rc, TPM2_RC_VALUE) || strcmp(operation, "Esys_PolicyOR") != 0)
		return o;
	why_detail(why, tpm_code_words(TPM2_RC_POLICY_FAIL));
	return OUTCOME_REFUSED;
}

/* One try with a session of its own; *ret_rc is the last code. */
static enum outcome unseal_once(struct tpm *t, const struct seal_object *o, ESYS_TR object,
                                struct secret *ret, TSS2_RC *ret_rc, struct why *why)
{
	ESYS_TR session = ESYS_TR_NONE;
	TPM2B_SENSITIVE_DATA *data = NULL;
	enum outcome out = tpm_session(t, TPM2_SE_POLICY, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT,
	                               &session, why);
	const char *operation;

	*ret_rc = TSS2_RC_SUCCESS;
	if (out != OUTCOME_OK)
		return out;
	*ret_rc = tpm_policy_session(t, session, o, &operation, why);
	if (*ret_rc == TSS2_RC_SUCCESS)
		out = tpm_policy_counter(t, session, o->counter, o->generation, ret_rc, why);
	if (out != OUTCOME_OK)
		return tpm_flush(t, &session), out;
	if (*ret_rc == TSS2_RC_SUCCESS) {
		operation = "Esys_Unseal";
		*ret_rc = TPM_CALL(t, Esys_Unseal(t->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data));
	}
	tpm_flush(t, &session);
	if (*ret_rc != TSS2_RC_SUCCESS)
		return refused(why, *ret_rc, operation);
	out = secret_set(ret, data->buffer, data->size) ? OUTCOME_OK : OUTCOME_BROKEN;
	explicit_bzero(data, sizeof(*data));
	Esys_Free(data);
	if (out != OUTCOME_OK)
		why_set(why, WHY_TEXT, 0, "Esys_Unseal", "more than a payload");
	return out;
}

enum outcome tpm_unseal(struct tpm *t, const struct seal_object *o, const uint8_t *srk_name,
                        size_t srk_name_len, struct secret *ret, struct why *why)
{
	ESYS_TR object = ESYS_TR_NONE;
	enum outcome out = tpm_find_srk(t, srk_name, srk_name_len, why);
	TSS2_RC rc;

	if (out == OUTCOME_OK)
		out = load(t, o, &object, why);
	if (out != OUTCOME_OK)
		return out;
	for (int i = 0; i < PCR_CHANGED_TRIES; i++) {
		out = unseal_once(t, o, object, ret, &rc, why);
		if (!tpm_rc_is(rc, TPM2_RC_PCR_CHANGED))
			break;
	}
	tpm_flush(t, &object);
	return out;
}
