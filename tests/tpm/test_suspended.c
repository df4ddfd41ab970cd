/* A seal that was suspended for a boot: once, whatever is in between. */
#include "world.h"

/* One boot whatever the PCRs are; it seals to what they are, and that is all that is left. */
static void test_one_boot(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal before;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	suspend(&w, &a, 4);
	before = a.seal;
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK); /* sealed to it by the boot before */
	start(&w, 6);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	/* a copy of the file that was kept */
	w.seal = before;
	store(&w);
	start(&w, 6);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Where the PCRs fit it is not touched, even where it is the newest; a good boot ends it, and then copies of it. */
static void test_one_boot_unused(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal before;
	static struct boot b;
	uint64_t generation;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	suspend_until(&w, &a, 1000);
	generation = a.generation;
	a.seal.slot[2] = a.seal.slot[1];
	a.seal.slot[1] = a.seal.slot[0];
	a.seal.slot[0] = a.seal.slot[2]; /* first in the file, too */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	before = a.seal;
	start(&w, 0);
	boot_init(&b);
	assert_int_equal(boot(&w, &b), OUTCOME_OK);
	assert_true(b.generation == generation && !b.used.object.resets && !b.record.suspended);
	approving_begin(&w, &a);
	assert_false(approving_end_suspension(&a, 1000 - APPROVING_RESETS)); /* asked for in this boot: it is for the next one */
	assert_true(approving_end_suspension(&a, 1001 - APPROVING_RESETS));
	assert_false(approving_end_suspension(&a, 1001 - APPROVING_RESETS));
	assert_int_equal(a.seal.slots, 1);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	b.request.floor = w.config.floor; /* as 'imagate bless' then asks for */
	assert_int_equal(step_ratchet(&b), OUTCOME_OK);
	boot_end(&b);
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.seal = before;
	store(&w);
	start(&w, 3);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Never below the floor, for whatever the file says. */
static void test_one_boot_floor(void **state)
{
	static struct world w;
	static struct approving a;
	static struct boot b;
	struct seal_slot like;
	uint8_t now[32] = { 0 };

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	like = w.seal.slot[0];
	like.once = true;
	like.floor = STAGE_FIX;
	like.object.pcrs = (struct pcr_selection){ 0 };
	like.object.pcr_digest_len = 0;
	like.object.resets = 1000;
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(a.seal.slot[1].floor, STAGE_ENFORCE);
	a.seal.slot[1].floor = STAGE_FIX; /* edited: the gate is led to try */
	a.seal.slot[0] = a.seal.slot[1];
	a.seal.slots = 1;
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	w.config.stage = w.config.floor = STAGE_FIX;
	chip_reset(&w.c);
	assert_int_not_equal(boot(&w, &b), OUTCOME_OK);
	boot_end(&b);
	chip_stop(&w.c);
}

/* Where the boot cannot be bound to what it was it is not counted up, which would leave the next one nothing. */
static void test_one_boot_unbound(void **state)
{
	static struct world w;
	static struct approving a;
	struct tpm *t = NULL;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.seal.slot[0].object.pcrs.mask |= 1u << 9; /* by now nobody extends it */
	WITH_TPM(&w.c, t, NULL)
		seal_slot(&w, t, &w.seal.slot[0]);
	store(&w);
	suspend(&w, &a, 3);
	w.uncounted = true;
	for (int i = 0; i < 2; i++) {
		start(&w, 5);
		assert_int_equal(boots(&w), OUTCOME_OK);
	}
	chip_stop(&w.c);
}

/* Cut while the gate counts the one boot up: the next one has the key nevertheless, whichever generation counts. */
static void test_one_boot_cut(void **state)
{
	static struct world w;
	static struct approving a;
	bool was_cut = true;
	int at;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	for (at = 1; was_cut; at++) {
		assert_true(at < 8);
		suspend(&w, &a, 3);
		start(&w, 5 + at);
		was_cut = cut(at, gate_boots, &w);
		start(&w, 5 + at);
		assert_int_equal(boots(&w), OUTCOME_OK);
		start(&w, 5 + at);
		assert_int_equal(boots(&w), OUTCOME_OK); /* bound to it */
	}
	assert_true(at > 4);
	chip_stop(&w.c);
}

/* A rise of the floor was asked for, and the boot that is to see to it is one without PCRs: it does both. */
static void test_one_boot_rises(void **state)
{
	static struct world w;
	static struct approving a;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	suspend(&w, &a, 3);
	w.asks = true;
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	approving_begin(&w, &a);
	assert_int_equal(seal_floor(&a.seal), STAGE_ENFORCE);
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_boot), cmocka_unit_test(test_one_boot_unused), cmocka_unit_test(test_one_boot_floor),
		cmocka_unit_test(test_one_boot_unbound), cmocka_unit_test(test_one_boot_cut), cmocka_unit_test(test_one_boot_rises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
