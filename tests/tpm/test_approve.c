/* Other PCR values approved for an object that is sealed already: what the TPM takes, and what it does not. */
#include "base/secret.h"
#include "chip.h"
#include "crypto/crypto.h"

struct world {
	struct chip c;
	struct secret payload, auth, request; /* request: the key of this generation */
	struct seal_object object;
};

static void world_begin(struct world *w, bool online)
{
	struct seal_signer signer;
	struct tpm *t = NULL;
	struct why why = { 0 };

	memset(w, 0, sizeof(*w));
	chip_boot(&w->c);
	assert_true(secret_random(&w->payload, PAYLOAD_LEN) && secret_random(&w->auth, COUNTER_AUTH_LEN) &&
	            secret_random(&w->request, REQUEST_KEY_LEN));
	w->object.pcrs = DEFAULT_PCRS;
	assert_int_equal(approval_signer(&w->request, &signer, &why), OUTCOME_OK);
	WITH_TPM(&w->c, t, &why) {
		assert_int_equal(tpm_pcr_digest(t, &w->object.pcrs, w->object.pcr_digest, &w->object.pcr_digest_len, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &w->auth, &w->object.counter, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, w->object.counter, &w->object.generation, &why), OUTCOME_OK);
		assert_int_equal(tpm_seal(t, &w->payload, &w->object, &signer, online, &why), OUTCOME_OK);
	}
}

/* The values that the PCRs will have once PCR 4 was extended once more: the machine is put back to where it was. */
static void foresee(struct world *w, struct seal_object *ret)
{
	struct tpm *t = NULL;
	struct why why = { 0 };

	*ret = w->object;
	extend(&w->c, 4);
	WITH_TPM(&w->c, t, &why)
		assert_int_equal(tpm_pcr_digest(t, &ret->pcrs, ret->pcr_digest, &ret->pcr_digest_len, &why), OUTCOME_OK);
	chip_reset(&w->c);
}

static void approve(struct world *w, const struct secret *key, struct seal_object *o)
{
	uint8_t policy[SEAL_BRANCH_LEN];
	struct tpm *t = NULL;
	struct why why = { 0 };

	WITH_TPM(&w->c, t, &why)
		assert_int_equal(tpm_policy_to_approve(t, o, policy, &why), OUTCOME_OK);
	assert_int_equal(approval_sign(key, policy, &o->approval, &why), OUTCOME_OK);
}

static enum outcome try(struct world *w, const struct seal_object *o, struct why *why)
{
	struct secret back = { 0 };
	struct tpm *t = NULL;
	enum outcome out = OUTCOME_PENDING;

	WITH_TPM(&w->c, t, why)
		out = tpm_unseal(t, o, NULL, 0, &back, why);
	assert_true(out == OUTCOME_OK ? secret_equal(&back, &w->payload) : back.len == 0);
	secret_wipe(&back);
	return out;
}

static void close_door(struct world *w)
{
	struct tpm *t = NULL;
	struct why why = { 0 };

	WITH_TPM(&w->c, t, &why)
		assert_int_equal(tpm_door_close(t, &why), OUTCOME_OK);
}

/* Sealed and approved values open it, each the other's not; the door closes both; approving works behind it. */
static void test_approved(void **state)
{
	struct world w;
	struct seal_object next;
	struct why why = { 0 };

	(void)state;
	world_begin(&w, true);
	assert_int_equal(w.object.branches, 2);
	assert_int_equal(try(&w, &w.object, &why), OUTCOME_OK);
	foresee(&w, &next);
	close_door(&w);
	approve(&w, &w.request, &next);
	assert_int_equal(try(&w, &w.object, &why), OUTCOME_REFUSED);
	assert_true(tpm_door_is_why(&why));
	chip_reset(&w.c);
	assert_int_equal(try(&w, &w.object, &why), OUTCOME_OK);
	assert_int_equal(try(&w, &next, &why), OUTCOME_REFUSED); /* not yet */
	assert_non_null(strstr(why.detail, "approved"));
	extend(&w.c, 4);
	assert_int_equal(try(&w, &next, &why), OUTCOME_OK);
	assert_int_equal(try(&w, &w.object, &why), OUTCOME_REFUSED);
	close_door(&w);
	assert_int_equal(try(&w, &next, &why), OUTCOME_REFUSED);
	assert_true(tpm_door_is_why(&why));
	chip_stop(&w.c);
}

/* Forgeries: another's key, a signature for other values, one that was edited, another policyRef, another branch. */
static void test_forged(void **state)
{
	struct world w;
	struct seal_object next, other;
	struct secret wrong = { 0 };
	struct why why = { 0 };

	(void)state;
	world_begin(&w, true);
	assert_true(secret_random(&wrong, REQUEST_KEY_LEN));
	foresee(&w, &next);
	extend(&w.c, 4);
	other = next;
	assert_int_equal(try(&w, &other, &why), OUTCOME_REFUSED); /* not approved at all */
	approve(&w, &wrong, &other);
	assert_int_equal(try(&w, &other, &why), OUTCOME_REFUSED);
	memcpy(&other.approval.by, &next.approval.by, sizeof(other.approval.by)); /* zeros: no key at all */
	assert_int_not_equal(try(&w, &other, &why), OUTCOME_OK);
	other = w.object;
	approve(&w, &w.request, &other); /* for the values that are sealed, not for these */
	other.pcr_digest_len = next.pcr_digest_len;
	memcpy(other.pcr_digest, next.pcr_digest, next.pcr_digest_len);
	assert_int_equal(try(&w, &other, &why), OUTCOME_REFUSED);
	approve(&w, &w.request, &next);
	assert_int_equal(try(&w, &next, &why), OUTCOME_OK);
	for (size_t i = 6; i < next.approval.signature_len; i += 11) {
		other = next;
		other.approval.signature[i] ^= 1;
		assert_int_not_equal(try(&w, &other, &why), OUTCOME_OK);
	}
	other = next;
	other.approval.by.ref_len = 1;
	assert_int_not_equal(try(&w, &other, &why), OUTCOME_OK);
	other = next;
	other.branch[1][0] ^= 1;
	assert_int_not_equal(try(&w, &other, &why), OUTCOME_OK);
	other = next;
	other.branches = 0;
	assert_int_not_equal(try(&w, &other, &why), OUTCOME_OK);
	chip_stop(&w.c);
}

/* Nobody approves for what was sealed without it, nor for the generation before. */
static void test_not_for_all(void **state)
{
	struct world w;
	struct seal_object next;
	struct seal_signer signer;
	struct tpm *t = NULL;
	struct why why = { 0 };
	bool may = true;

	(void)state;
	world_begin(&w, false);
	assert_int_equal(w.object.branches, 0);
	assert_int_equal(approval_signer(&w.request, &signer, &why), OUTCOME_OK);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_signer_may(t, &w.object, &signer, &may, &why), OUTCOME_OK);
	assert_false(may);
	assert_int_equal(try(&w, &w.object, &why), OUTCOME_OK);
	foresee(&w, &next);
	approve(&w, &w.request, &next);
	extend(&w.c, 4);
	assert_int_equal(try(&w, &next, &why), OUTCOME_REFUSED);
	chip_stop(&w.c);

	world_begin(&w, true);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_signer_may(t, &w.object, &signer, &may, &why), OUTCOME_OK);
	assert_false(may); /* another request key's */
	assert_int_equal(approval_signer(&w.request, &signer, &why), OUTCOME_OK);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_signer_may(t, &w.object, &signer, &may, &why), OUTCOME_OK);
	assert_true(may);
	foresee(&w, &next);
	approve(&w, &w.request, &next);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_counter_increment(t, w.object.counter, &w.auth, &why), OUTCOME_OK);
	extend(&w.c, 4);
	assert_int_equal(try(&w, &next, &why), OUTCOME_REFUSED);
	assert_true(tpm_superseded_is_why(&why));
	next.generation++; /* the file's word for it changes nothing */
	assert_int_equal(try(&w, &next, &why), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Without PCRs, for so many resets: whatever the firmware measures, but not one reset longer, and dead when counted up. */
static void test_resets(void **state)
{
	struct world w;
	struct seal_object once;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint32_t now = 0, later = 0;

	(void)state;
	world_begin(&w, true);
	once = w.object;
	once.pcrs.mask = 0;
	once.pcr_digest_len = 0;
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_resets(t, &now, &why), OUTCOME_OK);
	once.resets = now + 2;
	approve(&w, &w.request, &once);
	for (int i = 0; i < 2; i++) {
		chip_reset(&w.c);
		extend(&w.c, 0);
		assert_int_equal(try(&w, &w.object, &why), OUTCOME_REFUSED);
		assert_int_equal(try(&w, &once, &why), OUTCOME_OK);
	}
	once.resets++; /* the file's word for it changes nothing */
	assert_int_equal(try(&w, &once, &why), OUTCOME_REFUSED);
	once.resets--;
	chip_reset(&w.c);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_resets(t, &later, &why), OUTCOME_OK);
	assert_int_equal(later, now + 3);
	assert_int_equal(try(&w, &once, &why), OUTCOME_REFUSED);
	once.resets = later + 1;
	approve(&w, &w.request, &once);
	assert_int_equal(try(&w, &once, &why), OUTCOME_OK);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(tpm_counter_increment(t, w.object.counter, &w.auth, &why), OUTCOME_OK);
	assert_int_equal(try(&w, &once, &why), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Through the file and back, and it still opens. */
static void test_file(void **state)
{
	struct world w;
	struct seal_object next, back;
	char pem[8192];
	size_t len;
	struct why why = { 0 };

	(void)state;
	world_begin(&w, true);
	foresee(&w, &next);
	approve(&w, &w.request, &next);
	assert_int_equal(tss2pem_format(&next, pem, sizeof(pem), &len, &why), OUTCOME_OK);
	assert_int_equal(tss2pem_parse(pem, len, &back, &why), OUTCOME_OK);
	extend(&w.c, 4);
	assert_int_equal(try(&w, &back, &why), OUTCOME_OK);
	next.pcrs.mask = 0;
	next.pcr_digest_len = 0;
	next.resets = 1000000;
	approve(&w, &w.request, &next);
	assert_int_equal(tss2pem_format(&next, pem, sizeof(pem), &len, &why), OUTCOME_OK);
	assert_int_equal(tss2pem_parse(pem, len, &back, &why), OUTCOME_OK);
	assert_int_equal(back.resets, 1000000);
	assert_int_equal(try(&w, &back, &why), OUTCOME_OK);
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_approved), cmocka_unit_test(test_forged), cmocka_unit_test(test_not_for_all),
		cmocka_unit_test(test_resets), cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
