/* The key out of the TPM, and the door closed behind it. */
#include "gate/boot.h"

#include "base/file.h"
#include "crypto/crypto.h"
#include "gate/binding.h"
#include "gate/slots.h"
#include "gate/sysroot.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static enum outcome read_errno(int r, const char *path, struct why *why)
{
	why_set(why, WHY_ERRNO, -r, "read", path);
	return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
}

static enum outcome bad_file(struct why *why, const char *path, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "read", path);
	why_detail(why, detail);
	return OUTCOME_BROKEN;
}

/* The copy in the initramfs: its Key-Id is the one that counts. */
static enum outcome read_own_seal(struct boot *b, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(b->root, b->config.seal, SEAL_FILE_MAX, &text, &len);
	enum outcome o;

	if (r < 0) {
		o = read_errno(r, b->config.seal, why);
		if (o == OUTCOME_ABSENT)
			why_detail(why, "this initramfs carries no seal: run 'imagate seal' on the "
			                "running system, then 'dracut -f'");
		return o;
	}
	o = seal_file_parse(b->config.seal, text, len, &b->seal, why);
	b->has_seal = o == OUTCOME_OK;
	if (b->has_seal) {
		memcpy(b->key_id, b->seal.key_id, KEY_ID_LEN);
		b->own_floor = seal_floor(&b->seal);
	}
	return o;
}

bool root_seal(const struct boot *b, struct seal *ret)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD fd = -1;
	size_t len;

	return root >= 0 && file_open_in_root(root, b->config.seal, &fd) == 0 &&
	       file_read_fd(fd, SEAL_FILE_MAX, &text, &len) == 0 &&
	       seal_file_parse(b->config.seal, text, len, ret, NULL) == OUTCOME_OK &&
	       !memcmp(ret->key_id, b->key_id, KEY_ID_LEN);
}

/* The one on the root, which may be newer. What is wrong with it is no failure: the initramfs's own stays. */
static bool take_root_seal(struct boot *b)
{
	static struct seal other;

	if (b->asked_root || sysroot_wait_once(b, NULL) != OUTCOME_OK)
		return false;
	b->asked_root = true;
	if (!root_seal(b, &other))
		return false;
	b->seal = other;
	return true;
}

static bool request_is_there(struct boot *b)
{
	CLEAN_FD root = -1;

	if (sysroot_wait_once(b, NULL) != OUTCOME_OK)
		return false;
	root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root >= 0 && file_exists(root, BOOT_REQUEST_PATH);
}

/* Slots that fit, by their own word (permits' slots are the last of them). Below the floor any slot will do
 * where a request is there: it may be a permit, and only the key can tell. */
static size_t candidates(struct boot *b, size_t ret[static SEAL_SLOTS_MAX])
{
	struct stance s = boot_stance(b);
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	enum stage stage = decide_stage(&s);
	size_t n = seal_candidates(&b->seal, stage, b->cmdline_digest, ret);
	bool below;

	k->floor = seal_floor(&b->seal);
	below = stage >= STAGE_FIX && stage < decide_floor(&s, BOOT_EVIDENCE(b));
	/* permits' slots come last: none there, none at all */
	if (below && n && !b->seal.slot[ret[n - 1]].once)
		n = 0;
	if (below && n == 0 && request_is_there(b))
		n = seal_candidates(&b->seal, k->floor > stage ? k->floor : stage, b->cmdline_digest, ret);
	k->cmdline = seal_only_cmdline_differs(&b->seal, stage, b->cmdline_digest) ? TRI_NO : TRI_UNKNOWN;
	k->useful = n ? TRI_YES : TRI_NO;
	return n;
}

/* The root's signatures, which may be newer than the initramfs's. They lie beside the seal, by default. */
static bool take_root_signatures(struct boot *b)
{
	CLEAN_FD root = -1;
	size_t before = b->fleet.files;

	if (b->fleet.keys == 0 || b->asked_signatures || sysroot_wait_once(b, NULL) != OUTCOME_OK)
		return false;
	b->asked_signatures = true;
	root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		fleet_add(root, b->config.pcr_signature, &b->fleet);
	return b->fleet.files > before;
}

/* The key or the epoch that the configuration names is not yet the seal's, and has signed this boot: a blessed one moves on. */
static void look_ahead(struct boot *b, struct chip_state *c)
{
	b->record.renew = fleet_moves(&b->fleet, b->tpm, c, &b->used.object);
}

static enum outcome unseal_from_tpm(struct boot *b, struct why *why)
{
	size_t places[SEAL_SLOTS_MAX], n = candidates(b, places);
	struct chip_state c = { 0 };
	struct why no_key = { 0 };
	enum outcome o = tpm_open(b->tcti, b->config.tpm_wait, &b->tpm, why);

	b->no_tpm = o == OUTCOME_ABSENT;
	if (o != OUTCOME_OK)
		return o;
	(void)fleet_load(b->root, &b->config, &b->fleet, &no_key); /* without it, what was sealed to still opens; it is said if not */
	o = slots_try(b, places, n, &c, why);
	if (o == OUTCOME_REFUSED && b->rehearse && tpm_door_is_why(why))
		return slots_rehearse(b, places, n, why);
	if (o == OUTCOME_REFUSED && (int)take_root_seal(b) | (int)take_root_signatures(b)) {
		n = candidates(b, places);
		if (n)
			o = slots_try(b, places, n, &c, why);
	}
	if (o == OUTCOME_OK)
		look_ahead(b, &c);
	else if (no_key.domain != WHY_NONE && n)
		*why = no_key;
	if (n == 0) {
		why_set(why, WHY_TEXT, 0, "choose", b->config.seal);
		why_detail(why, "no slot of this seal is for this stage and command line");
	}
	return o;
}

/* Development and benchmarks: config_check() keeps it away from floors above fix. */
static enum outcome read_key_files(struct boot *b, struct why *why)
{
	CLEAN_FREE char *text = NULL, *blob = NULL;
	size_t len, blob_len;
	bool ok;
	int r = file_read(b->root, b->config.key_file, MASTER_KEY_LEN, &text, &len);

	if (r < 0)
		return read_errno(r, b->config.key_file, why);
	ok = len == MASTER_KEY_LEN && secret_set(&b->master, text, len);
	explicit_bzero(text, len);
	if (!ok)
		return bad_file(why, b->config.key_file, "a master key file holds exactly 32 bytes");
	r = file_read(b->root, b->config.evm_blob, EVM_BLOB_MAX - 1, &blob, &blob_len);
	if (r < 0)
		return read_errno(r, b->config.evm_blob, why);
	blob[strcspn(blob, "\n")] = '\0';
	if (!evm_blob_valid(blob))
		return bad_file(why, b->config.evm_blob, "not the blob of a 64-byte encrypted key "
		                "under user:" MASTER_KEY_NAME);
	memcpy(b->seal.evm_blob, blob, strlen(blob) + 1);
	return OUTCOME_OK;
}

static enum outcome unseal(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_UNSEAL);
	struct stance s = boot_stance(b);
	size_t places[SEAL_SLOTS_MAX];
	enum outcome o = OUTCOME_OK;

	if (!b->has_config)
		return OUTCOME_BLOCKED;
	if (b->config.key_source == KEY_SOURCE_TPM) {
		o = read_own_seal(b, why);
		if (o == OUTCOME_OK)
			o = binding_cmdline(b->root, b->config.words, b->cmdline_digest, why);
		if (o == OUTCOME_OK && b->has_cmdline && candidates(b, places) == 0 && take_root_seal(b))
			(void)candidates(b, places); /* a newer seal may fit; evidence is what is wanted here */
	}
	if (!decide_want_key(&s, BOOT_EVIDENCE(b))) {
		why_set(why, WHY_NONE, 0, "", "");
		return OUTCOME_BLOCKED;
	}
	if (!b->rehearse)
		b->warm_up = keyring_warm_up();
	if (b->config.key_source == KEY_SOURCE_FILE)
		return read_key_files(b, why);
	return o == OUTCOME_OK ? unseal_from_tpm(b, why) : o;
}

/* What the key came with counts. Without it, the root's seal is anybody's word, and may only raise the floor. */
enum outcome step_unseal(struct boot *b)
{
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	enum outcome o = unseal(b);

	if (o != OUTCOME_OK && k->floor < b->own_floor)
		k->floor = b->own_floor;
	return o;
}

enum outcome door_close(const char *tcti, unsigned wait, struct tpm **t, struct why *why)
{
	enum outcome o = *t ? OUTCOME_OK : tpm_open(tcti, wait, t, why);

	return o == OUTCOME_OK ? tpm_door_close(*t, why) : o;
}

enum outcome step_door(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_DOOR);

	bool awaited;

	if (!b->has_config)
		config_defaults(&b->config);
	awaited = !b->no_tpm && (b->has_seal || (b->config.key_source == KEY_SOURCE_TPM && file_exists(b->root, b->config.seal)));

	/* whatever the configuration and this initramfs have: the TPM may hold a counter of ours all the same.
	 * Where there is no seal, a TPM that is not there yet is not waited for; 'imagate watch' looks again */
	return door_close(b->tcti, awaited ? b->config.tpm_wait : 0, &b->tpm, why);
}

enum outcome step_door_rehearsed(struct boot *b)
{
	(void)b; /* the gate of this boot has closed it */
	return OUTCOME_BLOCKED;
}
