/* imagate reseal: what this machine will boot next is on its disk already, and the key's seal learns its PCR values now; or, where
 * nobody can know them (firmware), it does without them once. */
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/approving.h"
#include "cli/asking.h"
#include "cli/esp.h"
#include "cli/evidence.h"
#include "cli/foresee.h"
#include "cli/pcr.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "core/cmdline.h"
#include "crypto/crypto.h"
#include "gate/binding.h"
#include "gate/boot.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* Firmware resets by itself while it updates itself. It is one boot all the same: whoever uses the slot counts up. */
#define RESETS 3

struct resealing {
	const struct verb *verb;
	const char *tcti, *words;
	bool next, suspend, dry_run;
	struct approving a;
	struct pcr_selection pcrs;            /* of the slot that was used */
	uint8_t now[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	size_t now_len;
	struct foresight f;
	struct pcr_log log;
};

static uint16_t bank_of(const struct resealing *r)
{
	return bank_from_name(pcr_bank_name(r->pcrs.bank));
}

static enum outcome digest_of(const uint8_t *values, size_t len, uint8_t ret[static 32], struct why *why)
{
	const struct part all = { values, len };

	return digest_parts(&all, 1, ret, why);
}

/* The selection's values, one after the other, as PolicyPCR hashes them. */
static size_t predicted(const struct resealing *r, uint8_t ret[static EVENTLOG_PCRS * BANK_DIGEST_MAX])
{
	const struct pcr_values *v = &r->f.prediction.values;
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

/* Without a log nothing can be predicted; but where what the firmware starts is as it was, neither is there anything to predict. */
static int without_log(const struct resealing *r, int root)
{
	char changed[256];

	if (r->pcrs.mask & ~UINT32_C(0xff)) {
		log_error(PCR_LOG " is not there: this boot's event log did not reach the kernel, and PCRs from 8 on change with files that only "
		          "it names. Under Debian's GRUB use linuxefi instead of linux");
		return IMAGATE_NOT_ADMITTED;
	}
	switch (esp_changed(root, changed, sizeof(changed))) {
	case ESP_SAME:
		(void)puts("nothing to do: no boot program has changed since this boot began (there is no event log, so of Secure Boot's keys nothing is known; GRUB's own files are in "
		           "none of the sealed PCRs)");
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

static void say(const struct foresight *f)
{
	for (size_t i = 0; i < f->said_count; i++) {
		const struct said *s = &f->said[i];

		if (s->pcr == FORESEE_CMDLINE)
			(void)printf("kernel command line: %s\n", s->words);
		else
			(void)printf("PCR %u: %s%s\n", s->pcr, s->words, s->blocks ? ": cannot be predicted" : "");
	}
}

/* One more slot for these values; else like this one. */
static int approve(struct resealing *r, struct tpm *t, const struct seal_slot *base, struct seal_slot *like, const uint8_t *values,
                   size_t len)
{
	struct why why = { 0 };
	uint8_t now[32];
	enum outcome o = digest_of(values, len, like->object.pcr_digest, &why);

	like->object.pcr_digest_len = 32;
	like->object.resets = 0;
	if (!seal_values_take(&r->pcrs, values, len, &like->values))
		like->values = (struct seal_values){ 0 }; /* a sentence less, should it be refused */
	if (o == OUTCOME_OK)
		o = digest_of(r->now, r->now_len, now, &why);
	if (o == OUTCOME_OK)
		o = approving_add(&r->a, t, base, like, now, &why);
	if (o == OUTCOME_BLOCKED) {
		(void)puts("nothing to do: the seal opens for these values already");
		return IMAGATE_OK;
	}
	if (o == OUTCOME_OK)
		o = approving_store(&r->a, &why);
	if (o != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	(void)printf("%s: one slot more, for the next boot; what the machine booted from now still gets the key\n", r->a.path);
	return IMAGATE_OK;
}

/* A unified kernel image brings its own command line, and GRUB's entry has one, which the slot then is for: its Mac covers that. */
static bool next_cmdline(const struct resealing *r, struct seal_slot *like)
{
	char normal[CMDLINE_MAX + 1];
	struct part part = { normal, 0 };

	if (!r->f.next_cmdline || !like->cmdline_bound)
		return true;
	part.len = cmdline_normal(r->f.next_cmdline, strlen(r->f.next_cmdline), r->words, normal, sizeof(normal));
	return part.len && digest_parts(&part, 1, like->cmdline, NULL) == OUTCOME_OK;
}

static int predict_and_approve(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root)
{
	uint8_t values[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	struct eventlog_error error;
	struct seal_slot like;
	size_t len;

	r->f = (struct foresight){ .root = root, .log = &r->log.log, .alg = r->log.alg, .mask = r->pcrs.mask };
	if (!log_is_all(r))
		return IMAGATE_NOT_ADMITTED;
	if (!foresee(&r->f, &error)) {
		log_error(PCR_LOG ": byte %zu: %s", error.offset, error.reason);
		return IMAGATE_FAILED;
	}
	say(&r->f);
	if (r->f.blocked & r->pcrs.mask) {
		log_error("the seal is as it was: not every PCR can be predicted. Have the recovery key at hand for the next boot, and "
		          "'imagate recover' after it");
		return IMAGATE_NOT_ADMITTED;
	}
	like = *base;
	if (!next_cmdline(r, &like)) {
		log_error("the seal is as it was: the next command line is too long");
		return IMAGATE_NOT_ADMITTED;
	}
	if (memcmp(like.cmdline, base->cmdline, sizeof(like.cmdline)) != 0)
		(void)puts("the kernel command line changes");
	len = predicted(r, values);
	if (len == r->now_len && !memcmp(values, r->now, len)) {
		(void)puts("nothing to do: the next boot has the PCRs of this one");
		return IMAGATE_OK;
	}
	if (r->dry_run) {
		(void)puts("dry run: the seal is as it was");
		return IMAGATE_OK;
	}
	return approve(r, t, base, &like, values, len);
}

/* No PCRs: for the next boot, whatever it is, as the same command line, root and floor. */
static int suspend(struct resealing *r, struct tpm *t, const struct seal_slot *base)
{
	struct seal_slot like = *base;
	struct why why = { 0 };
	uint32_t resets = 0;
	uint8_t now[32];
	enum outcome o = tpm_resets(t, &resets, &why);

	like.once = true; /* tried last, where no slot's PCRs fit */
	like.values = (struct seal_values){ 0 };
	like.object.pcrs = (struct pcr_selection){ 0 }; /* bank and all: the Mac is over what is read back */
	like.object.pcr_digest_len = 0;
	like.object.resets = resets + RESETS;
	if (o == OUTCOME_OK)
		o = digest_of(r->now, r->now_len, now, &why);
	if (o == OUTCOME_OK && !r->dry_run)
		o = approving_add(&r->a, t, base, &like, now, &why);
	if (o == OUTCOME_OK && !r->dry_run)
		o = approving_store(&r->a, &why);
	if (o != OUTCOME_OK && o != OUTCOME_BLOCKED)
		return sealing_failed("the seal is as it was", &why);
	if (r->dry_run) {
		(void)puts("dry run: the seal is as it was");
		return IMAGATE_OK;
	}
	(void)sd_journal_print(4, "imagate: root has suspended the PCRs for one boot: it gets the key whatever was measured");
	(void)printf("%s: the next boot gets the key whatever is measured; it binds the key to what it was. Reboot now: until then, who has "
	             "this disk and this machine\ncan use it. Without a reboot it ends after %u resets.\n", r->a.path, RESETS);
	return IMAGATE_OK;
}

static int with_tpm(struct resealing *r, struct tpm *t)
{
	struct pcr_wish wish = { .verb = r->verb };
	const struct seal_slot *base;
	struct why why = { 0 };
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int code;

	base = approving_base(&r->a, t, &why);
	if (!base)
		return sealing_failed("the seal is as it was", &why);
	r->pcrs = base->object.pcrs;
	if (tpm_pcr_read(t, &r->pcrs, r->now, sizeof(r->now), &r->now_len, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	if (r->suspend)
		return suspend(r, t, base);
	if (access(PCR_LOG, F_OK) < 0)
		return without_log(r, root);
	wish.pcrs = r->pcrs; /* and their bank */
	wish.pcrs_given = true;
	code = pcr_log_read(&wish, NULL, &r->log);
	if (code != IMAGATE_OK)
		return code;
	if (r->log.alg != bank_of(r)) {
		log_error(PCR_LOG " has no bank %s, which the seal is bound to", pcr_bank_name(r->pcrs.bank));
		code = IMAGATE_NOT_ADMITTED;
	} else {
		code = predict_and_approve(r, t, base, root);
		foresee_end(&r->f);
	}
	free(r->log.bytes);
	return code;
}

static int reseal(struct resealing *r)
{
	static struct config c;
	static struct record record;
	struct tpm *t = NULL;
	struct why why = { 0 };
	CLEAN_FD lock = -1;
	int code;

	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	r->a.path = c.seal;
	r->words = c.words;
	if (!evidence_record(&record))
		return IMAGATE_FAILED;
	r->a.stage = record.decision.stage;
	if (binding_cmdline(AT_FDCWD, c.words, r->a.cmdline, &why) != OUTCOME_OK ||
	    asking_key(&r->a.generation, &r->a.request, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	lock = approving_lock(c.seal);
	if (lock < 0) {
		log_error("%s: its directory cannot be locked", c.seal);
		return IMAGATE_FAILED;
	}
	if (approving_read(&r->a, &why) != OUTCOME_OK || tpm_open(r->tcti, 0, &t, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	code = with_tpm(r, t);
	tpm_close(&t);
	return code;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "next", no_argument, NULL, 'n' }, { "suspend-once", no_argument, NULL, 's' }, { "dry-run", no_argument, NULL, 'd' }, { "tcti", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct resealing r;
	int code;

	r.verb = self;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'n': r.next = true; break;
		case 's': r.suspend = true; break;
		case 'd': r.dry_run = true; break;
		case 't': r.tcti = optarg; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (r.next == r.suspend)
		return verb_usage(self);
	code = reseal(&r);
	secret_wipe(&r.a.request);
	return code;
}

const struct verb verb_reseal = {
	.name = "reseal",
	.summary = "seal to what the next boot will be",
	.help = "usage: imagate reseal --next|--suspend-once [--dry-run] [--tcti TCTI]\n"
	        "After an update, before the reboot, from the running, verified system: reads what will be booted (EFI\n"
	        "programs, Secure Boot's variables, GRUB's files where the seal covers them), computes the PCR values that\n"
	        "follow, and lets the seal open for these, too. The key itself is not touched and stays out of reach, and\n"
	        "the floor stays where it is. What was booted now still gets the key. The hooks of packages call it.\n"
	        "--suspend-once, for what nobody can predict (firmware): the next boot gets the key whatever is measured, and\n"
	        "binds it to what it was; command line, root and floor count as ever. It works once, and is in the journal.\n"
	        "Exit status: 0 done, or nothing to do; 1 it cannot be predicted or the seal does not allow it: have the\n"
	        "recovery key at hand for the next boot; 2 usage; 3 failed, and the seal is as it was.\n",
	.run = run,
};
