/* What the gate says, and to whom: the person at the console, the journal, the record. */
#include "gate/boot.h"

#include "base/file.h"
#include "base/log.h"
#include "core/advice.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

static const char *const headline[VERDICT_COUNT] = {
	[VERDICT_STOP] = "STOPPED",
	[VERDICT_DEGRADED] = "DEGRADED",
	[VERDICT_ADMIT] = "ADMITTED",
};

/* Documented in imagate-gate(8); never changed, dashboards filter on them. */
static const char *const message_id[VERDICT_COUNT] = {
	[VERDICT_STOP] = "7bf2afcfbc874797b80ca241ba80085b",
	[VERDICT_DEGRADED] = "691d4a7157794582884ce9cc53fd1a7b",
	[VERDICT_ADMIT] = "4e26c4b1a7d14ffb92389813504daddb",
};
_Static_assert(VERDICT_COUNT == 3, "a verdict without words");

static const char *evm_words(const struct record *r)
{
	if (r->evm_hmac)
		return r->evm_x509 ? "EVM on (HMAC and certificates)" : "EVM on (HMAC)";
	return r->evm_x509 ? "EVM on (certificates)" : "EVM off";
}

static void summary(const struct boot *b, char *ret, size_t size)
{
	const struct record *r = &b->record;
	const bool plain = r->decision.cause == CAUSE_NONE;
	char policy[64] = "no policy";

	if (*r->policy)
		(void)snprintf(policy, sizeof(policy), "policy of %u rules in force", r->policy_rules);
	(void)snprintf(ret, size, "%s%s%s%s, stage %s: %s, %s", headline[r->decision.verdict],
	               plain ? "" : " (", plain ? "" : cause_name(r->decision.cause), plain ? "" : ")",
	               stage_name(r->decision.stage), evm_words(r), policy); /* cut is fine */
}

static void say(bool grave, const char *text)
{
	if (grave)
		log_error("%s", text);
	else
		log_warning("%s", text);
}

/* Which file, which rule, which code: only of steps that went wrong. */
static void say_whys(const struct boot *b, bool grave)
{
	char text[WHY_SUBJECT_LEN + WHY_DETAIL_LEN + 160];

	for (int s = 0; s < STEP_COUNT; s++) {
		enum outcome o = b->record.evidence.outcome[s];

		if (o == OUTCOME_OK || b->record.why[s].domain == WHY_NONE ||
		    (s == STEP_PREFLIGHT && b->record.decision.stage == STAGE_FIX))
			continue;
		why_format(&b->record.why[s], text, sizeof(text));
		if (grave)
			log_error("  %s %s: %s", step_name((enum step)s), outcome_name(o), text);
		else
			log_warning("  %s %s: %s", step_name((enum step)s), outcome_name(o), text);
	}
}

static void say_bad_files(const struct boot *b, bool grave)
{
	char text[PATH_MAX + 128];
	size_t said = 0;

	/* what fix is for: a list of them all would hide what else there is to say */
	if (b->record.decision.stage == STAGE_FIX) {
		if (b->preflight.bad)
			log_notice("  %zu of %zu files that the boot needs are not labelled yet",
			           b->preflight.bad, b->preflight.count);
		return;
	}
	for (size_t i = 0; i < b->preflight.count && said < 10; i++) {
		const struct preflight_file *f = &b->preflight.file[i];

		if (label_state_good(f->state))
			continue;
		(void)snprintf(text, sizeof(text), "  %s: %s%s%s", f->path, label_state_name(f->state), f->hook ? " when " : "",
		               f->hook ? f->hook->words : ""); /* fits */
		say(grave, text);
		said++;
	}
	if (b->preflight.bad > said) {
		(void)snprintf(text, sizeof(text), "  and %zu more", b->preflight.bad - said);
		say(grave, text);
	}
}

static void say_hazard_line(const struct boot *b)
{
	char lsm[256];
	const struct facts *f = &b->record.evidence.facts;
	enum cause c = b->record.decision.cause;

	if ((c == CAUSE_HAZARD_BPF || c == CAUSE_HAZARD_INTEGRITY) &&
	    facts_safe_lsm(f->lsm, lsm, sizeof(lsm)))
		log_error("  kernel command line: lsm=%s", lsm);
}

/* The digest does not say which word differs; a word that is known to be dangerous is named. */
static void say_cmdline(const struct boot *b)
{
	CLEAN_FREE char *text = NULL;
	struct cmdline_word w;
	const char *what;
	size_t len;

	if (b->record.evidence.key.floor < STAGE_ENFORCE)
		log_warning("  the command line is not the sealed one; with the floor at enforce it would not get the key");
	if (file_read(b->root, "/proc/cmdline", CMDLINE_MAX, &text, &len) == 0 && cmdline_hostile(text, len, &w, &what))
		log_warning("  %.*s on the kernel command line: %s", (int)w.name_len, w.name, what);
}

/* Which PCRs, what changed, what to do. False: nothing is known of that. */
static bool say_refused(const struct boot *b, bool grave)
{
	const struct refused *r = &b->record.refused;
	char text[REFUSED_REMEDY];

	if (r->state == REFUSED_UNKNOWN)
		return false;
	for (size_t i = 0; i < r->lines; i++)
		say(grave, r->line[i]);
	if (r->more) {
		(void)snprintf(text, sizeof(text), "and %u more: 'imagate pcr explain' on the running system", r->more);
		say(grave, text);
	}
	refused_remedy(r, text, sizeof(text));
	say(grave, text);
	return true;
}

/* Who is asked for a key must know why. */
void tell_before_asking(const struct boot *b, const struct decision *d)
{
	char text[512];

	log_error("%s", cause_what(d->cause));
	why_format(&b->record.why[STEP_UNSEAL], text, sizeof(text));
	if (b->record.why[STEP_UNSEAL].domain != WHY_NONE)
		log_error("  %s", text);
	(void)say_refused(b, true);
	log_error("Type the recovery key (from 'imagate seal') and the boot goes on.");
}

/* What was asked for and could not be done must not wait for somebody to wonder. */
static void say_ratchet(const struct boot *b)
{
	enum outcome o = b->record.evidence.outcome[STEP_RATCHET];
	char text[512];

	if (o == OUTCOME_OK || o == OUTCOME_BLOCKED || o == OUTCOME_PENDING)
		return;
	why_format(&b->record.why[STEP_RATCHET], text, sizeof(text));
	log_error("the request in " BOOT_REQUEST_PATH " could not be carried out: %s", text);
	log_error("the floor is what it was; ask again once that is mended");
}

void tell_console(const struct boot *b)
{
	const struct decision *d = &b->record.decision;
	bool grave = d->verdict != VERDICT_ADMIT;
	char text[256];

	summary(b, text, sizeof(text));
	if (b->record.wrong_keys)
		log_warning("%u wrong recovery keys were typed", b->record.wrong_keys);
	if (grave)
		log_error("%s", text);
	else
		log_notice("%s", text);
	if (d->cause != CAUSE_NONE) {
		say(grave, cause_what(d->cause));
		if (d->cause != CAUSE_KEY_REFUSED || !say_refused(b, grave))
			say(grave, cause_remedy(d->cause));
	}
	if (b->record.evidence.key.cmdline == TRI_NO)
		say_cmdline(b);
	say_hazard_line(b);
	say_ratchet(b);
	if (b->used.object.resets)
		log_warning("the PCRs did not count in this boot: 'imagate reseal --suspend-once' allowed it, once");
	if (grave || b->preflight.bad) {
		say_whys(b, grave);
		say_bad_files(b, grave);
	}
	if (b->preflight.stale)
		log_warning("the list of boot-critical programs is older than this system's units: run 'dracut -f'");
	if (b->has_cmdline && b->cmdline.stage_bad)
		log_warning("imagate.stage=%s on the kernel command line is no stage: "
		            "off, measure, fix, audit or enforce", b->cmdline.stage_word);
}

void tell_journal(const struct boot *b)
{
	const struct record *r = &b->record;
	char text[256], detail[512] = "";

	summary(b, text, sizeof(text));
	for (int s = 0; s < STEP_COUNT && !*detail; s++)
		if (r->evidence.outcome[s] != OUTCOME_OK && r->why[s].domain != WHY_NONE)
			why_format(&r->why[s], detail, sizeof(detail));
	/* no journal (an initramfs without systemd) is no failure: the record is there too */
	(void)sd_journal_send("MESSAGE_ID=%s", message_id[r->decision.verdict], "MESSAGE=%s", text,
	                      "PRIORITY=%d", r->decision.verdict == VERDICT_ADMIT ? 5 : 3,
	                      "IMAGATE_VERDICT=%s", verdict_name(r->decision.verdict),
	                      "IMAGATE_CAUSE=%s", cause_name(r->decision.cause),
	                      "IMAGATE_STAGE=%s", stage_name(r->decision.stage),
	                      "IMAGATE_WHY=%s", detail,
	                      "IMAGATE_FLOOR=%s", stage_name(r->evidence.key.floor),
	                      "IMAGATE_WRONG_KEYS=%u", r->wrong_keys, "IMAGATE_HEALED=%u", r->healed,
	                      "IMAGATE_ACTION=%s", r->decision.verdict == VERDICT_STOP ? action_name(r->decision.action) : "none",
	                      "IMAGATE_CHANGED=%s", r->refused.lines ? r->refused.line[0] : "",
	                      "IMAGATE_UNSEAL=%s", outcome_name(r->evidence.outcome[STEP_UNSEAL]),
	                      "IMAGATE_PREFLIGHT=%s", outcome_name(r->evidence.outcome[STEP_PREFLIGHT]),
	                      "IMAGATE_TPM_MSEC=%u", r->tpm_ms, "IMAGATE_TOTAL_MSEC=%u", r->total_ms,
	                      NULL);
}

/* Masked, killed, crashed: no record, but the boot stopped all the same. */
void tell_undecided(void)
{
	log_error("the boot stopped before the gate had decided anything");
	(void)sd_journal_send("MESSAGE_ID=%s", message_id[VERDICT_STOP],
	                      "MESSAGE=STOPPED (%s): %s", cause_name(CAUSE_UNDECIDED), cause_what(CAUSE_UNDECIDED),
	                      "PRIORITY=%d", 3, "IMAGATE_VERDICT=%s", verdict_name(VERDICT_STOP),
	                      "IMAGATE_CAUSE=%s", cause_name(CAUSE_UNDECIDED), NULL);
}

enum outcome tell_record(const struct boot *b, struct why *why)
{
	CLEAN_FREE char *text = malloc(RECORD_MAX);
	size_t len = text ? record_format(&b->record, text, RECORD_MAX) : 0;
	int r = len ? file_write_atomic(b->run_dir, "record", text, len, 0644) : -ENOBUFS;

	if (r == 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, -r, "write", RECORD_PATH);
	return OUTCOME_BROKEN;
}
