/* A hundred updates in a row, each foreseen, approved, booted and blessed: the key is there each time, what was before opens
 * nothing any more, and nothing is left over, in the TPM or on the disk. */
#include "base/secret.h"
#include "chip.h"
#include "cli/approving.h"
#include "crypto/crypto.h"

#include <dirent.h>

#define UPDATES 100

struct world {
	struct chip c;
	struct secret payload;
	char dir[64], path[96];
	struct approving a;
};

static void begin(struct world *w)
{
	struct seal_signer signer;
	struct tpm *t = NULL;
	struct secret auth;
	struct why why = { 0 };
	struct seal_slot *s = &w->a.seal.slot[0];

	memset(w, 0, sizeof(*w));
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/imagate-updates-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof(w->path), "%s/seal.pem", w->dir);
	chip_boot(&w->c);
	assert_true(secret_random(&w->payload, PAYLOAD_LEN) && secret_random(&auth, COUNTER_AUTH_LEN) &&
	            secret_random(&w->a.request, REQUEST_KEY_LEN));
	assert_int_equal(approval_signer(&w->a.request, &signer, &why), OUTCOME_OK);
	*s = (struct seal_slot){ .floor = STAGE_ENFORCE, .object.pcrs = DEFAULT_PCRS };
	WITH_TPM(&w->c, t, &why) {
		assert_int_equal(tpm_pcr_digest(t, &s->object.pcrs, s->object.pcr_digest, &s->object.pcr_digest_len, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &auth, &s->object.counter, &why), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, s->object.counter, &s->object.generation, &why), OUTCOME_OK);
		assert_int_equal(tpm_seal(t, &w->payload, &s->object, &signer, 1, &why), OUTCOME_OK);
	}
	w->a.path = w->path;
	w->a.generation = s->object.generation;
	w->a.stage = STAGE_ENFORCE;
	w->a.seal.slots = 1;
	w->a.seal.srk_name_len = 34;
	(void)snprintf(w->a.seal.evm_blob, sizeof(w->a.seal.evm_blob), "default user:imagate-master 64 ");
	memset(w->a.seal.evm_blob + strlen(w->a.seal.evm_blob), '0', 2 * (16 + 1 + EVM_KEY_LEN + 32)); /* as core/seal.c has it */
	assert_true(evm_blob_valid(w->a.seal.evm_blob));
	assert_int_equal(approving_store(&w->a, &why), OUTCOME_OK);
}

/* The digest that PCR 4 extended once more gives; computed, not tried. */
static void foresee(struct world *w, struct tpm *t, uint8_t now[static 32], uint8_t next[static 32])
{
	const uint8_t more[32] = { 1 }; /* extend()'s */
	uint8_t values[8 * 32];
	struct part all = { values, 0 };
	struct why why = { 0 };
	const struct part pcr4[] = { { values + 2 * 32, 32 }, { more, 32 } }; /* 0, 2, 4, 7 */

	(void)w;
	assert_int_equal(tpm_pcr_read(t, &DEFAULT_PCRS, values, sizeof(values), &all.len, &why), OUTCOME_OK);
	assert_int_equal(all.len, 4 * 32);
	assert_int_equal(digest_parts(&all, 1, now, &why), OUTCOME_OK);
	assert_int_equal(digest_parts(pcr4, 2, values + 2 * 32, &why), OUTCOME_OK);
	assert_int_equal(digest_parts(&all, 1, next, &why), OUTCOME_OK);
}

static enum outcome opens(struct world *w, const struct seal_object *o)
{
	struct secret back = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };
	enum outcome out = OUTCOME_PENDING;

	WITH_TPM(&w->c, t, &why)
		out = tpm_unseal(t, o, NULL, 0, &back, &why);
	assert_true(out == OUTCOME_OK ? secret_equal(&back, &w->payload) : back.len == 0);
	secret_wipe(&back);
	return out;
}

/* NV indices, persistent and transient objects, sessions. */
static size_t in_tpm(const struct chip *c)
{
	static const TPM2_HANDLE kinds[] = { TPM2_NV_INDEX_FIRST, TPM2_PERSISTENT_FIRST, TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST,
		TPM2_ACTIVE_SESSION_FIRST };
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *e = NULL;
	size_t n = 0;

	assert_int_equal(Tss2_TctiLdr_Initialize(c->tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		TPMS_CAPABILITY_DATA *data = NULL;

		assert_int_equal(Esys_GetCapability(e, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, kinds[i], 64, NULL, &data), 0);
		n += data->data.handles.count;
		Esys_Free(data);
	}
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
	return n;
}

static void only_the_seal(const struct world *w)
{
	CLEAN_DIR d = opendir(w->dir);

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		assert_true(!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "seal.pem"));
}

static void update(struct world *w, uint8_t now[static 32])
{
	struct seal_slot like;
	const struct seal_slot *base;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint8_t next[32];

	WITH_TPM(&w->c, t, &why) {
		foresee(w, t, now, next);
		base = approving_base(&w->a, t, &why);
		assert_non_null(base);
		like = *base;
		memcpy(like.object.pcr_digest, next, 32);
		assert_int_equal(approving_add(&w->a, t, base, &like, now, &why), OUTCOME_OK);
		assert_int_equal(approving_add(&w->a, t, base, &like, now, &why), OUTCOME_BLOCKED); /* a hook that runs twice */
	}
	assert_int_equal(approving_store(&w->a, &why), OUTCOME_OK);
	memset(&w->a.seal, 0, sizeof(w->a.seal));
	assert_int_equal(approving_read(&w->a, &why), OUTCOME_OK);
	memcpy(now, next, 32);
}

static void test_hundred(void **state)
{
	static struct world w;
	struct why why = { 0 };
	uint8_t now[32];
	size_t handles;
	char command[96];

	(void)state;
	begin(&w);
	handles = in_tpm(&w.c);
	for (int i = 0; i < UPDATES; i++) {
		struct seal_object before;

		update(&w, now);
		assert_int_equal(w.a.seal.slots, 2);
		before = w.a.seal.slot[0].object;
		assert_int_equal(opens(&w, &before), OUTCOME_OK); /* not booted yet */
		assert_int_equal(opens(&w, &w.a.seal.slot[1].object), OUTCOME_REFUSED);
		extend(&w.c, 4);
		assert_int_equal(opens(&w, &before), OUTCOME_REFUSED);
		assert_int_equal(opens(&w, &w.a.seal.slot[1].object), OUTCOME_OK);
		assert_int_equal(approving_superseded(&w.a.seal, w.a.generation, STAGE_ENFORCE, false, now), 1);
		assert_int_equal(approving_store(&w.a, &why), OUTCOME_OK);
		assert_int_equal(w.a.seal.slots, 1);
	}
	assert_int_equal(in_tpm(&w.c), handles);
	only_the_seal(&w);
	chip_stop(&w.c);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	assert_int_equal(system(command), 0);
}

/* An update that is taken back in its first boot, before that is blessed: the way back is not dropped as the way from there. */
static void test_taken_back(void **state)
{
	static struct world w;
	struct seal_slot like;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint8_t now[32];
	char command[96];

	(void)state;
	begin(&w);
	like = w.a.seal.slot[0];
	update(&w, now);
	extend(&w.c, 4);
	WITH_TPM(&w.c, t, &why)
		assert_int_equal(approving_add(&w.a, t, approving_base(&w.a, t, &why), &like, now, &why), OUTCOME_OK);
	assert_int_equal(w.a.seal.slots, 2);
	assert_int_equal(approving_superseded(&w.a.seal, w.a.generation, STAGE_ENFORCE, false, now), 0);
	chip_reset(&w.c);
	assert_int_equal(opens(&w, &w.a.seal.slot[1].object), OUTCOME_OK);
	chip_stop(&w.c);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	assert_int_equal(system(command), 0);
}

/* Updates that are never booted: the newest are kept, and the one that the machine runs by. */
static void test_never_booted(void **state)
{
	static struct world w;
	struct seal_object running;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint8_t now[32], next[32];
	char command[96];

	(void)state;
	begin(&w);
	running = w.a.seal.slot[0].object;
	for (uint8_t i = 1; i <= 2 * SEAL_SLOTS_LIVE; i++) {
		struct seal_slot like = w.a.seal.slot[0];

		WITH_TPM(&w.c, t, &why) {
			foresee(&w, t, now, next);
			memset(like.object.pcr_digest, i, 32);
			assert_int_equal(approving_add(&w.a, t, approving_base(&w.a, t, &why), &like, now, &why), OUTCOME_OK);
		}
	}
	assert_int_equal(w.a.seal.slots, SEAL_SLOTS_LIVE);
	assert_memory_equal(w.a.seal.slot[0].object.pcr_digest, running.pcr_digest, 32);
	assert_int_equal(w.a.seal.slot[SEAL_SLOTS_LIVE - 1].object.pcr_digest[0], 2 * SEAL_SLOTS_LIVE);
	assert_int_equal(opens(&w, &w.a.seal.slot[0].object), OUTCOME_OK);
	assert_int_equal(approving_store(&w.a, &why), OUTCOME_OK);
	assert_int_equal(approving_read(&w.a, &why), OUTCOME_OK);
	chip_stop(&w.c);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	assert_int_equal(system(command), 0);
}

/* Each stage has a slot of its own, and what is approved is for the stage that runs; whichever was added last. */
static void test_strict(void **state)
{
	static struct world w;
	struct seal_slot like;
	const struct seal_slot *base;
	struct tpm *t = NULL;
	struct why why = { 0 };
	uint8_t now[32], next[32];
	size_t places[SEAL_SLOTS_MAX], count;
	char command[96];

	(void)state;
	begin(&w);
	w.a.seal.slot[0].stage = STAGE_ENFORCE;
	w.a.seal.slot[0].floor = STAGE_FIX;
	w.a.seal.slot[1] = w.a.seal.slot[0];
	w.a.seal.slot[1].stage = STAGE_AUDIT;
	memset(w.a.seal.slot[1].object.pcr_digest, 'a', 32); /* its command line is in the PCRs */
	w.a.seal.slots = 2;
	WITH_TPM(&w.c, t, &why) {
		foresee(&w, t, now, next);
		base = approving_base(&w.a, t, &why);
		assert_non_null(base);
		like = *base;
		memcpy(like.object.pcr_digest, next, 32);
		assert_int_equal(approving_add(&w.a, t, base, &like, now, &why), OUTCOME_OK);
	}
	extend(&w.c, 4);
	count = seal_candidates(&w.a.seal, STAGE_ENFORCE, NULL, places);
	assert_int_equal(count, 2); /* as it was sealed, and as it was approved */
	assert_int_equal(opens(&w, &w.a.seal.slot[places[1]].object), OUTCOME_OK);
	/* a second kernel's command line, added last: what is approved is for the one that runs */
	w.a.seal.slot[0].cmdline_bound = w.a.seal.slot[1].cmdline_bound = true;
	w.a.seal.slot[1].stage = STAGE_ENFORCE;
	memset(w.a.seal.slot[1].cmdline, 2, CMDLINE_DIGEST_LEN);
	memset(w.a.cmdline, 1, CMDLINE_DIGEST_LEN);
	memset(w.a.seal.slot[0].cmdline, 1, CMDLINE_DIGEST_LEN);
	w.a.seal.slots = 2;
	WITH_TPM(&w.c, t, &why) {
		assert_ptr_equal(approving_base(&w.a, t, &why), &w.a.seal.slot[0]);
		memset(w.a.cmdline, 3, CMDLINE_DIGEST_LEN); /* below enforce: none is the very one */
		assert_ptr_equal(approving_base(&w.a, t, &why), &w.a.seal.slot[1]);
		w.a.stage = STAGE_FIX;
		assert_null(approving_base(&w.a, t, &why));
	}
	chip_stop(&w.c);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hundred), cmocka_unit_test(test_never_booted),
	                                  cmocka_unit_test(test_strict), cmocka_unit_test(test_taken_back) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
