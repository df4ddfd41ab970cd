/* A good boot: what it drops of the seal, and what the next one ends. */
#include "world.h"

#include "cli/asking.h"
#include "cli/settle.h"

static const struct world *blessed;

/* What asks has no name for the TPM. */
enum outcome __real_tpm_open(const char *, unsigned, struct tpm **, struct why *);
enum outcome __wrap_tpm_open(const char *, unsigned, struct tpm **, struct why *);
enum outcome __wrap_tpm_open(const char *tcti, unsigned wait, struct tpm **ret, struct why *why)
{
	return __real_tpm_open(tcti ? tcti : blessed->c.tcti, wait, ret, why);
}

/* What the gate leaves in the kernel's keyring, for the generation that opened last. */
static uint64_t generation;

enum outcome asking_key(uint64_t *ret_generation, struct secret *ret, struct why *why)
{
	*ret_generation = generation;
	return request_key(&blessed->master, generation, ret, why);
}

int asking_count_up(enum stage floor)
{
	(void)floor;
	put(blessed, "asked", "", 0);
	return 0;
}

static bool asked(const struct world *w)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/asked", w->c.dir);
	return access(path, F_OK) == 0;
}

/* Carries out what was asked for, and leaves what 'imagate bless' wants to know of it. */
static void boot_to_bless(struct world *w, int times, struct record *ret)
{
	static struct boot b;
	bool asks = asked(w);
	char path[160];

	start(w, times);
	boot_init(&b);
	assert_int_equal(boot(w, &b), OUTCOME_OK);
	if (asks) {
		(void)snprintf(path, sizeof(path), "%s/asked", w->c.dir);
		b.request.floor = BOOT_EVIDENCE(&b)->key.floor;
		assert_int_equal(step_ratchet(&b), OUTCOME_OK);
		assert_int_equal(unlink(path), 0);
	}
	generation = b.generation;
	*ret = b.record;
	boot_end(&b);
}

static size_t bless(struct world *w, const struct record *r)
{
	struct settled settled;

	blessed = w;
	(void)snprintf(w->config.seal, sizeof(w->config.seal), "%s", w->path);
	assert_int_equal(settle_slots(&w->config, r, &settled, NULL), OUTCOME_OK);
	return settled.dropped;
}

static size_t good_boot(struct world *w, int times)
{
	static struct record r;

	boot_to_bless(w, times, &r);
	return bless(w, &r);
}

/* From a boot with PCR 4 extended so many times to one where it is more often. */
static void update(struct world *w, int from, int to)
{
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];

	values(w, from, &like.object);
	memcpy(now, like.object.pcr_digest, 32);
	approving_begin(w, &a);
	like = a.seal.slot[a.seal.slots - 1];
	values(w, to, &like.object);
	assert_int_equal(approve(w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
}

/* An update, and before the boot that is to count up a second one: that is its first boot. What was between the two opens nothing either,
 * and nothing is counted up for ever. */
static void test_two_updates(void **state)
{
	static struct world w;
	static struct approving before;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	update(&w, 0, 1);
	assert_int_equal(good_boot(&w, 1), 1);
	assert_true(asked(&w));
	update(&w, 1, 2);
	approving_begin(&w, &before);
	assert_int_equal(good_boot(&w, 2), 1);
	assert_true(asked(&w));
	start(&w, 1);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(good_boot(&w, 2), 0);
		assert_false(asked(&w));
	}
	w.seal = before.seal;
	store(&w);
	start(&w, 1);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

static struct record to_bless;

static bool is_blessed(void *arg)
{
	return bless(arg, &to_bless) == 1;
}

/* Cut at each change of the disk while a good boot drops what was before it: of what is gone from the disk the copies end, too. */
static void test_bless_cut(void **state)
{
	static struct world w;
	static struct approving a;
	bool was_cut = true;
	int at;

	(void)state;
	for (at = 1; was_cut; at++) {
		assert_true(at < 20);
		world_begin(&w, ANSWER_YES, STAGE_FIX);
		update(&w, 0, 1);
		boot_to_bless(&w, 1, &to_bless);
		blessed = &w;
		was_cut = cut(at, is_blessed, &w);
		approving_begin(&w, &a);
		assert_true(a.seal.slots == 2 || asked(&w));
		assert_int_equal(good_boot(&w, 1), was_cut && a.seal.slots == 2); /* and the next one makes good for it */
		if (asked(&w))
			(void)good_boot(&w, 1);
		start(&w, 0);
		assert_int_equal(boots(&w), OUTCOME_REFUSED);
		start(&w, 1);
		assert_int_equal(boots(&w), OUTCOME_OK);
		chip_stop(&w.c);
	}
	assert_true(at > 8);
}

/* Strict: each update foresees a slot for this stage and one for the other. The first of them is what the next boot needs, however many
 * of the other stage there are. */
static void test_strict_updates(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	struct tpm *t = NULL;
	uint8_t now[32];
	size_t live;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = w.seal.slot[0].stage = STAGE_ENFORCE;
	for (w.seal.slots = 1; w.seal.slots < SEAL_SLOTS_LIVE - 1; w.seal.slots++) {
		w.seal.slot[w.seal.slots] = w.seal.slot[0];
		w.seal.slot[w.seal.slots].stage = STAGE_AUDIT;
		memset(w.seal.slot[w.seal.slots].object.pcr_digest, 'a' + (int)w.seal.slots, 32);
	}
	WITH_TPM(&w.c, t, NULL)
		for (size_t i = 0; i < w.seal.slots; i++)
			seal_slot(&w, t, &w.seal.slot[i]);
	store(&w);
	for (int i = 1; i <= 4; i++) {
		values(&w, i - 1, &like.object);
		memcpy(now, like.object.pcr_digest, 32);
		start(&w, i - 1);
		approving_begin(&w, &a);
		like = a.seal.slot[a.seal.slots - 1];
		like.stage = STAGE_ENFORCE;
		values(&w, i, &like.object);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		approving_thin(&a, STAGE_AUDIT);
		like.stage = STAGE_AUDIT;
		memset(like.object.pcr_digest, i, 32);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
		assert_true(good_boot(&w, i) >= 2);
		(void)good_boot(&w, i);
		approving_begin(&w, &a);
		live = 0;
		for (size_t k = 0; k < a.seal.slots; k++)
			live += a.seal.slot[k].object.generation == a.generation;
		assert_int_equal(live, 2); /* what was before opens nothing, in no stage */
	}
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_updates), cmocka_unit_test(test_bless_cut), cmocka_unit_test(test_strict_updates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
