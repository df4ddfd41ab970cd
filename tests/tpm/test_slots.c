/* How many commands the TPM gets for one slot, and for eight of which the last one tried fits: the gate compares PCRs and
 * unseals once. */
#include "base/secret.h"
#include "chip.h"
#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/boot.h"
#include "gate/slots.h"

#include <fcntl.h>

static unsigned commands;
static TSS2_TCTI_TRANSMIT_FCN transmit;

static TSS2_RC counted(TSS2_TCTI_CONTEXT *c, size_t size, const uint8_t *command)
{
	commands++;
	return transmit(c, size, command);
}

TSS2_RC __real_Tss2_TctiLdr_Initialize(const char *, TSS2_TCTI_CONTEXT **);
TSS2_RC __wrap_Tss2_TctiLdr_Initialize(const char *, TSS2_TCTI_CONTEXT **);
TSS2_RC __wrap_Tss2_TctiLdr_Initialize(const char *conf, TSS2_TCTI_CONTEXT **ret)
{
	TSS2_RC rc = __real_Tss2_TctiLdr_Initialize(conf, ret);

	if (rc == TSS2_RC_SUCCESS) {
		transmit = TSS2_TCTI_TRANSMIT(*ret);
		TSS2_TCTI_TRANSMIT(*ret) = counted;
	}
	return rc;
}

static struct world {
	struct chip c;
	struct secret master;
	struct seal seal;
	struct boot b;
} w;

static void world_begin(void)
{
	SECRET auth = { 0 };
	SECRET payload = { .len = PAYLOAD_LEN };
	struct seal_slot *slot = &w.seal.slot[0];
	struct seal_record r = { .floor = STAGE_FIX };
	struct seal_signer signers[SEAL_SIGNERS_MAX];
	struct config config;
	struct tpm *t = NULL;
	struct why why = { 0 };
	size_t count;

	memset(&w, 0, sizeof(w));
	chip_boot(&w.c);
	config_defaults(&config);
	assert_true(secret_random(&w.master, MASTER_KEY_LEN));
	assert_int_equal(key_id_of(&w.master, w.seal.key_id, &why), OUTCOME_OK);
	assert_int_equal(counter_auth_of(&w.master, &auth, &why), OUTCOME_OK);
	*slot = (struct seal_slot){ .floor = STAGE_FIX, .object.pcrs = DEFAULT_PCRS };
	WITH_TPM(&w.c, t, &why) {
		assert_int_equal(tpm_srk(t, w.seal.srk_name, &w.seal.srk_name_len, &why), OUTCOME_OK);
		assert_int_equal(tpm_pcr_digest(t, &slot->object.pcrs, slot->object.pcr_digest, &slot->object.pcr_digest_len, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &auth, &slot->object.counter, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, slot->object.counter, &slot->object.generation, &why), OUTCOME_OK);
		r.generation = slot->object.generation;
		memcpy(r.master, w.master.bytes, MASTER_KEY_LEN);
		payload_build(&r, payload.bytes);
		assert_int_equal(approvers_of(&config, &w.master, r.generation, NULL, signers, &count, &why), OUTCOME_OK);
		assert_int_equal(tpm_seal(t, &payload, &slot->object, signers, count, &why), OUTCOME_OK);
		assert_int_equal(slot_mac(&w.master, slot, &why), OUTCOME_OK);
	}
	w.seal.slots = 1;
	(void)snprintf(w.seal.evm_blob, sizeof(w.seal.evm_blob), "default user:imagate-master 64 %0226d", 0);
}

/* The gate's unsealing, and how many commands it took. */
static unsigned unseal(enum outcome want)
{
	size_t places[SEAL_SLOTS_MAX], n = seal_candidates(&w.seal, STAGE_ENFORCE, NULL, places);
	struct chip_state c = { 0 };
	struct why why = { 0 };
	unsigned took;

	assert_int_equal(n, w.seal.slots);
	boot_init(&w.b);
	w.b.tcti = w.c.tcti;
	config_defaults(&w.b.config);
	w.b.has_config = true;
	w.b.seal = w.seal;
	memcpy(w.b.key_id, w.seal.key_id, KEY_ID_LEN);
	assert_int_equal(tpm_open(w.b.tcti, 1, &w.b.tpm, &why), OUTCOME_OK);
	commands = 0;
	assert_int_equal(slots_try(&w.b, places, n, &c, &why), want);
	took = commands;
	assert_true(want == OUTCOME_OK ? secret_equal(&w.b.master, &w.master) : w.b.master.len == 0);
	boot_end(&w.b);
	return took;
}

static void test_commands(void **state)
{
	unsigned one, eight;

	(void)state;
	world_begin();
	one = unseal(OUTCOME_OK);
	assert_true(one > 0);
	/* seven more, for other values, newer than the one that fits */
	for (uint8_t i = 1; i < SEAL_SLOTS_LIVE; i++) {
		w.seal.slot[i] = w.seal.slot[0];
		memset(w.seal.slot[i].object.pcr_digest, i, 32);
	}
	w.seal.slots = SEAL_SLOTS_LIVE;
	eight = unseal(OUTCOME_OK);
	printf("TPM commands to unseal: %u with one slot, %u with %d\n", one, eight, SEAL_SLOTS_LIVE);
	assert_true(eight <= one + 1);
	/* none fits: no unsealing is tried at all */
	extend(&w.c, 4);
	assert_true(unseal(OUTCOME_REFUSED) <= 1);
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_commands) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
