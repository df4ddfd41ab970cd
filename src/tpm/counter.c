/* The counter: an NV index that only counts up. Source: TPM 2.0 Part 3, NV_DefineSpace,
 * NV_Increment, NV_ReadLock, PolicyNV; Part 1, 37.2.3 (a new counter starts above every value
 * that this TPM has ever counted to). */
#include "tpm/context.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#define HANDLE_FIRST 0x01810000 /* the owner's range; TCG Registry of Reserved TPM 2.0 Handles */
#define HANDLE_SPARE (HANDLE_FIRST + TPM_COUNTERS_MAX) /* no seal's */
#define ATTRIBUTES                                                                                 \
	(TPMA_NV_AUTHWRITE | TPMA_NV_POLICYREAD | TPMA_NV_READ_STCLEAR | TPMA_NV_NO_DA |           \
	 (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))

/* What anybody may do with it: compare, read, lock. */
static const TPM2_CC allowed[] = { TPM2_CC_PolicyNV, TPM2_CC_NV_Read, TPM2_CC_NV_ReadLock };
#define ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

/* For each SHA-256 over 32 zeros, TPM_CC_PolicyCommandCode and the command's code: Part 3, 23.11. */
static const TPML_DIGEST branches = { ALLOWED, {
	{ 32, { /* PolicyNV */
		0x20, 0x3e, 0x4b, 0xd5, 0xd0, 0x44, 0x8c, 0x96, 0x15, 0xcc, 0x13, 0xfa, 0x18, 0xe8, 0xd3, 0x92,
		0x22, 0x44, 0x1c, 0xc4, 0x02, 0x04, 0xd9, 0x9a, 0x77, 0x26, 0x20, 0x68, 0xdb, 0xd5, 0x5a, 0x43 } },
	{ 32, { /* NV_Read */
		0x47, 0xce, 0x30, 0x32, 0xd8, 0xba, 0xd1, 0xf3, 0x08, 0x9c, 0xb0, 0xc0, 0x90, 0x88, 0xde, 0x43,
		0x50, 0x14, 0x91, 0xd4, 0x60, 0x40, 0x2b, 0x90, 0xcd, 0x1b, 0x7f, 0xc0, 0xb6, 0x8c, 0xa9, 0x2f } },
	{ 32, { /* NV_ReadLock */
		0xcd, 0x76, 0x0f, 0x23, 0x32, 0x4e, 0x3a, 0x17, 0x15, 0x62, 0x23, 0xa6, 0x99, 0xb1, 0x20, 0x8c,
		0x05, 0x7f, 0x7e, 0xaf, 0x7b, 0x01, 0x84, 0x76, 0xfb, 0x36, 0xd6, 0x11, 0x6b, 0x84, 0x6a, 0x05 } },
} };
/* SHA-256 over 32 zeros, TPM_CC_PolicyOR and the three above: Part 3, 23.6. */
static const TPM2B_DIGEST any_branch = { 32, {
		0xb9, 0xfd, 0x06, 0x35, 0x5a, 0xb9, 0xfb, 0x44, 0xc9, 0x8d, 0x3b, 0xf3, 0x7b, 0xa8, 0xaa, 0x42,
		0xb2, 0xd6, 0x5b, 0xf8, 0x05, 0x2a, 0xea, 0x2c, 0x40, 0x22, 0x48, 0x4e, 0xf5, 0x1c, 0x0f, 0x1b } };

enum { MAY_COMPARE = 0, MAY_READ, MAY_LOCK };

/* A session that may do one of them, and nothing else. No secret passes: not salted. */
static enum outcome permit(struct tpm *t, int what, ESYS_TR *ret, struct why *why)
{
	static const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	const char *operation = "Esys_StartAuthSession";
	TSS2_RC rc = TPM_CALL(t, Esys_StartAuthSession(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
	                                               ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, ret));

	if (rc == TSS2_RC_SUCCESS) {
		operation = "Esys_PolicyCommandCode";
		rc = TPM_CALL(t, Esys_PolicyCommandCode(t->esys, *ret, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		                                        allowed[what]));
	} else {
		*ret = ESYS_TR_NONE;
	}
	if (rc == TSS2_RC_SUCCESS) {
		operation = "Esys_PolicyOR";
		rc = TPM_CALL(t, Esys_PolicyOR(t->esys, *ret, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches));
	}
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	tpm_flush(t, ret);
	return tpm_failed(why, rc, operation, "counter");
}

/* Its handle, kept for the connection; the TPM's own public area, so that its name is right. */
static enum outcome find(struct tpm *t, uint32_t index, ESYS_TR *ret, struct why *why)
{
	TSS2_RC rc;

	rc = TPM_CALL(t, Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ret));
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	*ret = ESYS_TR_NONE;
	(void)tpm_failed(why, rc, "find", "counter");
	if (!tpm_rc_is(rc, TPM2_RC_HANDLE))
		return tpm_outcome(rc);
	why_detail(why, "this TPM does not have the counter: it was deleted, the TPM was cleared, or it is another TPM");
	return OUTCOME_ABSENT;
}

static void forget(struct tpm *t, ESYS_TR *index)
{
	if (*index != ESYS_TR_NONE)
		(void)Esys_TR_Close(t->esys, index); /* only our own bookkeeping */
}

/* At the first handle that is free. */
static enum outcome define(struct tpm *t, uint32_t first, uint32_t last, const struct secret *auth, uint32_t *ret_index, struct why *why)
{
	TPM2B_NV_PUBLIC pub = { .nvPublic = { .nameAlg = TPM2_ALG_SHA256, .attributes = ATTRIBUTES,
	                                      .authPolicy = any_branch, .dataSize = 8 } };
	TPM2B_AUTH value = { .size = (UINT16)auth->len };
	ESYS_TR session = ESYS_TR_NONE, index = ESYS_TR_NONE;
	TSS2_RC rc = TPM2_RC_NV_DEFINED;
	enum outcome o = tpm_find_srk(t, NULL, 0, why);

	if (o == OUTCOME_OK)
		o = tpm_session(t, TPM2_SE_HMAC, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT, &session, why);
	if (o != OUTCOME_OK)
		return o;
	memcpy(value.buffer, auth->bytes, auth->len);
	for (uint32_t i = first; i <= last && rc == TPM2_RC_NV_DEFINED; i++) {
		pub.nvPublic.nvIndex = i;
		rc = TPM_CALL(t, Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, session, ESYS_TR_NONE, ESYS_TR_NONE, &value,
		                                     &pub, &index));
	}
	explicit_bzero(&value, sizeof(value));
	tpm_flush(t, &session);
	forget(t, &index);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_NV_DefineSpace", "counter");
	*ret_index = pub.nvPublic.nvIndex;
	/* before it has counted once it has no value, and its name is another */
	return tpm_counter_increment(t, *ret_index, auth, why);
}

enum outcome tpm_counter_define(struct tpm *t, const struct secret *auth, uint32_t *ret_index, struct why *why)
{
	return define(t, HANDLE_FIRST, HANDLE_SPARE - 1, auth, ret_index, why);
}

enum outcome tpm_counter_undefine(struct tpm *t, uint32_t index, struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE;
	enum outcome o = find(t, index, &nv, why);
	TSS2_RC rc;

	if (o != OUTCOME_OK)
		return o;
	rc = TPM_CALL(t, Esys_NV_UndefineSpace(t->esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE));
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	forget(t, &nv);
	return tpm_failed(why, rc, "Esys_NV_UndefineSpace", "counter");
}

enum outcome tpm_counter_increment(struct tpm *t, uint32_t index, const struct secret *auth, struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TPM2B_AUTH value = { .size = (UINT16)auth->len };
	enum outcome o = tpm_find_srk(t, NULL, 0, why);
	TSS2_RC rc;

	if (o == OUTCOME_OK)
		o = find(t, index, &nv, why);
	if (o == OUTCOME_OK)
		o = tpm_session(t, TPM2_SE_HMAC, TPMA_SESSION_CONTINUESESSION, &session, why);
	if (o != OUTCOME_OK)
		return forget(t, &nv), o;
	memcpy(value.buffer, auth->bytes, auth->len);
	rc = Esys_TR_SetAuth(t->esys, nv, &value);
	explicit_bzero(&value, sizeof(value));
	if (rc == TSS2_RC_SUCCESS)
		rc = TPM_CALL(t, Esys_NV_Increment(t->esys, nv, nv, session, ESYS_TR_NONE, ESYS_TR_NONE));
	tpm_flush(t, &session);
	forget(t, &nv);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "Esys_NV_Increment", "counter");
}

enum outcome tpm_counter_read(struct tpm *t, uint32_t index, uint64_t *ret, struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TPM2B_MAX_NV_BUFFER *data = NULL;
	enum outcome o = find(t, index, &nv, why);
	TSS2_RC rc;

	if (o == OUTCOME_OK)
		o = permit(t, MAY_READ, &session, why);
	if (o != OUTCOME_OK)
		return forget(t, &nv), o;
	rc = TPM_CALL(t, Esys_NV_Read(t->esys, nv, nv, session, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &data));
	tpm_flush(t, &session);
	forget(t, &nv);
	if (rc == TSS2_RC_SUCCESS && data->size != 8)
		rc = TPM2_RC_SIZE;
	*ret = 0;
	for (int i = 0; rc == TSS2_RC_SUCCESS && i < 8; i++)
		*ret = *ret << 8 | data->buffer[i];
	Esys_Free(data);
	if (rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	return tpm_failed(why, rc, "Esys_NV_Read", "counter");
}

/* Whatever else lies in our range of handles is somebody else's: with this policy nobody but imagate defines one,
 * and a key of ours can only hang on one that has it. */
static enum outcome is_ours(struct tpm *t, uint32_t index, bool *ret, struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE;
	TPM2B_NV_PUBLIC *pub = NULL;
	enum outcome o = find(t, index, &nv, why);
	TSS2_RC rc;

	*ret = false;
	if (o != OUTCOME_OK)
		return o;
	rc = TPM_CALL(t, Esys_NV_ReadPublic(t->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL));
	forget(t, &nv);
	*ret = rc == TSS2_RC_SUCCESS && pub->nvPublic.authPolicy.size == any_branch.size &&
	       !memcmp(pub->nvPublic.authPolicy.buffer, any_branch.buffer, any_branch.size);
	Esys_Free(pub);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "Esys_NV_ReadPublic", "counter");
}

static enum outcome lock_index(struct tpm *t, uint32_t index, struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE, session = ESYS_TR_NONE;
	enum outcome o = find(t, index, &nv, why);
	TSS2_RC rc;

	if (o == OUTCOME_OK)
		o = permit(t, MAY_LOCK, &session, why);
	if (o != OUTCOME_OK)
		return forget(t, &nv), o;
	rc = TPM_CALL(t, Esys_NV_ReadLock(t->esys, nv, nv, session, ESYS_TR_NONE, ESYS_TR_NONE));
	tpm_flush(t, &session);
	forget(t, &nv);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "Esys_NV_ReadLock", "counter");
}

enum outcome tpm_counters(struct tpm *t, uint32_t *ret, size_t max, size_t *ret_count, struct why *why)
{
	TPMS_CAPABILITY_DATA *got = NULL;
	TPMI_YES_NO more;
	enum outcome o = OUTCOME_OK;
	TSS2_RC rc = TPM_CALL(t, Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
	                                            HANDLE_FIRST, TPM_COUNTERS_MAX, &more, &got));

	*ret_count = 0;
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_GetCapability", "counters");
	for (UINT32 i = 0; o == OUTCOME_OK && i < got->data.handles.count && *ret_count < max; i++) {
		uint32_t index = got->data.handles.handle[i];
		bool ours = false;

		if (index < HANDLE_FIRST + TPM_COUNTERS_MAX)
			o = is_ours(t, index, &ours, why);
		if (o == OUTCOME_OK && ours)
			ret[(*ret_count)++] = index;
	}
	Esys_Free(got);
	return o;
}

/* By one that is made for it and goes again: its count stays the TPM's highest. */
enum outcome tpm_counter_outrun(struct tpm *t, uint64_t value, const struct secret *auth, struct why *why)
{
	uint64_t is = 0;
	uint32_t index;
	bool left = false;
	enum outcome o = is_ours(t, HANDLE_SPARE, &left, why);

	if (o == OUTCOME_ABSENT)
		why_set(why, WHY_NONE, 0, "", "");
	if (left) /* by a power cut */
		o = tpm_counter_undefine(t, HANDLE_SPARE, why);
	if (o == OUTCOME_OK || o == OUTCOME_ABSENT)
		o = define(t, HANDLE_SPARE, HANDLE_SPARE, auth, &index, why);
	if (o != OUTCOME_OK)
		return o;
	/* it is above all others itself: once is enough, as a rule */
	while (o == OUTCOME_OK && is < value) {
		o = tpm_counter_read(t, index, &is, why);
		if (o == OUTCOME_OK && is < value)
			o = tpm_counter_increment(t, index, auth, why);
	}
	if (o == OUTCOME_OK)
		return tpm_counter_undefine(t, index, why);
	(void)tpm_counter_undefine(t, index, NULL); /* nothing hangs on it */
	return o;
}

/* Found by asking the TPM, not the seal: a damaged file must not leave the door open. */
enum outcome tpm_door_close(struct tpm *t, struct why *why)
{
	uint32_t index[TPM_COUNTERS_MAX];
	size_t n = 0;
	enum outcome o = tpm_counters(t, index, TPM_COUNTERS_MAX, &n, why);

	for (size_t i = 0; o == OUTCOME_OK && i < n; i++)
		o = lock_index(t, index[i], why);
	return o;
}

bool tpm_door_is_why(const struct why *why)
{
	return why->domain == WHY_TPM && tpm_rc_is((TSS2_RC)why->code, TPM2_RC_NV_LOCKED);
}

bool tpm_superseded_is_why(const struct why *why)
{
	return why->domain == WHY_TPM && tpm_rc_is((TSS2_RC)why->code, TPM2_RC_POLICY) && !strcmp(why->subject, "counter");
}

static TPM2B_OPERAND operand(uint64_t generation)
{
	TPM2B_OPERAND op = { .size = 8 };

	for (int i = 0; i < 8; i++)
		op.buffer[i] = (BYTE)(generation >> 8 * (7 - i));
	return op;
}

enum outcome tpm_policy_counter(struct tpm *t, ESYS_TR policy, uint32_t index, uint64_t generation, TSS2_RC *ret_rc,
                                struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE, session = ESYS_TR_NONE;
	const TPM2B_OPERAND value = operand(generation);
	enum outcome o = find(t, index, &nv, why);

	if (o == OUTCOME_OK)
		o = permit(t, MAY_COMPARE, &session, why);
	if (o != OUTCOME_OK)
		return forget(t, &nv), o;
	*ret_rc = TPM_CALL(t, Esys_PolicyNV(t->esys, nv, nv, policy, session, ESYS_TR_NONE, ESYS_TR_NONE, &value, 0,
	                                    TPM2_EO_EQ));
	tpm_flush(t, &session);
	forget(t, &nv);
	if (*ret_rc == TSS2_RC_SUCCESS)
		return OUTCOME_OK;
	o = tpm_failed(why, *ret_rc, "Esys_PolicyNV", "counter");
	if (tpm_rc_is(*ret_rc, TPM2_RC_POLICY))
		why_detail(why, "this seal was superseded: use the newer one");
	return o;
}

/* The name that the index has while the door is open: a lock changes it. Part 1, 16. */
static enum outcome open_name(struct tpm *t, uint32_t index, uint8_t ret[static 34], struct why *why)
{
	ESYS_TR nv = ESYS_TR_NONE;
	TPM2B_NV_PUBLIC *pub = NULL;
	TPM2B_MAX_BUFFER data = { 0 };
	TPM2B_DIGEST digest;
	size_t at = 0;
	enum outcome o = find(t, index, &nv, why);
	TSS2_RC rc;

	if (o != OUTCOME_OK)
		return o;
	rc = TPM_CALL(t, Esys_NV_ReadPublic(t->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL));
	forget(t, &nv);
	if (rc == TSS2_RC_SUCCESS) {
		pub->nvPublic.attributes &= ~(TPMA_NV)TPMA_NV_READLOCKED;
		rc = Tss2_MU_TPMS_NV_PUBLIC_Marshal(&pub->nvPublic, data.buffer, sizeof(data.buffer), &at);
	}
	Esys_Free(pub);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_NV_ReadPublic", "counter");
	data.size = (UINT16)at;
	o = tpm_hash(t, &data, &digest, why);
	ret[0] = TPM2_ALG_SHA256 >> 8;
	ret[1] = TPM2_ALG_SHA256 & 0xff;
	if (o == OUTCOME_OK)
		memcpy(ret + 2, digest.buffer, 32);
	return o;
}

static void append(TPM2B_MAX_BUFFER *b, const void *bytes, size_t len)
{
	memcpy(b->buffer + b->size, bytes, len);
	b->size = (UINT16)(b->size + len);
}

/* policyDigest = H(old || TPM_CC_PolicyNV || H(operandB || offset || operation) || name): Part 3, 23.9. Not in
 * a trial session: behind the closed door that would give the name of a locked index. */
enum outcome tpm_policy_counter_digest(struct tpm *t, uint32_t index, uint64_t generation, TPM2B_DIGEST *policy,
                                       struct why *why)
{
	static const uint8_t offset_and_eq[4], code[4] = { 0, 0, TPM2_CC_PolicyNV >> 8, TPM2_CC_PolicyNV & 0xff };
	const TPM2B_OPERAND value = operand(generation);
	TPM2B_MAX_BUFFER data = { 0 };
	TPM2B_DIGEST args;
	uint8_t name[34];
	enum outcome o = open_name(t, index, name, why);

	append(&data, value.buffer, 8);
	append(&data, offset_and_eq, 4);
	if (o == OUTCOME_OK)
		o = tpm_hash(t, &data, &args, why);
	if (o != OUTCOME_OK)
		return o;
	data.size = 0;
	append(&data, policy->buffer, policy->size);
	append(&data, code, sizeof(code));
	append(&data, args.buffer, args.size);
	append(&data, name, sizeof(name));
	return tpm_hash(t, &data, policy, why);
}
