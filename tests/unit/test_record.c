/* The record: what is written is read back, field by field. */
#include "test.h"

#include "core/record.h"

static struct record sample(void)
{
	struct record r = {
		.decision = { .verdict = VERDICT_DEGRADED, .cause = CAUSE_KEY_REFUSED, .stage = STAGE_AUDIT },
		.policy = "/etc/imagate/policy", .policy_rules = 22, .evm_hmac = true, .evm_x509 = true,
		.module_signatures = true, .ima_certs = 2, .evm_certs = 3, .tpm_ms = 700, .wait_ms = 5000,
		.total_ms = 6000, .peak_kib = 4096, .suspended = true, .foreseen = true,
	};

	r.evidence.facts.appraise = APPRAISE_LOG;
	r.evidence.facts.rings = RINGS_USER;
	r.evidence.facts.secure_boot = TRI_YES;
	(void)snprintf(r.evidence.facts.release, sizeof(r.evidence.facts.release), "6.1.0-56-amd64");
	(void)snprintf(r.evidence.facts.lsm, sizeof(r.evidence.facts.lsm), "yama,apparmor");
	for (int i = 0; i < STEP_COUNT; i++)
		r.evidence.outcome[i] = (enum outcome)(i % OUTCOME_COUNT), r.step_ms[i] = (unsigned)i * 11;
	why_detail(why_set(&r.why[STEP_UNSEAL], WHY_TPM, 0x99d, "Esys_Unseal", "a = b"), "moved | away");
	r.refused = (struct refused){ REFUSED_DIFFER, 1u << 4 | 1u << 14, 2, 7, { "PCR 4: a = b", "PCR 14 differs" } };
	why_set(&r.why[STEP_POLICY], WHY_TEXT, 7, "policy", "/p");
	return r;
}

static void test_roundtrip(void **state)
{
	struct record r = sample();
	static struct record back;
	char text[RECORD_MAX];
	size_t len = record_format(&r, text, sizeof(text));

	(void)state;
	assert_true(len > 0);
	assert_true(record_parse(text, len, &back));
	assert_memory_equal(&back.decision, &r.decision, sizeof(r.decision));
	assert_memory_equal(back.evidence.outcome, r.evidence.outcome, sizeof(r.evidence.outcome));
	assert_int_equal(back.evidence.facts.appraise, APPRAISE_LOG);
	assert_int_equal(back.evidence.facts.rings, RINGS_USER);
	assert_int_equal(back.evidence.facts.secure_boot, TRI_YES);
	assert_string_equal(back.evidence.facts.lsm, "yama,apparmor");
	assert_string_equal(back.evidence.facts.release, "6.1.0-56-amd64");
	assert_string_equal(back.policy, r.policy);
	assert_memory_equal(&back.refused, &r.refused, sizeof(r.refused));
	assert_true(back.policy_rules == 22 && back.ima_certs == 2 && back.evm_certs == 3);
	assert_true(back.suspended && back.foreseen && !back.signed_pcrs && !back.renew);
	assert_true(back.evm_hmac && back.evm_x509 && back.module_signatures);
	assert_true(back.tpm_ms == 700 && back.wait_ms == 5000 && back.total_ms == 6000 && back.peak_kib == 4096);
	assert_memory_equal(back.step_ms, r.step_ms, sizeof(r.step_ms));
	assert_int_equal(back.why[STEP_UNSEAL].domain, WHY_TPM);
	assert_int_equal(back.why[STEP_UNSEAL].code, 0x99d);
	assert_string_equal(back.why[STEP_UNSEAL].subject, "a = b");
	assert_string_equal(back.why[STEP_UNSEAL].detail, "Esys_Unseal: moved | away");
	assert_int_equal(back.why[STEP_POLICY].code, 7);
	assert_int_equal(back.why[STEP_CONFIG].domain, WHY_NONE);
}

static void test_too_small(void **state)
{
	struct record r = sample();
	char text[RECORD_MAX];
	size_t len = record_format(&r, text, sizeof(text));

	(void)state;
	for (size_t i = 0; i <= len; i++)
		assert_int_equal(record_format(&r, text, i), 0);
	assert_int_equal(record_format(&r, text, len + 1), len);
}

static void test_refusals(void **state)
{
	static const char *const bad[] = { "", "\n", "imagate-record=2\n", "verdict=admit\n", "imagate-record=1\nnonsense\n" };
	static struct record r;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_false(record_parse(bad[i], strlen(bad[i]), &r));
	assert_true(record_parse("imagate-record=1\nfuture=1\nverdict=nonsense\n", 43, &r));
	assert_int_equal(r.decision.verdict, VERDICT_STOP); /* what is not understood denies */
	assert_int_equal(r.decision.cause, CAUSE_UNDECIDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
