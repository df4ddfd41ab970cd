/* A seal that somebody edited or kept a copy of, floors that rise, and power cuts while it is stored. */
#include "world.h"

/* The file says how one slot got there, and only who had the key or was allowed to approve is sealed to again. */
static void test_edited(void **state)
{
	static struct world w;
	static struct approving a;
	static struct boot b;
	struct seal_slot like, evil;
	struct tpm *t = NULL;
	uint8_t now[32];
	unsigned n;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 2, &like.object);
	memset(like.cmdline, 7, sizeof(like.cmdline)); /* another command line was approved, too */
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_BLOCKED);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	/* an attacker's: he can seal whatever he likes to whatever PCRs */
	evil = w.seal.slot[0];
	evil.object.pcr_digest[0] ^= 1;
	WITH_TPM(&w.c, t, NULL) {
		struct secret junk = { .len = PAYLOAD_LEN };

		assert_int_equal(tpm_seal(t, &junk, &evil.object, NULL, 0, NULL), OUTCOME_OK);
	}
	a.seal.slot[a.seal.slots++] = evil;
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	/* the command line that was approved is not this one: at enforce the slot is not for it */
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	memcpy(a.seal.slot[1].cmdline, w.cmdline, CMDLINE_DIGEST_LEN); /* and edited, it is nobody's word */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	/* as it should be */
	a.seal.slot[1] = evil;
	a.seal.slots = 2;
	memcpy(like.cmdline, w.cmdline, CMDLINE_DIGEST_LEN);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	a.seal.slot[0].has_mac = false; /* an older imagate's: not used in this boot, nobody knows whose it is */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	boot_init(&b);
	assert_int_equal(boot(&w, &b), OUTCOME_OK);
	b.request.permit = w.config.stage; /* whatever makes it count up */
	assert_int_equal(step_ratchet(&b), OUTCOME_OK);
	boot_end(&b);
	approving_begin(&w, &a);
	n = 0;
	for (size_t i = 0; i < a.seal.slots; i++)
		if (a.seal.slot[i].object.generation == a.generation) {
			n++;
			assert_memory_equal(a.seal.slot[i].object.pcr_digest, like.object.pcr_digest, 32);
			assert_int_equal(a.seal.slot[i].object.approval.signature_len, 0); /* sealed by now */
		}
	assert_int_equal(n, 1);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

/* online = no: the same keys, and nothing can be approved. */
static void test_offline(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32] = { 0 };

	(void)state;
	world_begin(&w, ANSWER_NO, STAGE_FIX);
	like = w.seal.slot[0];
	values(&w, 1, &like.object);
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Cut at each change of the disk: the way back always works; and once it was stored, the way ahead. */
static void test_cut(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];
	bool was_cut = true;
	int at;
	unsigned ahead = 0;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 1, &like.object);
	for (at = 1; was_cut; at++) {
		assert_true(at < 20);
		store(&w);
		start(&w, 0);
		approving_begin(&w, &a);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		was_cut = cut(at, is_stored, &a);
		assert_int_equal(boots(&w), OUTCOME_OK);
		start(&w, 1);
		ahead = boots(&w) == OUTCOME_OK;
	}
	assert_true(at > 4); /* written, synced, renamed, synced */
	assert_true(ahead);
	chip_stop(&w.c);
}

/* The floor rises to enforce in the first boot of an image with another command line than that of the boot that asked for it. */
static void test_rise_in_between(void **state)
{
	static struct world w;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	w.asks = true;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	put(&w, "proc/cmdline", "root=/dev/vdb ro\n", 17); /* now it counts */
	start(&w, 0);
	assert_int_not_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

static void says(const struct world *w, const char *cmdline, uint8_t *ret_digest)
{
	CLEAN_FD root = open(w->c.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	put(w, "proc/cmdline", cmdline, strlen(cmdline));
	if (ret_digest)
		assert_int_equal(binding_cmdline(root, "", ret_digest, NULL), OUTCOME_OK);
}

/* Two images, each with a command line of its own: the rise asked for in one leaves the other its own. */
static void test_rise_of_two(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 2, &like.object);
	says(&w, "root=/dev/vdb ro\n", like.cmdline);
	says(&w, "root=/dev/vda ro\n", NULL);
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	w.asks = true;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 2);
	assert_int_not_equal(boots(&w), OUTCOME_OK); /* the line of the first */
	says(&w, "root=/dev/vdb ro\n", NULL);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 0);
	assert_int_not_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

/* What the file on the disk says of the floor does not lower it where the key is not there to say it. */
static void test_floor_is_edited(void **state)
{
	static struct world w;
	static struct boot b;
	char command[256];

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	(void)snprintf(command, sizeof(command), "cd %s && mkdir initramfs && cp -r etc proc initramfs", w.c.dir);
	assert_int_equal(system(command), 0);
	w.initramfs = "initramfs";
	w.config.floor = w.config.stage = STAGE_FIX; /* it rose since */
	w.seal.slot[0].floor = STAGE_FIX;
	store(&w);
	start(&w, 0);
	assert_int_equal(boot(&w, &b), OUTCOME_OK); /* and what is sealed says it */
	assert_int_equal(BOOT_EVIDENCE(&b)->key.floor, STAGE_ENFORCE);
	boot_end(&b);
	start(&w, 1);
	assert_int_not_equal(boot(&w, &b), OUTCOME_OK);
	assert_int_equal(BOOT_EVIDENCE(&b)->key.floor, STAGE_ENFORCE);
	boot_end(&b);
	chip_stop(&w.c);
}

/* The power was cut before the counter moved: a slot of the next generation is on the disk. Root takes a copy of it, has the
 * counter deleted and made anew behind the closed door, and counts as far as he likes. */
static void test_counter_made_anew(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal copy;
	struct secret his, key = { 0 };
	struct tpm *t = NULL;
	int at;
	uint64_t value = 0;

	(void)state;
	world_begin(&w, ANSWER_NO, STAGE_ENFORCE);
	for (at = 1; copy.slots < 2; at++) {
		start(&w, 0);
		w.asks = true;
		assert_true(cut(at, gate_boots, &w));
		approving_begin(&w, &a);
		copy = a.seal;
	}
	assert_int_equal(copy.slots, 2);
	assert_true(copy.slot[1].object.generation == w.seal.slot[0].object.generation + 1);
	store(&w);
	start(&w, 0);
	w.asks = false;
	assert_true(secret_random(&his, COUNTER_AUTH_LEN));
	(void)boots(&w);
	WITH_TPM(&w.c, t, NULL) {
		uint32_t index;

		assert_int_equal(tpm_counter_undefine(t, copy.slot[1].object.counter, NULL), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &his, &index, NULL), OUTCOME_OK);
		assert_int_equal(index, copy.slot[1].object.counter);
		assert_int_equal(tpm_counter_read(t, index, &value, NULL), OUTCOME_OK);
		assert_true(value > copy.slot[1].object.generation);
		assert_int_not_equal(tpm_unseal(t, &copy.slot[1].object, NULL, 0, &key, NULL), OUTCOME_OK);
	}
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edited), cmocka_unit_test(test_offline), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_rise_in_between), cmocka_unit_test(test_rise_of_two), cmocka_unit_test(test_floor_is_edited),
		cmocka_unit_test(test_counter_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
