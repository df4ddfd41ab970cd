/* imagate reseal --next: the PCRs of the next boot, and a slot for them. */
#include "cli/reseal.h"

#include "base/log.h"
#include "cli/esp.h"
#include "cli/grubfile.h"
#include "cli/grubtrace.h"
#include "cli/sealing.h"
#include "core/cmdline.h"
#include "core/decide.h"
#include "core/rollout.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint16_t bank_of(const struct resealing *r)
{
	return bank_from_name(pcr_bank_name(r->pcrs.bank));
}

/* The selection's values, one after the other, as PolicyPCR hashes them. */
static size_t predicted(const struct resealing *r, const struct foresight *f, uint8_t ret[static EVENTLOG_PCRS * BANK_DIGEST_MAX])
{
	const struct pcr_values *v = &f->prediction.values;
	size_t len = 0;

	for (unsigned n = 0; n < EVENTLOG_PCRS; n++) {
		if (!(r->pcrs.mask >> n & 1))
			continue;
		memcpy(ret + len, v->value[n], v->size);
		len += v->size;
	}
	return len;
}

/* What the system itself extended after the log's end is not in the log, and nobody knows it for the next boot. */
static bool log_is_all(const struct resealing *r)
{
	const struct pcr_values *v = &r->log.values;
	bool all = true;
	size_t at = 0;

	for (unsigned n = 0; n < EVENTLOG_PCRS; n++) {
		if (!(r->pcrs.mask >> n & 1))
			continue;
		if (at + v->size > r->now_len || memcmp(r->now + at, v->value[n], v->size) != 0) {
			log_error("PCR %u: its value is not what the event log replays to, so it cannot be predicted: leave it out of [tpm] pcrs", n);
			all = false;
		}
		at += v->size;
	}
	return all;
}

/* -- in words ------------------------------------------------------------------------------------- */

static void say(const struct resealing *r, const struct foresight *f)
{
	for (size_t i = 0; i < f->said_count; i++) {
		const struct said *s = &f->said[i];
		struct json_object *o;

		if (!r->json && s->pcr == FORESEE_CMDLINE) {
			(void)printf("kernel command line: %s\n", s->words);
		} else if (!r->json) {
			(void)printf("PCR %u: %s%s\n", s->pcr, s->words, s->blocks ? ": cannot be predicted" : "");
		} else {
			o = json_object_new_object();
			json_object_object_add(o, "pcr", s->pcr == FORESEE_CMDLINE ? NULL : json_object_new_int((int)s->pcr));
			json_object_object_add(o, "kind", json_object_new_string(s->blocks ? "blocked" : s->doubt ? "doubt" : "changed"));
			json_object_object_add(o, "words", json_object_new_string(s->words));
			json_object_array_add(r->said, o);
		}
	}
}

static struct json_object *values_json(const struct foresight *f)
{
	struct json_object *o = json_object_new_object();
	char hex[2 * BANK_DIGEST_MAX + 1], name[16];

	for (unsigned n = 0; n < EVENTLOG_PCRS; n++) {
		if (!(f->mask >> n & 1))
			continue;
		(void)snprintf(name, sizeof(name), "%u", n);
		hex_encode(f->prediction.values.value[n], f->prediction.values.size, hex);
		json_object_object_add(o, name, f->blocked >> n & 1 ? NULL : json_object_new_string(hex));
	}
	return o;
}

/* The same PCRs in each bank that the log has. */
static void banks_json(const struct resealing *r, int root)
{
	struct json_object *all;
	struct eventlog_error error;

	if (!r->json)
		return;
	all = json_object_new_object();
	for (size_t i = 0; i < r->log.log.algorithms; i++) {
		struct foresight *f = calloc(1, sizeof(*f));
		uint16_t alg = r->log.log.algorithm[i].alg;

		if (!f || !bank_size(alg)) {
			free(f);
			continue;
		}
		*f = (struct foresight){ .root = root, .log = &r->log.log, .alg = alg, .mask = r->pcrs.mask };
		if (foresee(f, &error))
			json_object_object_add(all, bank_name(alg), values_json(f));
		foresee_end(f);
		free(f);
	}
	json_object_object_add(r->json, "values", all);
}

/* -- slots ------------------------------------------------------------------------------------------ */

/* One more for these values; else like this one. BLOCKED: it is there. */
static enum outcome add(struct resealing *r, struct tpm *t, const struct seal_slot *base, struct seal_slot *like, const uint8_t *values,
                        size_t len, struct why *why)
{
	enum outcome o = reseal_digest(values, len, like->object.pcr_digest, why);

	like->object.pcr_digest_len = 32;
	like->object.resets = 0;
	if (!seal_values_take(&r->pcrs, values, len, &like->values))
		like->values = (struct seal_values){ 0 }; /* a sentence less, should it be refused */
	if (o == OUTCOME_OK)
		o = approving_add(&r->a, t, base, like, r->now_digest, why);
	return o == OUTCOME_OK ? approving_store(&r->a, why) : o;
}

static int approve(struct resealing *r, struct tpm *t, const struct seal_slot *base, struct seal_slot *like, const uint8_t *values,
                   size_t len)
{
	struct why why = { 0 };
	enum outcome o = add(r, t, base, like, values, len, &why);

	if (o == OUTCOME_BLOCKED)
		reseal_result(r, "there", "nothing to do: the seal opens for these values already");
	else if (o == OUTCOME_OK)
		reseal_result(r, "added", "%s: one slot more, for the next boot; what the machine booted from now still gets the key", r->a.path);
	else
		return sealing_failed("the seal is as it was", &why);
	return IMAGATE_OK;
}

/* A unified kernel image brings its own command line, and GRUB's entry has one, which the slot then is for: its Mac covers
 * that. The stage is part of it. */
static bool next_cmdline(const struct resealing *r, const struct foresight *f, struct seal_slot *like)
{
	char normal[CMDLINE_MAX + 1];
	struct part part = { normal, 0 };
	struct cmdline line;
	const struct stance s = { .config = r->config, .cmdline = &line };

	if (!f->next_cmdline)
		return true;
	cmdline_parse(f->next_cmdline, strlen(f->next_cmdline), &line);
	if (like->stage != STAGE_UNSET)
		like->stage = decide_stage(&s);
	if (!like->cmdline_bound)
		return true;
	part.len = cmdline_normal(f->next_cmdline, strlen(f->next_cmdline), r->words, normal, sizeof(normal));
	return part.len && digest_parts(&part, 1, like->cmdline, NULL) == OUTCOME_OK;
}

static bool is_other_line(const struct seal_slot *a, const struct seal_slot *b)
{
	return a->stage != b->stage || memcmp(a->cmdline, b->cmdline, sizeof(a->cmdline)) != 0;
}

static bool covers_grub(const struct resealing *r)
{
	return r->pcrs.mask & UINT32_C(3) << 8;
}

static bool has_slot_for(const struct resealing *r, enum stage stage)
{
	for (size_t i = 0; i < r->a.seal.slots; i++) {
		const struct seal_slot *s = &r->a.seal.slot[i];

		if (s->stage == stage && s->object.generation == r->a.generation && !s->once && !s->object.resets)
			return true;
	}
	return false;
}

static const char *for_stage(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root, enum stage stage,
                             const char block[static GRUBENV_LEN])
{
	uint8_t values[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	struct foresight *f = calloc(1, sizeof(*f));
	struct eventlog_error error;
	struct seal_slot like = *base;
	struct why why = { 0 };
	const char *said = "cannot be foreseen";
	enum outcome o;

	if (!f)
		return said;
	*f = (struct foresight){ .root = root, .log = &r->log.log, .alg = r->log.alg, .mask = r->pcrs.mask, .grubenv = block };
	if (foresee(f, &error) && !(f->blocked & r->pcrs.mask) && next_cmdline(r, f, &like) && like.stage == stage) {
		approving_thin(&r->a, stage);
		o = r->dry_run ? OUTCOME_BLOCKED : add(r, t, base, &like, values, predicted(r, f, values), &why);
		said = o == OUTCOME_OK ? "one slot more" : o == OUTCOME_BLOCKED ? "foreseen" : "failed";
	}
	foresee_end(f);
	free(f);
	return said;
}

/* Where the seal covers what GRUB does, and has slots for other stages: what it does there is another thing, as 'imagate stage
 * set' would have it. */
static void other_stages(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root)
{
	struct json_object *list = r->json ? json_object_new_object() : NULL;
	char block[GRUBENV_LEN];
	struct rollout now;

	if (list)
		json_object_object_add(r->json, "stages", list);
	for (enum stage s = STAGE_OFF; covers_grub(r) && s < STAGE_COUNT; s++) {
		const char *said;

		if (s == r->a.stage || !has_slot_for(r, s) || grubfile_read("/", block) < 0)
			continue;
		now = (struct rollout){ .stage = s };
		if (!rollout_write(&now, block))
			continue;
		said = for_stage(r, t, base, root, s, block);
		if (list)
			json_object_object_add(list, stage_name(s), json_object_new_string(said));
		else
			(void)printf("for stage %s: %s\n", stage_name(s), said);
	}
}

static int predict_and_approve(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root)
{
	uint8_t values[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	struct eventlog_error error;
	struct seal_slot like = *base;
	bool other_line;
	size_t len;

	r->f = (struct foresight){ .root = root, .log = &r->log.log, .alg = r->log.alg, .mask = r->pcrs.mask };
	if (!log_is_all(r))
		return IMAGATE_NOT_ADMITTED;
	if (!foresee(&r->f, &error)) {
		log_error(PCR_LOG ": byte %zu: %s", error.offset, error.reason);
		return IMAGATE_FAILED;
	}
	say(r, &r->f);
	banks_json(r, root);
	if (r->f.blocked & r->pcrs.mask) {
		log_error("the seal is as it was: not every PCR can be predicted. Have the recovery key at hand for the next boot, and "
		          "'imagate recover' after it");
		return IMAGATE_NOT_ADMITTED;
	}
	if (!next_cmdline(r, &r->f, &like)) {
		log_error("the seal is as it was: the next command line is too long");
		return IMAGATE_NOT_ADMITTED;
	}
	if (like.stage != STAGE_UNSET && like.stage < base->floor) {
		log_error("the seal is as it was: the next boot asks for %s, and the floor is %s", stage_name(like.stage), stage_name(base->floor));
		return IMAGATE_NOT_ADMITTED;
	}
	other_line = is_other_line(&like, base);
	if (other_line)
		reseal_say(r, "the kernel command line changes");
	len = predicted(r, &r->f, values);
	if (!other_line && len == r->now_len && !memcmp(values, r->now, len)) {
		reseal_result(r, "nothing", "nothing to do: the next boot has the PCRs of this one");
		return IMAGATE_OK;
	}
	if (r->dry_run) {
		reseal_result(r, "would-add", "dry run: the seal is as it was");
		return IMAGATE_OK;
	}
	return approve(r, t, base, &like, values, len);
}

/* Another command line in grub.cfg is another slot, for the PCRs of now. Nothing proves here that GRUB reads it as we do: where
 * it does not, the slot fits nothing. */
static bool other_cmdline(struct resealing *r, int root, struct seal_slot *like)
{
	struct foresight f = { .next_cmdline = grub_guess_cmdline(root) };
	const struct seal_slot before = *like;
	bool other = f.next_cmdline && next_cmdline(r, &f, like) && is_other_line(like, &before);

	free(f.next_cmdline);
	if (!other || (like->stage != STAGE_UNSET && like->stage < before.floor))
		return false;
	reseal_say(r, "the kernel command line changes, by grub.cfg (there is no event log that would show how GRUB reads it)");
	return true;
}

/* Without a log nothing can be predicted; but where what the firmware starts is as it was, neither is there anything to predict. */
static int without_log(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root)
{
	struct seal_slot like = *base;
	char changed[256];

	if (r->pcrs.mask & ~UINT32_C(0xff)) {
		log_error(PCR_LOG " is not there: this boot's event log did not reach the kernel, and PCRs from 8 on change with files that only "
		          "it names. Under Debian's GRUB use linuxefi instead of linux");
		return IMAGATE_NOT_ADMITTED;
	}
	switch (esp_changed(root, changed, sizeof(changed))) {
	case ESP_SAME:
		if (other_cmdline(r, root, &like))
			return r->dry_run ? (reseal_result(r, "would-add", "dry run: the seal is as it was"), IMAGATE_OK)
			                  : approve(r, t, base, &like, r->now, r->now_len);
		reseal_result(r, "nothing", "nothing to do: no boot program has changed since this boot began (there is no event log, so of Secure Boot's "
		              "keys nothing is known; GRUB's own files are in none of the sealed PCRs)");
		return IMAGATE_OK;
	case ESP_CHANGED:
		log_error("%s has changed since this boot began, and without an event log (" PCR_LOG ") it cannot be told what the PCRs "
		          "will be", changed);
		return IMAGATE_NOT_ADMITTED;
	case ESP_UNKNOWN: break;
	}
	log_error("%s, and without an event log (" PCR_LOG ") it cannot be told what the PCRs will be", changed);
	return IMAGATE_NOT_ADMITTED;
}

int reseal_next(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root)
{
	const struct pcr_wish wish = { .verb = r->verb, .pcrs = r->pcrs, .pcrs_given = true }; /* and their bank */
	const struct seal_slot slot = *base; /* which may move */
	int code;

	if (access(PCR_LOG, F_OK) < 0)
		return without_log(r, t, &slot, root);
	code = pcr_log_read(&wish, NULL, &r->log);
	if (code != IMAGATE_OK)
		return code;
	if (r->log.alg != bank_of(r)) {
		log_error(PCR_LOG " has no bank %s, which the seal is bound to", pcr_bank_name(r->pcrs.bank));
		code = IMAGATE_NOT_ADMITTED;
	} else {
		code = predict_and_approve(r, t, &slot, root);
		if (code == IMAGATE_OK)
			other_stages(r, t, &slot, root);
		foresee_end(&r->f);
	}
	free(r->log.bytes);
	return code;
}
