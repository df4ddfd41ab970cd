/* A seal that opens for what a fleet's key has signed: the gate's own way to it, with a real TPM implementation; and the
 * way from one key or epoch to the next. */
#include "base/file.h"
#include "base/secret.h"
#include "chip.h"
#include "core/base64.h"
#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/boot.h"
#include "gate/slots.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tss2/tss2_mu.h>

#define KEY_FILE "/etc/imagate/fleet.pem"
#define SIGNATURES "/etc/imagate/pcrsig.json"
#define FEW ((struct pcr_selection){ PCR_BANK_SHA256, 1u << 7 })
#define ALL DEFAULT_PCRS

static struct world {
	struct chip c;
	char dir[64], json[64 * 1024];
	struct secret master;
	struct seal seal;
	struct boot b;
	bool unfleet; /* sealed before there was a fleet */
} w;

/* -- the fleet's owner ------------------------------------------------------------------------ */

struct owner {
	EVP_PKEY *key;
	struct policysigner *signer;
	struct policykey public;
};

static const char *at(const char *path)
{
	static char full[2][160];
	static int turn;

	turn = !turn;
	(void)snprintf(full[turn], sizeof(full[turn]), "%s%s", w.dir, path);
	return full[turn];
}

static void owner_make(struct owner *o, EVP_PKEY *key)
{
	struct signer_wish wish = { .key = at("/private") };
	struct why why = { 0 };
	FILE *f = fopen(wish.key, "w");

	o->key = key;
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(policysigner_open(&wish, &o->signer, &o->public, &why), OUTCOME_OK);
}

static void owner_end(struct owner *o)
{
	policysigner_close(&o->signer);
	EVP_PKEY_free(o->key);
}

/* The machine's keys, the first one to be sealed to. */
static void publish(const struct owner *first, const struct owner *second)
{
	FILE *f = fopen(at(KEY_FILE), "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PUBKEY(f, first->key), 1);
	assert_true(!second || PEM_write_PUBKEY(f, second->key) == 1);
	assert_int_equal(fclose(f), 0);
}

static void store(void)
{
	char text[sizeof(w.json) + 32];
	FILE *f = fopen(at(SIGNATURES), "w");

	(void)snprintf(text, sizeof(text), "{\"sha256\":[%s]}", w.json);
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void values_of_now(const struct pcr_selection *pcrs, uint8_t policy[32])
{
	struct chip_state c = { 0 };
	struct tpm *t = NULL;
	struct why why = { 0 };

	WITH_TPM(&w.c, t, &why)
		assert_int_equal(chip_ask(t, pcrs, &c, &why), OUTCOME_OK);
	assert_true(pcrsig_policy(pcrs, c.digest, digest_hash, NULL, policy));
}

/* One entry more. epoch 0: plain alone. flip: a byte of the signature, damaged. */
static void sign(const struct owner *o, struct pcr_selection pcrs, unsigned epoch, bool flip)
{
	char key[65], pol[65], plain[BASE64_LEN(512) + 1], epochal[BASE64_LEN(512) + 1] = "", more[BASE64_LEN(512) + 64] = "";
	uint8_t policy[32];
	struct signature s;
	struct why why = { 0 };
	size_t at_end = strlen(w.json);

	values_of_now(&pcrs, policy);
	hex_encode(o->public.fingerprint, 32, key);
	hex_encode(policy, 32, pol);
	assert_int_equal(policysigner_sign(o->signer, policy, 0, &s, &why), OUTCOME_OK);
	s.bytes[s.len / 2] ^= flip;
	base64_encode(s.bytes, s.len, plain);
	if (epoch) {
		assert_int_equal(policysigner_sign(o->signer, policy, epoch, &s, &why), OUTCOME_OK);
		s.bytes[s.len / 2] ^= flip;
		base64_encode(s.bytes, s.len, epochal);
		(void)snprintf(more, sizeof(more), ",\"imagate-epoch\":%u,\"imagate-sig\":\"%s\"", epoch, epochal);
	}
	(void)snprintf(w.json + at_end, sizeof(w.json) - at_end, "%s{\"pcrs\":[%s],\"pkfp\":\"%s\",\"pol\":\"%s\",\"sig\":\"%s\"%s}",
	               at_end ? "," : "", pcrs.mask == FEW.mask ? "7" : "0,2,4,7", key, pol, plain, more);
	store();
}

static void forget_signatures(void)
{
	w.json[0] = '\0';
	store();
}

/* -- the machine ---------------------------------------------------------------------------------- */

static void boot_begin(unsigned epoch)
{
	struct why why = { 0 };

	boot_init(&w.b);
	w.b.root = open(w.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	w.b.sysroot_path = w.dir;
	w.b.tcti = w.c.tcti;
	config_defaults(&w.b.config);
	w.b.has_config = true;
	(void)snprintf(w.b.config.pcr_public_key, sizeof(w.b.config.pcr_public_key), KEY_FILE);
	w.b.config.pcr_epoch = epoch;
	w.b.seal = w.seal;
	memcpy(w.b.key_id, w.seal.key_id, KEY_ID_LEN);
	assert_int_equal(tpm_open(w.b.tcti, 1, &w.b.tpm, &why), OUTCOME_OK);
	assert_int_equal(fleet_load(w.b.root, &w.b.config, &w.b.fleet, &why), OUTCOME_OK);
}

/* What 'imagate seal' does, in the boot that has begun. */
static void seal_now(void)
{
	SECRET auth = { 0 };
	SECRET payload = { .len = PAYLOAD_LEN };
	struct seal_slot *slot = &w.seal.slot[0];
	struct seal_record r = { .floor = STAGE_FIX };
	struct seal_signer signers[SEAL_SIGNERS_MAX], fleet;
	struct why why = { 0 };
	size_t count;

	assert_true(secret_random(&w.master, MASTER_KEY_LEN));
	assert_int_equal(key_id_of(&w.master, w.seal.key_id, &why), OUTCOME_OK);
	assert_int_equal(counter_auth_of(&w.master, &auth, &why), OUTCOME_OK);
	*slot = (struct seal_slot){ .floor = STAGE_FIX, .object.pcrs = ALL };
	assert_int_equal(tpm_srk(w.b.tpm, w.seal.srk_name, &w.seal.srk_name_len, &why), OUTCOME_OK);
	assert_int_equal(tpm_pcr_digest(w.b.tpm, &slot->object.pcrs, slot->object.pcr_digest, &slot->object.pcr_digest_len, &why), OUTCOME_OK);
	assert_int_equal(tpm_counter_define(w.b.tpm, &auth, &slot->object.counter, &why), OUTCOME_OK);
	assert_int_equal(tpm_counter_read(w.b.tpm, slot->object.counter, &slot->object.generation, &why), OUTCOME_OK);
	r.generation = slot->object.generation;
	memcpy(r.master, w.master.bytes, MASTER_KEY_LEN);
	payload_build(&r, payload.bytes);
	fleet_wanted(&w.b.fleet, &fleet);
	assert_int_equal(approvers_of(&w.b.config, &w.master, r.generation, w.unfleet ? NULL : &fleet, signers, &count, &why), OUTCOME_OK);
	assert_int_equal(tpm_seal(w.b.tpm, &payload, &slot->object, signers, count, &why), OUTCOME_OK);
	assert_int_equal(slot_mac(&w.master, slot, &why), OUTCOME_OK);
	w.seal.slots = 1;
	(void)snprintf(w.seal.evm_blob, sizeof(w.seal.evm_blob), "default user:imagate-master 64 %0226d", 0);
}

/* A boot's unsealing, from the configuration and the files that are there. */
static enum outcome unseal(unsigned epoch, struct why *why)
{
	size_t places[SEAL_SLOTS_MAX], n;
	struct chip_state c = { 0 };
	enum outcome o;

	*why = (struct why){ 0 };
	boot_begin(epoch);
	n = seal_candidates(&w.seal, STAGE_ENFORCE, NULL, places);
	o = slots_try(&w.b, places, n, &c, why);
	assert_true(o != OUTCOME_OK || secret_equal(&w.b.master, &w.master));
	assert_true(o == OUTCOME_OK || w.b.master.len == 0);
	return o;
}

static enum outcome opens(unsigned epoch, struct why *why)
{
	enum outcome o = unseal(epoch, why);

	boot_end(&w.b);
	return o;
}

/* A boot that a blessed one before it has asked to count up. What the gate leaves is the seal of the next. */
static void raise_floor(unsigned epoch, enum stage floor)
{
	CLEAN_FREE char *text = NULL;
	struct why why;
	size_t len;

	assert_int_equal(unseal(epoch, &why), OUTCOME_OK);
	w.b.record.decision = (struct decision){ .verdict = VERDICT_ADMIT, .stage = STAGE_ENFORCE, .use_key = true };
	w.b.request.floor = floor;
	memset(w.b.request.cmdline, 7, CMDLINE_DIGEST_LEN);
	if (step_ratchet(&w.b) != OUTCOME_OK)
		fail_msg("%s %s", w.b.record.why[STEP_RATCHET].subject, w.b.record.why[STEP_RATCHET].detail);
	boot_end(&w.b);
	assert_int_equal(file_read(AT_FDCWD, at("/etc/imagate/seal.pem"), SEAL_FILE_MAX, &text, &len), 0);
	assert_int_equal(seal_file_parse("seal.pem", text, len, &w.seal, &why), OUTCOME_OK);
}

static void count_up(unsigned epoch)
{
	raise_floor(epoch, STAGE_FIX);
}

static int begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	(void)snprintf(w.dir, sizeof(w.dir), "/tmp/imagate-fleet-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	assert_int_equal(mkdir(at("/etc"), 0755), 0);
	assert_int_equal(mkdir(at("/etc/imagate"), 0755), 0);
	chip_boot(&w.c);
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	chip_stop(&w.c);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	return system(command);
}

static void sealed_to(const struct owner *o, unsigned epoch)
{
	publish(o, NULL);
	boot_begin(epoch);
	seal_now();
	boot_end(&w.b);
}

/* -- the tests -------------------------------------------------------------------------------------- */

static void any_signed_values(EVP_PKEY *key)
{
	struct owner owner;
	struct why why;

	owner_make(&owner, key);
	sealed_to(&owner, 0);
	assert_int_equal(opens(0, &why), OUTCOME_OK); /* as sealed: no signature is needed */
	extend(&w.c, 4);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.detail, "no file of signatures"));
	for (int i = 0; i < 2; i++) {
		sign(&owner, ALL, 0, false);
		assert_int_equal(opens(0, &why), OUTCOME_OK);
		extend(&w.c, 7);
		assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
		assert_non_null(strstr(why.detail, "no signature by the key"));
	}
	sign(&owner, FEW, 0, false); /* what the owner signs less of is less bound: it is the owner's to say */
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	extend(&w.c, 2);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	owner_end(&owner);
}

static void test_rsa(void **state)
{
	(void)state;
	any_signed_values(EVP_RSA_gen(2048));
}

static void test_ec(void **state)
{
	(void)state;
	any_signed_values(EVP_EC_gen("P-256"));
}

static void test_p384(void **state)
{
	(void)state;
	any_signed_values(EVP_EC_gen("P-384"));
}

/* Neither another's signature, nor one under our key's name, nor a damaged one, nor a file that is none. */
static void test_forged(void **state)
{
	struct owner owner, other;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	owner_make(&other, EVP_RSA_gen(2048));
	sealed_to(&owner, 0);
	extend(&w.c, 4);
	sign(&other, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	publish(&owner, &other); /* even where the machine has that key: the seal does not name it */
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.detail, "not by the key and epoch"));
	forget_signatures();
	memcpy(other.public.fingerprint, owner.public.fingerprint, PCRSIG_DIGEST_LEN);
	sign(&other, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED); /* by the TPM */
	assert_int_equal(why.domain, WHY_TPM);
	forget_signatures();
	sign(&owner, ALL, 0, true);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_int_equal(why.domain, WHY_TPM);
	(void)snprintf(w.json, sizeof(w.json), "7");
	store();
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.subject, SIGNATURES));
	forget_signatures();
	sign(&owner, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	owner_end(&owner);
	owner_end(&other);
}

/* The door is closed for signed values, too, and a seal that was counted over is dead for them. */
static void test_door_and_ratchet(void **state)
{
	SECRET auth = { 0 };
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	sealed_to(&owner, 0);
	extend(&w.c, 4);
	sign(&owner, ALL, 0, false);
	assert_int_equal(unseal(0, &why), OUTCOME_OK);
	assert_int_equal(tpm_door_close(w.b.tpm, &why), OUTCOME_OK);
	boot_end(&w.b);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_true(tpm_door_is_why(&why));
	chip_reset(&w.c);
	extend(&w.c, 4);
	assert_int_equal(unseal(0, &why), OUTCOME_OK);
	assert_int_equal(counter_auth_of(&w.master, &auth, &why), OUTCOME_OK);
	assert_int_equal(tpm_counter_increment(w.b.tpm, w.seal.slot[0].object.counter, &auth, &why), OUTCOME_OK);
	boot_end(&w.b);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	assert_true(tpm_superseded_is_why(&why));
	owner_end(&owner);
}

/* A seal of an epoch takes this epoch's signatures only. */
static void test_epochs(void **state)
{
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	sealed_to(&owner, 2);
	extend(&w.c, 4);
	sign(&owner, ALL, 0, false);
	assert_int_equal(opens(2, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.detail, "not by the key and epoch"));
	sign(&owner, ALL, 1, false);
	sign(&owner, ALL, 3, false);
	assert_int_equal(opens(2, &why), OUTCOME_REFUSED);
	sign(&owner, ALL, 2, false);
	assert_int_equal(opens(2, &why), OUTCOME_OK);
	assert_int_equal(opens(9, &why), OUTCOME_OK); /* what is wanted does not matter: what the seal names does */
	owner_end(&owner);
}

static bool is_ahead(unsigned epoch)
{
	struct chip_state c = { 0 };
	struct why why;
	bool ahead;

	assert_int_equal(unseal(epoch, &why), OUTCOME_OK);
	ahead = fleet_moves(&w.b.fleet, w.b.tpm, &c, &w.b.used.object);
	boot_end(&w.b);
	return ahead;
}

/* An image of epoch 1, then one of 2 that is signed for both. Once it was counted up, 1 is dead: the old image's values,
 * with its signature and with the old seal. */
static void test_revoked(void **state)
{
	struct seal old;
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	sign(&owner, ALL, 1, false);
	sealed_to(&owner, 1);
	old = w.seal;
	extend(&w.c, 4); /* the new image */
	sign(&owner, ALL, 1, false);
	assert_false(is_ahead(1));
	assert_false(is_ahead(2)); /* wanted, but not signed for 2 */
	count_up(2);
	chip_reset(&w.c);
	assert_int_equal(opens(2, &why), OUTCOME_OK); /* nothing was revoked: neither what was sealed to */
	extend(&w.c, 2);
	sign(&owner, ALL, 1, false);
	assert_int_equal(opens(2, &why), OUTCOME_OK); /* nor what is signed for 1 */
	chip_reset(&w.c);
	extend(&w.c, 4);
	sign(&owner, ALL, 2, false);
	assert_true(is_ahead(2));
	count_up(2);
	assert_int_equal(opens(2, &why), OUTCOME_OK);
	assert_false(is_ahead(2));
	chip_reset(&w.c); /* the old image again */
	assert_int_equal(opens(1, &why), OUTCOME_REFUSED);
	assert_non_null(strstr(why.detail, "not by the key and epoch"));
	w.seal = old;
	assert_int_equal(opens(1, &why), OUTCOME_REFUSED);
	owner_end(&owner);
}

/* An old image that was signed for the new epoch, too: it boots, and its configuration, which names the old one, does not take
 * the seal back there. Neither does one that opens by its own values. */
static void test_never_back(void **state)
{
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	sealed_to(&owner, 7);
	sign(&owner, ALL, 1, false);
	assert_false(is_ahead(1));
	assert_false(is_ahead(0));
	count_up(1);
	extend(&w.c, 4);
	sign(&owner, ALL, 1, false);
	assert_int_equal(opens(1, &why), OUTCOME_REFUSED);
	sign(&owner, ALL, 7, false);
	assert_false(is_ahead(1));
	count_up(1);
	count_up(0);
	extend(&w.c, 4);
	sign(&owner, ALL, 1, false);
	assert_int_equal(opens(1, &why), OUTCOME_REFUSED);
	sign(&owner, ALL, 7, false);
	sign(&owner, ALL, 8, false);
	assert_true(is_ahead(8));
	owner_end(&owner);
}

/* A machine that is sealed already gets to know a fleet's key: with the next generation the seal names it. */
static void test_joins(void **state)
{
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	publish(&owner, NULL);
	boot_begin(0);
	w.unfleet = true;
	seal_now();
	boot_end(&w.b);
	sign(&owner, ALL, 0, false);
	assert_true(is_ahead(0));
	extend(&w.c, 4);
	sign(&owner, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	chip_reset(&w.c);
	count_up(0);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	extend(&w.c, 4);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	owner_end(&owner);
}

/* Where the PCRs cover the command line it is not bound, and stays so when the floor rises to enforce. */
static void test_cmdline_is_covered(void **state)
{
	struct owner owner;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	sealed_to(&owner, 0); /* as seal_now() seals: bound to none */
	extend(&w.c, 4);
	sign(&owner, ALL, 0, false);
	raise_floor(0, STAGE_ENFORCE);
	assert_int_equal(w.seal.slot[w.seal.slots - 1].floor, STAGE_ENFORCE);
	assert_false(w.seal.slot[w.seal.slots - 1].cmdline_bound);
	assert_int_equal(unseal(0, &why), OUTCOME_OK);
	assert_int_equal(w.b.record.evidence.key.cmdline, TRI_YES);
	boot_end(&w.b);
	owner_end(&owner);
}

/* From one key to the next. The image between is signed by both. */
static void test_rotated(void **state)
{
	struct owner owner, next;
	struct why why;

	(void)state;
	owner_make(&owner, EVP_RSA_gen(2048));
	owner_make(&next, EVP_EC_gen("P-256"));
	sealed_to(&owner, 0);
	extend(&w.c, 4);
	sign(&owner, ALL, 0, false);
	publish(&next, &owner);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	assert_false(is_ahead(0));
	sign(&next, ALL, 0, false);
	assert_true(is_ahead(0));
	count_up(0);
	extend(&w.c, 2); /* an image that only the old key has signed */
	sign(&owner, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_REFUSED);
	sign(&next, ALL, 0, false);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	publish(&next, NULL);
	assert_int_equal(opens(0, &why), OUTCOME_OK);
	owner_end(&owner);
	owner_end(&next);
}

/* What the TPM calls such a key is what we call it. */
static void test_names(void **state)
{
	EVP_PKEY *keys[] = { EVP_RSA_gen(2048), EVP_RSA_gen(3072), EVP_EC_gen("P-256"), EVP_EC_gen("P-384") };

	(void)state;
	for (size_t i = 0; i < ROWS(keys); i++) {
		struct owner o;
		struct tpm *t = NULL;
		struct why why = { 0 };
		TPM2B_PUBLIC public = { 0 };
		ESYS_TR handle = ESYS_TR_NONE;
		TPM2B_NAME *name = NULL;
		size_t offset = 0;

		owner_make(&o, keys[i]);
		assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Unmarshal(o.public.public_part, o.public.public_len, &offset, &public), 0);
		assert_int_equal(offset, o.public.public_len);
		WITH_TPM(&w.c, t, &why) {
			assert_int_equal(Esys_LoadExternal(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &public, ESYS_TR_RH_OWNER, &handle), 0);
			assert_int_equal(Esys_TR_GetName(t->esys, handle, &name), 0);
			assert_int_equal(name->size, PCRSIG_NAME_LEN);
			assert_memory_equal(name->name, o.public.name, PCRSIG_NAME_LEN);
			Esys_Free(name);
			tpm_flush(t, &handle);
		}
		owner_end(&o);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rsa), TEST(test_ec), TEST(test_p384), TEST(test_forged), TEST(test_door_and_ratchet), TEST(test_epochs),
		TEST(test_revoked), TEST(test_never_back), TEST(test_joins), TEST(test_cmdline_is_covered), TEST(test_rotated), TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
