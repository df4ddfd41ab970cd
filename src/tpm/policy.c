/* What a sealed object is bound to, beside the counter. Sources: TPM 2.0 Part 3, PolicyPCR 23.7, PolicyCounterTimer 23.10,
 * PolicyAuthorize 23.16, PolicyOR 23.6; Part 2, TPMS_TIME_INFO. */
#include "tpm/context.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#define RESET_COUNT_AT 16 /* in TPMS_TIME_INFO: behind time and clock */

static void append(TPM2B_MAX_BUFFER *b, const void *bytes, size_t len)
{
	memcpy(b->buffer + b->size, bytes, len);
	b->size = (UINT16)(b->size + len);
}

static void append_code(TPM2B_MAX_BUFFER *b, TPM2_CC code)
{
	const uint8_t bytes[4] = { 0, 0, (uint8_t)(code >> 8), (uint8_t)code };

	append(b, bytes, sizeof(bytes));
}

TSS2_RC tpm_policy_bound(struct tpm *t, ESYS_TR session, const struct seal_object *o, const TPM2B_DIGEST *pcr_digest)
{
	TPM2B_OPERAND last = { 4, { (BYTE)(o->resets >> 24), (BYTE)(o->resets >> 16), (BYTE)(o->resets >> 8), (BYTE)o->resets } };
	TSS2_RC rc = TSS2_RC_SUCCESS;
	TPML_PCR_SELECTION list;

	tpm_pcr_list(&o->pcrs, &list);
	if (o->pcrs.mask)
		rc = TPM_CALL(t, Esys_PolicyPCR(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, pcr_digest, &list));
	if (rc == TSS2_RC_SUCCESS && o->resets)
		rc = TPM_CALL(t, Esys_PolicyCounterTimer(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &last,
		                                         RESET_COUNT_AT, TPM2_EO_UNSIGNED_LE));
	return rc;
}

enum outcome tpm_policy_to_approve(struct tpm *t, const struct seal_object *o, uint8_t ret[static SEAL_BRANCH_LEN],
                                   struct why *why)
{
	TPM2B_DIGEST digest = { .size = (UINT16)o->pcr_digest_len };
	ESYS_TR session = ESYS_TR_NONE;
	TPM2B_DIGEST *policy = NULL;
	enum outcome out = tpm_find_srk(t, NULL, 0, why);
	TSS2_RC rc;

	if (out == OUTCOME_OK)
		out = tpm_session(t, TPM2_SE_TRIAL, TPMA_SESSION_CONTINUESESSION, &session, why);
	if (out != OUTCOME_OK)
		return out;
	memcpy(digest.buffer, o->pcr_digest, o->pcr_digest_len);
	rc = tpm_policy_bound(t, session, o, &digest);
	if (rc == TSS2_RC_SUCCESS)
		rc = TPM_CALL(t, Esys_PolicyGetDigest(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &policy));
	if (rc == TSS2_RC_SUCCESS)
		memcpy(ret, policy->buffer, SEAL_BRANCH_LEN); /* SHA-256: the session's hash */
	Esys_Free(policy);
	tpm_flush(t, &session);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "Esys_PolicyPCR", "trial");
}

/* H(H(zeros || TPM_CC_PolicyAuthorize || the key's name) || policyRef): Part 3, 23.16; Part 1, 16 for the name. */
static enum outcome signer_branch(struct tpm *t, const struct seal_signer *s, uint8_t ret[static SEAL_BRANCH_LEN],
                                  struct why *why)
{
	static const uint8_t zeros[SEAL_BRANCH_LEN], sha256[2] = { TPM2_ALG_SHA256 >> 8, TPM2_ALG_SHA256 & 0xff };
	TPM2B_MAX_BUFFER data = { 0 };
	TPM2B_DIGEST digest = { 0 };
	enum outcome o;

	if (s->key_len < 10 || s->key_len > SEAL_PUBLIC_MAX || s->ref_len > SEAL_REF_MAX || memcmp(s->key + 4, sha256, 2) != 0) {
		why_set(why, WHY_TEXT, 0, "approve by", "public key");
		why_detail(why, "it is not one whose name is a SHA-256 digest");
		return OUTCOME_BROKEN;
	}
	append(&data, s->key + 2, s->key_len - 2); /* without its size field */
	o = tpm_hash(t, &data, &digest, why);
	data.size = 0;
	append(&data, zeros, sizeof(zeros));
	append_code(&data, TPM2_CC_PolicyAuthorize);
	append(&data, sha256, sizeof(sha256));
	append(&data, digest.buffer, digest.size);
	if (o == OUTCOME_OK)
		o = tpm_hash(t, &data, &digest, why);
	data.size = 0;
	append(&data, digest.buffer, digest.size);
	append(&data, s->ref, s->ref_len);
	if (o == OUTCOME_OK)
		o = tpm_hash(t, &data, &digest, why);
	if (o == OUTCOME_OK)
		memcpy(ret, digest.buffer, SEAL_BRANCH_LEN);
	return o;
}

enum outcome tpm_signer_may(struct tpm *t, const struct seal_object *o, const struct seal_signer *s, bool *ret, struct why *why)
{
	uint8_t branch[SEAL_BRANCH_LEN];
	enum outcome out = signer_branch(t, s, branch, why);

	*ret = false;
	for (size_t i = 0; out == OUTCOME_OK && i < o->branches; i++)
		*ret = *ret || !memcmp(branch, o->branch[i], SEAL_BRANCH_LEN);
	return out;
}

static void branch_list(const struct seal_object *o, TPML_DIGEST *ret)
{
	*ret = (TPML_DIGEST){ .count = (UINT32)o->branches };
	for (size_t i = 0; i < o->branches; i++) {
		ret->digests[i].size = SEAL_BRANCH_LEN;
		memcpy(ret->digests[i].buffer, o->branch[i], SEAL_BRANCH_LEN);
	}
}

enum outcome tpm_policy_branches(struct tpm *t, struct seal_object *o, const struct seal_signer *signers, size_t count,
                                 TPM2B_DIGEST *policy, struct why *why)
{
	static const uint8_t zeros[SEAL_BRANCH_LEN];
	TPM2B_MAX_BUFFER data = { 0 };
	enum outcome out = OUTCOME_OK;

	o->branches = 0;
	if (count == 0)
		return OUTCOME_OK;
	memcpy(o->branch[o->branches++], policy->buffer, SEAL_BRANCH_LEN);
	for (size_t i = 0; out == OUTCOME_OK && i < count; i++)
		out = signer_branch(t, &signers[i], o->branch[o->branches++], why);
	append(&data, zeros, sizeof(zeros));
	append_code(&data, TPM2_CC_PolicyOR);
	append(&data, o->branch, o->branches * SEAL_BRANCH_LEN);
	return out == OUTCOME_OK ? tpm_hash(t, &data, policy, why) : out;
}

/* -- in the session that unseals ------------------------------------------------------------ */

/* Is it signed? The ticket is the TPM's own word for it. */
static TSS2_RC verify(struct tpm *t, const struct seal_approval *a, const TPM2B_DIGEST *digest, TPM2B_NAME *ret_name,
                      TPMT_TK_VERIFIED *ret_ticket, const char **operation)
{
	ESYS_TR key = ESYS_TR_NONE;
	TPM2B_PUBLIC public = { 0 };
	TPMT_SIGNATURE signature = { 0 };
	TPMT_TK_VERIFIED *ticket = NULL;
	TPM2B_NAME *name = NULL;
	size_t at = 0;
	TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(a->by.key, a->by.key_len, &at, &public);

	at = 0;
	*operation = "unmarshal";
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPMT_SIGNATURE_Unmarshal(a->signature, a->signature_len, &at, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	*operation = "Esys_LoadExternal";
	rc = TPM_CALL(t, Esys_LoadExternal(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &public, ESYS_TR_RH_OWNER, &key));
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	rc = Esys_TR_GetName(t->esys, key, &name);
	if (rc == TSS2_RC_SUCCESS) {
		*operation = "Esys_VerifySignature";
		*ret_name = *name;
		rc = TPM_CALL(t, Esys_VerifySignature(t->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, digest, &signature, &ticket));
	}
	if (rc == TSS2_RC_SUCCESS)
		*ret_ticket = *ticket;
	Esys_Free(name);
	Esys_Free(ticket);
	tpm_flush(t, &key);
	return rc;
}

/* What the session has so far is what must be signed: for other PCRs than those approved the signature is a wrong one. */
static TSS2_RC authorize(struct tpm *t, ESYS_TR session, const struct seal_approval *a, const char **operation, struct why *why)
{
	TPM2B_MAX_BUFFER data = { 0 };
	TPM2B_DIGEST *now = NULL, digest;
	TPM2B_NONCE ref = { .size = (UINT16)a->by.ref_len };
	TPMT_TK_VERIFIED ticket;
	TPM2B_NAME name;
	TSS2_RC rc = TPM_CALL(t, Esys_PolicyGetDigest(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now));

	*operation = "Esys_PolicyGetDigest";
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	append(&data, now->buffer, now->size);
	append(&data, a->by.ref, a->by.ref_len);
	memcpy(ref.buffer, a->by.ref, a->by.ref_len);
	*operation = "Esys_Hash";
	rc = tpm_hash(t, &data, &digest, why) == OUTCOME_OK ? TSS2_RC_SUCCESS : TPM2_RC_FAILURE;
	if (rc == TSS2_RC_SUCCESS)
		rc = verify(t, a, &digest, &name, &ticket, operation);
	if (rc == TSS2_RC_SUCCESS) {
		*operation = "Esys_PolicyAuthorize";
		rc = TPM_CALL(t, Esys_PolicyAuthorize(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, now, &ref, &name, &ticket));
	}
	Esys_Free(now);
	return rc;
}

TSS2_RC tpm_policy_session(struct tpm *t, ESYS_TR session, const struct seal_object *o, const char **operation, struct why *why)
{
	static const TPM2B_DIGEST as_they_are;
	TPML_DIGEST list;
	TSS2_RC rc = tpm_policy_bound(t, session, o, &as_they_are);

	*operation = "Esys_PolicyPCR";
	if (rc == TSS2_RC_SUCCESS && o->approval.signature_len)
		rc = authorize(t, session, &o->approval, operation, why);
	if (rc == TSS2_RC_SUCCESS && o->branches) {
		*operation = "Esys_PolicyOR";
		branch_list(o, &list);
		rc = TPM_CALL(t, Esys_PolicyOR(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &list));
	}
	return rc;
}

enum outcome tpm_resets(struct tpm *t, uint32_t *ret, struct why *why)
{
	TPMS_TIME_INFO *now = NULL;
	TSS2_RC rc = TPM_CALL(t, Esys_ReadClock(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now));

	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_ReadClock", "");
	*ret = now->clockInfo.resetCount;
	Esys_Free(now);
	return OUTCOME_OK;
}
