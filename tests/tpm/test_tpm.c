/* Sealing and unsealing with a real TPM implementation: swtpm, a new one for each test. */
#include "test.h"

#include "base/secret.h"
#include "chip.h"

/* How many times a PCR moves between PolicyPCR and Unseal. */
static int moves;
TSS2_RC __real_Esys_Unseal(ESYS_CONTEXT *, ESYS_TR, ESYS_TR, ESYS_TR, ESYS_TR, TPM2B_SENSITIVE_DATA **);
TSS2_RC __wrap_Esys_Unseal(ESYS_CONTEXT *, ESYS_TR, ESYS_TR, ESYS_TR, ESYS_TR, TPM2B_SENSITIVE_DATA **);
TSS2_RC __wrap_Esys_Unseal(ESYS_CONTEXT *e, ESYS_TR o, ESYS_TR a, ESYS_TR b, ESYS_TR c, TPM2B_SENSITIVE_DATA **d)
{
	if (moves > 0) {
		moves--;
		(void)extend_with(e, 10);
	}
	return __real_Esys_Unseal(e, o, a, b, c, d);
}

struct sealed {
	struct seal_object object;
	struct secret auth;
	uint8_t srk[SEAL_NAME_MAX];
	size_t srk_len;
	struct secret payload;
};

static enum outcome seal(const struct chip *c, const struct pcr_selection *pcrs, struct sealed *s, struct why *why)
{
	struct tpm *t = NULL;
	enum outcome o = tpm_open(c->tcti, 1, &t, why);

	if (o == OUTCOME_OK)
		o = tpm_srk(t, s->srk, &s->srk_len, why);
	s->object.pcrs = *pcrs;
	if (o == OUTCOME_OK)
		o = tpm_pcr_digest(t, pcrs, s->object.pcr_digest, &s->object.pcr_digest_len, why);
	if (o == OUTCOME_OK && !s->object.counter) {
		assert_true(secret_random(&s->auth, COUNTER_AUTH_LEN));
		o = tpm_counter_define(t, &s->auth, &s->object.counter, why);
		if (o == OUTCOME_OK)
			o = tpm_counter_read(t, s->object.counter, &s->object.generation, why);
	}
	if (o == OUTCOME_OK)
		o = tpm_seal(t, &s->payload, &s->object, NULL, 0, why);
	tpm_close(&t);
	return o;
}

static enum outcome unseal(const struct chip *c, const struct sealed *s, struct secret *ret, struct why *why)
{
	struct tpm *t = NULL;
	enum outcome o = tpm_open(c->tcti, 1, &t, why);

	if (o == OUTCOME_OK)
		o = tpm_unseal(t, &s->object, s->srk, s->srk_len, ret, why);
	tpm_close(&t);
	return o;
}

static void sealed(const struct chip *c, struct sealed *s)
{
	const struct pcr_selection pcrs = DEFAULT_PCRS;
	struct why why = { 0 };

	memset(s, 0, sizeof(*s));
	assert_true(secret_random(&s->payload, PAYLOAD_LEN));
	assert_int_equal(seal(c, &pcrs, s, &why), OUTCOME_OK);
}

static void test_roundtrip(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	assert_true(secret_equal(&back, &s.payload));
	assert_int_equal(s.srk_len, 34);
	extend(&c, 1); /* not among the selected: nothing changes */
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	chip_stop(&c);
}

static void test_moved_pcr(void **state)
{
	static const int selected[] = { 0, 2, 4, 7 };

	(void)state;
	for (size_t i = 0; i < ROWS(selected); i++) {
		struct chip c;
		struct sealed s;
		struct secret back = { 0 };
		struct why why = { 0 };

		chip_boot(&c);
		sealed(&c, &s);
		extend(&c, selected[i]);
		assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
		assert_int_equal(why.domain, WHY_TPM);
		assert_int_equal(why.code & 0xbf, 0x9d); /* TPM_RC_POLICY_FAIL */
		assert_int_equal(back.len, 0);
		chip_stop(&c);
	}
}

static void test_other_tpm(void **state)
{
	struct chip c, other;
	struct sealed s;
	struct secret back = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	chip_boot(&other);
	sealed(&c, &s);
	assert_int_equal(unseal(&other, &s, &back, &why), OUTCOME_REFUSED);
	WITH_TPM(&other, t, &why) { /* a seal of many slots: three objects are what the kernel keeps for a process */
		for (int i = 0; i < SEAL_SLOTS_LIVE; i++)
			assert_int_equal(tpm_unseal(t, &s.object, s.srk, s.srk_len, &back, &why), OUTCOME_REFUSED);
		assert_false(tpm_superseded_is_why(&why));
	}
	s.srk_len = 0; /* not pinned: still not to be had there */
	assert_int_equal(unseal(&other, &s, &back, &why), OUTCOME_BROKEN);
	assert_int_equal(back.len, 0);
	chip_stop(&c);
	chip_stop(&other);
}

static void test_damaged(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	for (size_t i = 0; i < s.object.private_len; i += 9) {
		struct sealed bad = s;

		bad.object.private_part[i] ^= 1;
		assert_int_not_equal(unseal(&c, &bad, &back, &why), OUTCOME_OK);
	}
	for (size_t i = 0; i < s.object.public_len; i += 5) {
		struct sealed bad = s;

		bad.object.public_part[i] ^= 1;
		assert_int_not_equal(unseal(&c, &bad, &back, &why), OUTCOME_OK);
	}
	s.object.private_len = 3;
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_BROKEN);
	assert_int_equal(back.len, 0);
	chip_stop(&c);
}

static void test_unextended(void **state)
{
	static const struct pcr_selection rows[] = {
		{ PCR_BANK_SHA256, 0x95 },       /* a firmware that extended nothing */
		{ PCR_BANK_SHA256, 1u << 17 },   /* all ones */
		{ PCR_BANK_SHA256, 0x95 | 1u << 9 }, /* one of them */
		{ PCR_BANK_SHA256, 0x85 | 1u << 12 }, /* nobody vouches for who would have extended it */
		{ PCR_BANK_SHA256, 0x95 | 3u << 16 }, /* all zeros, and all ones, beside PCR 4 */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sealed s = { .payload.len = PAYLOAD_LEN };
		struct chip c;
		struct why why = { 0 };

		if (i == 0)
			chip_start(&c);
		else
			chip_boot(&c);
		assert_int_equal(seal(&c, &rows[i], &s, &why), OUTCOME_REFUSED);
		assert_non_null(strstr(why.subject, "PCR"));
		chip_stop(&c);
	}
}

/* A unified kernel image with nothing beside it: 12 and 13 are zero, and what would extend them is in PCR 4. */
static void test_stub(void **state)
{
	static const struct pcr_selection pcrs = { PCR_BANK_SHA256, 0x95 | 3u << 12 };
	struct sealed s = { .payload.len = PAYLOAD_LEN };
	struct secret back = { 0 };
	struct chip c;
	struct why why = { 0 };

	(void)state;
	chip_start(&c);
	assert_int_equal(seal(&c, &pcrs, &s, &why), OUTCOME_REFUSED); /* the firmware extended nothing */
	chip_stop(&c);
	chip_boot(&c);
	assert_int_equal(seal(&c, &pcrs, &s, &why), OUTCOME_OK);
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	extend(&c, 12); /* a credential */
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	chip_stop(&c);
}

/* Somebody else's index in our range of handles: an ordinary one, as 'tpm2_nvdefine' makes it. */
static void foreign_index(const struct chip *c, TPM2_HANDLE index)
{
	const TPM2B_AUTH none = { 0 };
	const TPM2B_NV_PUBLIC pub = { .nvPublic = { .nvIndex = index, .nameAlg = TPM2_ALG_SHA256, .dataSize = 8,
	                                            .attributes = TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD } };
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *e = NULL;
	ESYS_TR nv = ESYS_TR_NONE;

	assert_int_equal(Tss2_TctiLdr_Initialize(c->tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	assert_int_equal(Esys_NV_DefineSpace(e, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &none, &pub, &nv), 0);
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
}

/* It is left alone, and does not keep the door from closing: neither before nor behind our counter. */
static void test_foreign_index(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	foreign_index(&c, 0x01810000);
	sealed(&c, &s);
	foreign_index(&c, 0x01810005);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	assert_true(tpm_door_is_why(&why));
	chip_stop(&c);
}

/* Every counter of our kind, and no other index of the range. */
static void test_counters(void **state)
{
	TPM2B_NV_PUBLIC other = { .nvPublic = { .nvIndex = 0x01810005, .nameAlg = TPM2_ALG_SHA256, .dataSize = 8,
	                                        .attributes = TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD } };
	const TPM2B_AUTH none = { 0 };
	struct chip c;
	struct secret auth = { .len = COUNTER_AUTH_LEN };
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint32_t first = 0, second = 0, list[TPM_COUNTERS_MAX];
	ESYS_TR index;
	size_t n = 9;

	(void)state;
	chip_boot(&c);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_counters(t, list, TPM_COUNTERS_MAX, &n, &why), OUTCOME_OK);
		assert_int_equal(n, 0);
		assert_int_equal(tpm_counter_define(t, &auth, &first, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &auth, &second, &why), OUTCOME_OK);
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK); /* locked ones count */
		assert_int_equal(Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &none,
		                                     &other, &index), TSS2_RC_SUCCESS);
		assert_int_equal(tpm_counters(t, list, TPM_COUNTERS_MAX, &n, &why), OUTCOME_OK);
		assert_int_equal(n, 2);
		assert_true(list[0] == first && list[1] == second);
		assert_int_equal(tpm_counters(t, list, 1, &n, &why), OUTCOME_OK);
		assert_int_equal(n, 1);
		assert_int_equal(tpm_counter_undefine(t, first, &why), OUTCOME_OK);
		assert_int_equal(tpm_counters(t, list, TPM_COUNTERS_MAX, &n, &why), OUTCOME_OK);
		assert_true(n == 1 && list[0] == second);
	}
	chip_stop(&c);
}

/* Behind the closed door: no unsealing, by anybody; counting and sealing go on; a reset opens it. */
/* A new counter starts above what was outrun; nothing of that is left in the TPM. */
static void test_outrun(void **state)
{
	struct chip c;
	struct secret auth;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint32_t index, second, there[TPM_COUNTERS_MAX];
	uint64_t first = 0, value = 0;
	size_t count;

	(void)state;
	chip_boot(&c);
	assert_true(secret_random(&auth, COUNTER_AUTH_LEN));
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_counter_define(t, &auth, &index, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, index, &first, &why), OUTCOME_OK);
		for (int i = 0; i < 2; i++)
			assert_int_equal(tpm_counter_outrun(t, first + 5, &auth, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, index, &value, &why), OUTCOME_OK);
		assert_int_equal(value, first);
		assert_int_equal(tpm_counter_define(t, &auth, &second, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, second, &value, &why), OUTCOME_OK);
		assert_true(value > first + 5);
		assert_int_equal(tpm_counters(t, there, TPM_COUNTERS_MAX, &count, &why), OUTCOME_OK);
		assert_int_equal(count, 2);
	}
	chip_stop(&c);
}

static void test_door(void **state)
{
	struct chip c;
	struct sealed s, behind;
	struct secret back = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint64_t n = 0;

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK);
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, s.object.counter, &n, &why), OUTCOME_REFUSED);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	assert_true(tpm_door_is_why(&why));
	assert_non_null(strstr(why.detail, "door"));
	assert_int_equal(back.len, 0);
	/* the next generation, made behind the door */
	behind = s;
	behind.object.generation++;
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_seal(t, &behind.payload, &behind.object, NULL, 0, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_increment(t, s.object.counter, &s.auth, &why), OUTCOME_OK);
	}
	assert_int_equal(unseal(&c, &behind, &back, &why), OUTCOME_REFUSED);
	chip_reset(&c);
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.detail, "superseded"));
	assert_int_equal(unseal(&c, &behind, &back, &why), OUTCOME_OK);
	assert_true(secret_equal(&back, &s.payload));
	chip_stop(&c);
}

/* Counting needs the secret; neither another secret nor a counter made anew brings an old seal back. */
static void test_ratchet(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 }, wrong = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint64_t before = 0, after = 0;
	uint32_t again = 0;

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	assert_true(secret_random(&wrong, COUNTER_AUTH_LEN));
	WITH_TPM(&c, t, &why) {
		assert_int_not_equal(tpm_counter_increment(t, s.object.counter, &wrong, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, s.object.counter, &before, &why), OUTCOME_OK);
		assert_true(before == s.object.generation);
		assert_int_equal(tpm_counter_increment(t, s.object.counter, &s.auth, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, s.object.counter, &after, &why), OUTCOME_OK);
		assert_true(after == before + 1);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_counter_undefine(t, s.object.counter, &why), OUTCOME_OK);
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_ABSENT);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_counter_define(t, &wrong, &again, &why), OUTCOME_OK);
		assert_int_equal(again, s.object.counter);
		assert_int_equal(tpm_counter_read(t, again, &after, &why), OUTCOME_OK);
		assert_true(after > before);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	assert_int_equal(back.len, 0);
	chip_stop(&c);
}

/* Values that are not those of now: another stage's slot. */
static void test_other_values(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	extend(&c, 7);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_pcr_digest(t, &s.object.pcrs, s.object.pcr_digest, &s.object.pcr_digest_len, &why), OUTCOME_OK);
	}
	chip_reset(&c);
	WITH_TPM(&c, t, &why) {
		assert_int_equal(tpm_seal(t, &s.payload, &s.object, NULL, 0, &why), OUTCOME_OK);
	}
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_REFUSED);
	extend(&c, 7);
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	chip_stop(&c);
}

static void test_pcr_changed(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct why why = { 0 };

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	moves = 7;
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	assert_true(secret_equal(&back, &s.payload));
	secret_wipe(&back);
	moves = 1000; /* for ever: bounded, and not taken for a refusal */
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_BROKEN);
	assert_true(moves >= 1000 - 8);
	assert_int_equal(why.code, 0x128);
	moves = 0;
	chip_stop(&c);
}

static void test_no_tpm(void **state)
{
	struct tpm *t = NULL;
	struct why why = { 0 };

	(void)state;
	assert_int_equal(tpm_open("swtpm:path=/nonexistent/s", 0, &t, &why), OUTCOME_ABSENT);
	assert_null(t);
	if (access("/dev/tpmrm0", F_OK) == 0)
		return; /* this machine has one of its own */
	assert_int_equal(tpm_open(NULL, 1, &t, &why), OUTCOME_ABSENT);
	assert_non_null(strstr(why.detail, "TPM"));
}

static void test_too_much(void **state)
{
	const struct pcr_selection pcrs = DEFAULT_PCRS;
	struct sealed s = { .payload.len = 129 };
	struct why why = { 0 };
	struct chip c;

	(void)state;
	chip_boot(&c);
	assert_int_equal(seal(&c, &pcrs, &s, &why), OUTCOME_BROKEN);
	s.payload.len = 128;
	assert_int_equal(seal(&c, &pcrs, &s, &why), OUTCOME_OK);
	chip_stop(&c);
}

/* A key with a password, and wrong ones until the TPM locks itself. */
static TSS2_RC lock_out(ESYS_CONTEXT *e)
{
	static const TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth = { 1, { 'x' } } };
	static const TPM2B_SENSITIVE_CREATE child;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	const TPM2B_AUTH wrong = { 1, { 'y' } };
	const TPM2B_PUBLIC parent = { .publicArea = {
		.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
		                    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		.parameters.eccDetail = { .symmetric = { TPM2_ALG_AES, { 128 }, { TPM2_ALG_CFB } },
			.scheme.scheme = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL },
	} };
	ESYS_TR key = ESYS_TR_NONE;
	TPM2B_PRIVATE *priv = NULL;
	TPM2B_PUBLIC *pub = NULL;
	TSS2_RC rc = Esys_DictionaryAttackParameters(e, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	                                             ESYS_TR_NONE, 1, 1000, 1000);

	if (rc == 0)
		rc = Esys_CreatePrimary(e, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
		                        &parent, &no_data, &no_pcrs, &key, NULL, NULL, NULL, NULL);
	for (int i = 0; rc == 0 && i < 4 && (rc & 0xfff) != 0x921; i++) {
		(void)Esys_TR_SetAuth(e, key, &wrong);
		rc = Esys_Create(e, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &child, &parent, &no_data, &no_pcrs,
		                 &priv, &pub, NULL, NULL, NULL);
		if ((rc & 0xbf) == 0x8e)
			rc = 0; /* wrong password: and again */
	}
	(void)Esys_FlushContext(e, key);
	return rc;
}

/* Somebody else's wrong passwords must not cost us the boot: our object and the SRK are noDA. */
static void test_locked_out(void **state)
{
	struct chip c;
	struct sealed s;
	struct secret back = { 0 };
	struct why why = { 0 };
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *e = NULL;

	(void)state;
	chip_boot(&c);
	sealed(&c, &s);
	assert_int_equal(Tss2_TctiLdr_Initialize(c.tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	assert_int_equal(lock_out(e), 0x921); /* TPM_RC_LOCKOUT */
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
	assert_int_equal(unseal(&c, &s, &back, &why), OUTCOME_OK);
	assert_true(secret_equal(&back, &s.payload));
	chip_stop(&c);
}

static void test_codes(void **state)
{
	(void)state;
	assert_int_equal(tpm_outcome(0), OUTCOME_OK);
	assert_int_equal(tpm_outcome(0x99d), OUTCOME_REFUSED);
	assert_int_equal(tpm_outcome(0x921), OUTCOME_BROKEN);
	assert_int_equal(tpm_outcome(0x7777), OUTCOME_BROKEN);
	assert_int_equal(tpm_outcome(0x7009d), OUTCOME_BROKEN); /* another layer's 0x9d is no policy */
	assert_non_null(strstr(tpm_code_words(0x921), "locked out"));
	assert_null(tpm_code_words(0x7777));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip), cmocka_unit_test(test_moved_pcr),
		cmocka_unit_test(test_other_tpm), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_unextended), cmocka_unit_test(test_stub), cmocka_unit_test(test_pcr_changed),
		cmocka_unit_test(test_no_tpm),    cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_locked_out), cmocka_unit_test(test_codes),
		cmocka_unit_test(test_counters), cmocka_unit_test(test_outrun), cmocka_unit_test(test_door), cmocka_unit_test(test_foreign_index),      cmocka_unit_test(test_ratchet),
		cmocka_unit_test(test_other_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
