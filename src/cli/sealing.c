#include "cli/sealing.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/cover.h"
#include "cli/leftovers.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/cmdline.h"
#include "core/eventlog.h"
#include "core/policy.h"

#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/binding.h"
#include "gate/boot.h"
#include "kernel/keyring.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct tpm_scope {
	struct tpm *t;
};
static void tpm_scope_end(struct tpm_scope *s)
{
	tpm_close(&s->t);
}
#define TPM_SCOPE __attribute__((cleanup(tpm_scope_end))) struct tpm_scope

enum stage sealing_stage(const struct config *c)
{
	CLEAN_FREE char *text = NULL;
	struct cmdline l = { 0 };
	size_t len;

	if (file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, &text, &len) == 0)
		cmdline_parse(text, len, &l);
	return l.stage != STAGE_UNSET ? l.stage : c->stage;
}

int sealing_failed(const char *doing, const struct why *why)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s: %s", doing, text);
	return IMAGATE_FAILED;
}

/* That of the policy which is configured now: an older one gets no key any more. 0 where there is none. */
static unsigned epoch_of_now(const struct sealing *g)
{
	CLEAN_FREE char *text = NULL;
	char path[PATH_MAX];
	unsigned epoch, line;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s%s", strcmp(g->root, "/") ? g->root : "", g->config->policy); /* both are short */
	return file_read(AT_FDCWD, path, POLICY_FILE_MAX, &text, &len) == 0 && policy_epoch(text, len, &epoch, &line) ? epoch : 0;
}

/* Beside the digest, for saying later which of them differs. Where one moved in between, a sentence less. */
static void keep_values(struct tpm *t, struct seal_slot *slot)
{
	uint8_t values[SEAL_VALUES_MAX];
	size_t len;

	if (tpm_pcr_read(t, &slot->object.pcrs, values, sizeof(values), &len, NULL) != OUTCOME_OK ||
	    !seal_values_take(&slot->object.pcrs, values, len, &slot->values) ||
	    !seal_values_belong(&slot->values, &slot->object, digest_hash, NULL))
		slot->values = (struct seal_values){ 0 };
}

/* What the slot is bound to, in it and in the record that is sealed. */
static enum outcome bind(struct sealing *g, struct tpm *t, struct seal_slot *slot, struct seal_record *r,
                         struct why *why)
{
	struct why ignored = { 0 };
	struct cover cover;
	enum outcome o = sealing_fleet(g, t, why);

	cover_of(&g->config->pcrs, &cover);
	*slot = (struct seal_slot){ .floor = g->floor, .cmdline_bound = !g->fleet.cmdline_covered, .object.pcrs = g->config->pcrs };
	/* a stage's command line may be signed like any other */
	slot->stage = cover.strict && !g->fleet.named ? g->stage : STAGE_UNSET;
	if (o == OUTCOME_OK)
		o = tpm_pcr_digest(t, &slot->object.pcrs, slot->object.pcr_digest, &slot->object.pcr_digest_len, why);
	if (o == OUTCOME_OK)
		keep_values(t, slot);
	if (o == OUTCOME_OK && slot->cmdline_bound)
		o = binding_cmdline(AT_FDCWD, g->config->words, slot->cmdline, why);
	memcpy(r->cmdline, slot->cmdline, CMDLINE_DIGEST_LEN);
	r->floor = g->floor;
	r->epoch = epoch_of_now(g);
	/* a root without a UUID is not bound to: sealing_say() says so */
	g->root_bound = binding_root(g->root, r->root, &ignored) == OUTCOME_OK;
	if (!g->root_bound)
		memset(r->root, 0, ROOT_ID_LEN);
	return o;
}

/* Counter and generation are in the slot; the rest of the payload, and the object. */
static enum outcome fill(const struct sealing *g, struct tpm *t, const struct secret *master, struct seal_record *r,
                         struct seal_slot *slot, struct secret *ret_payload, struct why *why)
{
	struct seal_signer signers[SEAL_SIGNERS_MAX];
	size_t count;
	enum outcome o = approvers_of(g->config, master, slot->object.generation, g->fleet.named ? &g->fleet.signer : NULL, signers, &count, why);

	r->generation = slot->object.generation;
	r->stage = slot->stage;
	memcpy(r->master, master->bytes, MASTER_KEY_LEN);
	payload_build(r, ret_payload->bytes);
	ret_payload->len = PAYLOAD_LEN;
	explicit_bzero(r, sizeof(*r));
	if (o == OUTCOME_OK)
		o = tpm_seal(t, ret_payload, &slot->object, signers, count, why);
	return o == OUTCOME_OK ? slot_mac(master, slot, why) : o;
}

/* Counter and generation that one more slot is to hang on. The file can be edited: only a slot that this key made or allowed
 * says them, and only a counter that the door closes will do. */
static enum outcome find_newest(struct tpm *t, const struct sealing *g, const struct seal *s, const struct secret *master,
                                struct seal_object *ret, struct why *why)
{
	uint32_t there[TPM_COUNTERS_MAX];
	size_t count = 0;
	enum outcome o = tpm_counters(t, there, TPM_COUNTERS_MAX, &count, why);
	bool is_there = false;

	if (o != OUTCOME_OK)
		return o;
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation > ret->generation && slot_mac_verify(master, &s->slot[i], NULL) == OUTCOME_OK)
			*ret = s->slot[i].object;
	for (size_t i = 0; i < count; i++)
		is_there = is_there || there[i] == ret->counter;
	if (is_there)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "add to", g->path);
	why_detail(why, "it has no slot of this key's for a counter of this TPM: 'imagate recover' without --add begins anew");
	return OUTCOME_REFUSED;
}

/* The live slots, and one more for this boot's PCRs. Which are live, only the newest generation in the file can
 * tell: the door is closed. */
enum outcome sealing_add(struct sealing *g, struct seal *s, const struct secret *master, struct secret *ret_payload,
                         struct why *why)
{
	TPM_SCOPE tpm = { 0 };
	struct seal_record r = { 0 };
	struct seal_object newest = { 0 };
	struct seal_slot *slot;
	size_t live = 0;
	enum outcome o = tpm_open(g->tcti, g->config->tpm_wait, &tpm.t, why);

	if (o == OUTCOME_OK)
		o = find_newest(tpm.t, g, s, master, &newest, why);
	if (o != OUTCOME_OK)
		return o;
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation == newest.generation)
			s->slot[live++] = s->slot[i];
	s->slots = live;
	if (live > SEAL_SLOTS_LIVE - 1) {
		why_set(why, WHY_TEXT, 0, "add to", g->path);
		why_detail(why, "it has as many slots as fit: 'imagate recover' without --add begins anew");
		return OUTCOME_REFUSED;
	}
	slot = &s->slot[live];
	o = bind(g, tpm.t, slot, &r, why);
	slot->object.counter = newest.counter;
	slot->object.generation = newest.generation;
	if (o == OUTCOME_OK)
		o = fill(g, tpm.t, master, &r, slot, ret_payload, why);
	s->slots += o == OUTCOME_OK;
	return o;
}

enum outcome sealing_slot(struct sealing *g, struct seal *s, const struct secret *master,
                          struct secret *ret_payload, struct why *why)
{
	SECRET auth = { 0 };
	TPM_SCOPE tpm = { 0 };
	struct seal_record r = { 0 };
	struct seal_slot *slot = &s->slot[0];
	enum outcome o = tpm_open(g->tcti, g->config->tpm_wait, &tpm.t, why);

	if (o == OUTCOME_OK)
		o = tpm_srk(tpm.t, s->srk_name, &s->srk_name_len, why);
	if (o == OUTCOME_OK)
		o = bind(g, tpm.t, slot, &r, why);
	if (o == OUTCOME_OK)
		o = counter_auth_of(master, &auth, why);
	if (o == OUTCOME_OK)
		o = tpm_counter_define(tpm.t, &auth, &slot->object.counter, why);
	if (o != OUTCOME_OK)
		return o;
	o = tpm_counter_read(tpm.t, slot->object.counter, &slot->object.generation, why);
	if (o == OUTCOME_OK)
		o = fill(g, tpm.t, master, &r, slot, ret_payload, why);
	if (o != OUTCOME_OK)
		(void)tpm_counter_undefine(tpm.t, slot->object.counter, NULL); /* nothing hangs on it */
	s->slots = o == OUTCOME_OK;
	return o;
}

static enum outcome not_the_same(struct why *why, const char *path)
{
	why_set(why, WHY_TEXT, 0, "compare", path);
	why_detail(why, "what was unsealed is not what was sealed");
	return OUTCOME_BROKEN;
}

/* What lies on the disk, by the gate's own path: parse, unseal in a new connection, compare, load in the
 * kernel, open the blob. */
static enum outcome prove(const struct sealing *g, const char *path, const struct secret *payload, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	SECRET again = { 0 };
	SECRET master = { 0 };
	SECRET evm_key = { 0 };
	TPM_SCOPE tpm = { 0 };
	static struct seal s;
	struct seal_record r;
	uint8_t id[KEY_ID_LEN];
	size_t len;
	bool same;
	int e = file_read(AT_FDCWD, path, SEAL_FILE_MAX, &text, &len);
	enum outcome o;

	if (e < 0) {
		why_set(why, WHY_ERRNO, -e, "read back", path);
		return OUTCOME_BROKEN;
	}
	o = seal_file_parse(path, text, len, &s, why);
	if (o == OUTCOME_OK)
		o = tpm_open(g->tcti, g->config->tpm_wait, &tpm.t, why);
	if (o == OUTCOME_OK)
		o = tpm_unseal(tpm.t, &s.slot[s.slots - 1].object, s.srk_name, s.srk_name_len, &again, why);
	/* a slot added behind the closed door: the next boot is its proof, and the recovery key is there */
	if (o == OUTCOME_REFUSED && s.slots > 1 && tpm_door_is_why(why))
		return OUTCOME_OK;
	if (o != OUTCOME_OK)
		return o;
	same = secret_equal(&again, payload) && payload_parse(again.bytes, again.len, &r) &&
	       secret_set(&master, r.master, MASTER_KEY_LEN) && key_id_of(&master, id, why) == OUTCOME_OK &&
	       !memcmp(id, s.key_id, KEY_ID_LEN);
	explicit_bzero(&r, sizeof(r));
	if (!same)
		return not_the_same(why, path);
	o = evm_blob_unwrap(&master, s.evm_blob, &evm_key, why);
	if (o == OUTCOME_OK)
		o = keyring_private(why);
	if (o == OUTCOME_OK)
		o = keyring_load_evm_key(&master, s.evm_blob, why);
	keyring_drop_evm_key();
	return o;
}

/* After the new one counts: what else was sealed is dead, and the key out of reach till the next boot. */
static void finish(const struct sealing *g, const struct secret *master)
{
	TPM_SCOPE tpm = { 0 };
	struct why why = { 0 };

	if (tpm_open(g->tcti, g->config->tpm_wait, &tpm.t, &why) != OUTCOME_OK) {
		(void)sealing_failed("the door was not closed; reboot", &why);
		return;
	}
	if (leftovers_drop(tpm.t, g->path, master, &why) != OUTCOME_OK)
		(void)sealing_failed("an old counter is still in the TPM", &why);
	if (tpm_door_close(tpm.t, &why) != OUTCOME_OK)
		(void)sealing_failed("the door was not closed; reboot", &why);
}

static void fresh_path(const struct sealing *g, char ret[static PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%s.new", g->path); /* the path is far shorter */
}

void sealing_undo(const struct sealing *g, const struct seal *s)
{
	char fresh[PATH_MAX];
	TPM_SCOPE tpm = { 0 };

	fresh_path(g, fresh);
	(void)unlink(fresh); /* what is left of it is worthless, not dangerous */
	if (s->slots == 1 && tpm_open(g->tcti, 0, &tpm.t, NULL) == OUTCOME_OK)
		(void)tpm_counter_undefine(tpm.t, s->slot[0].object.counter, NULL);
}

int sealing_store(const struct sealing *g, const struct seal *s, const struct secret *payload)
{
	static char text[SEAL_FILE_MAX];
	char fresh[PATH_MAX];
	struct why why = { 0 };
	size_t len;
	int r;

	fresh_path(g, fresh);
	if (seal_file_format(s, text, sizeof(text), &len, &why) != OUTCOME_OK)
		return sealing_undo(g, s), sealing_failed("seal", &why);
	r = file_write_atomic(AT_FDCWD, fresh, text, len, 0600);
	if (r < 0) {
		why_set(&why, WHY_ERRNO, -r, "write", fresh);
		return sealing_undo(g, s), sealing_failed("nothing was changed", &why);
	}
	if (prove(g, fresh, payload, &why) != OUTCOME_OK)
		return sealing_undo(g, s), sealing_failed("the new seal does not prove itself; nothing was changed", &why);
	return IMAGATE_OK;
}

void sealing_keep_log(const struct sealing *g)
{
	CLEAN_FREE char *log = NULL;
	char path[PATH_MAX];
	size_t len;
	int r = file_read(AT_FDCWD, EVENTLOG_PATH, SEAL_LOG_MAX, &log, &len);

	(void)snprintf(path, sizeof(path), "%s" SEAL_LOG_SUFFIX, g->path); /* far shorter */
	if (r == 0)
		r = file_write_atomic(AT_FDCWD, path, log, len, 0600);
	/* an older copy does no harm: it is only used where it gives the values that were sealed to */
	if (r < 0 && r != -ENOENT)
		log_warning("%s: %s; a refused boot will say which PCR differs, and not what changed", path, strerror(-r));
}

int sealing_count(const struct sealing *g, const struct secret *master)
{
	char fresh[PATH_MAX], old[PATH_MAX];
	struct why why = { 0 };
	int r;

	fresh_path(g, fresh);
	(void)snprintf(old, sizeof(old), "%s.old", g->path);
	r = file_replace(AT_FDCWD, fresh, g->path, old);
	if (r < 0) {
		why_set(&why, WHY_ERRNO, -r, "rename", g->path);
		return sealing_failed("the new seal is good and could not be put in place", &why);
	}
	sealing_keep_log(g);
	finish(g, master);
	return IMAGATE_OK;
}

void sealing_say(const struct sealing *g, const struct seal *s)
{
	const struct pcr_selection *pcrs = &s->slot[s->slots - 1].object.pcrs;
	char text[64];

	if (!pcr_selection_format(pcrs, text, sizeof(text)))
		text[0] = '\0';
	(void)printf("%s: sealed to %s, read back, unsealed and loaded.\n"
	             "The floor is %s; what was sealed before does not unseal any more.\n", g->path, text, stage_name(g->floor));
	if (!g->root_bound)
		(void)printf("The root file system has no UUID: the seal is not bound to it, and another root in its place gets the "
		             "key.\n");
	cover_say(pcrs);
	sealing_fleet_say(g);
}

/* False: there is none to be read; the gate will say what is wrong with it. */
static bool seal_of_here(struct seal *ret)
{
	CLEAN_FREE char *text = NULL;
	static struct config c;
	size_t len;

	return ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, NULL) == OUTCOME_OK && file_read(AT_FDCWD, c.seal, SEAL_FILE_MAX, &text, &len) == 0 &&
	       seal_file_parse(c.seal, text, len, ret, NULL) == OUTCOME_OK;
}

bool sealing_is_strict(void)
{
	static struct seal s;

	return seal_of_here(&s) && seal_is_strict(&s);
}

bool sealing_lacks(enum stage stage)
{
	static struct seal s;

	return seal_of_here(&s) && seal_lacks(&s, stage);
}
