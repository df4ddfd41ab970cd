/* imagate reseal: what this machine will boot next is on its disk already, and the key's seal learns its PCR values now; or, where
 * nobody can know them (firmware), it does without them once. */
#include "base/clean.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/asking.h"
#include "cli/evidence.h"
#include "cli/reseal.h"
#include "cli/sealing.h"
#include "crypto/crypto.h"
#include "gate/binding.h"
#include "gate/boot.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

enum outcome reseal_digest(const uint8_t *values, size_t len, uint8_t ret[static 32], struct why *why)
{
	const struct part all = { values, len };

	return digest_parts(&all, 1, ret, why);
}

void reseal_result(struct resealing *r, const char *word, const char *fmt, ...)
{
	va_list ap;

	if (r->json) {
		json_object_object_add(r->json, "result", json_object_new_string(word));
		return;
	}
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

void reseal_say(const struct resealing *r, const char *words)
{
	struct json_object *o;

	if (!r->json) {
		(void)puts(words);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "pcr", NULL);
	json_object_object_add(o, "kind", json_object_new_string("changed"));
	json_object_object_add(o, "words", json_object_new_string(words));
	json_object_array_add(r->said, o);
}

/* No PCRs: for the next boot, whatever it is, as the same command line, root and floor. */
static int suspend(struct resealing *r, struct tpm *t, const struct seal_slot *base)
{
	struct seal_slot like = *base;
	struct why why = { 0 };
	uint32_t resets = 0;
	enum outcome o = tpm_resets(t, &resets, &why);

	like.once = true; /* tried last, where no slot's PCRs fit */
	like.values = (struct seal_values){ 0 };
	like.object.pcrs = (struct pcr_selection){ 0 }; /* bank and all: the Mac is over what is read back */
	like.object.pcr_digest_len = 0;
	like.object.resets = resets + APPROVING_RESETS;
	if (o == OUTCOME_OK && !r->dry_run)
		o = approving_add(&r->a, t, base, &like, r->now_digest, &why);
	if (o == OUTCOME_OK && !r->dry_run)
		o = approving_store(&r->a, &why);
	if (o != OUTCOME_OK && o != OUTCOME_BLOCKED)
		return sealing_failed("the seal is as it was", &why);
	if (r->dry_run) {
		reseal_result(r, "would-add", "dry run: the seal is as it was");
		return IMAGATE_OK;
	}
	(void)sd_journal_print(4, "imagate: root has suspended the PCRs for one boot: it gets the key whatever was measured");
	reseal_result(r, "added", "%s: the next boot gets the key whatever is measured; it binds the key to what it was. Reboot now: until then, who "
	              "has this disk and this machine\ncan use it. Without a reboot it ends after %u resets.", r->a.path, APPROVING_RESETS);
	return IMAGATE_OK;
}

static int with_tpm(struct resealing *r, struct tpm *t)
{
	const struct seal_slot *base;
	struct why why = { 0 };
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	base = approving_base(&r->a, t, &why);
	if (!base)
		return sealing_failed("the seal is as it was", &why);
	r->pcrs = base->object.pcrs;
	if (tpm_pcr_read(t, &r->pcrs, r->now, sizeof(r->now), &r->now_len, &why) != OUTCOME_OK ||
	    reseal_digest(r->now, r->now_len, r->now_digest, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	return r->suspend ? suspend(r, t, base) : reseal_next(r, t, base, root);
}

/* Needs no boot of ours, and no TPM. */
static int show(struct resealing *r)
{
	static struct config c;
	struct tpm *t = NULL;
	struct why why = { 0 };

	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, &why) != OUTCOME_OK)
		return sealing_failed("no seal", &why);
	r->a.path = c.seal;
	if (approving_read(&r->a, &why) != OUTCOME_OK)
		return sealing_failed("no seal", &why);
	if (tpm_open(r->tcti, 0, &t, &why) != OUTCOME_OK)
		log_notice("without the TPM it is not known which slot fits");
	reseal_show(r, t);
	tpm_close(&t);
	return IMAGATE_OK;
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
	r->config = &c;
	if (!evidence_record(&record))
		return IMAGATE_FAILED;
	r->a.stage = record.decision.stage;
	if (binding_cmdline(AT_FDCWD, c.words, r->a.cmdline, &why) != OUTCOME_OK ||
	    asking_key(&r->a.generation, &r->a.request, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	lock = approving_lock(c.seal);
	if (lock < 0) {
		log_error("%s: it cannot be locked", c.seal);
		return IMAGATE_FAILED;
	}
	if (approving_read(&r->a, &why) != OUTCOME_OK || tpm_open(r->tcti, 0, &t, &why) != OUTCOME_OK)
		return sealing_failed("the seal is as it was", &why);
	code = with_tpm(r, t);
	tpm_close(&t);
	return code;
}

/* The whole of it for programs, on standard output. */
static int end(struct resealing *r, int code)
{
	static const char *const ends[] = { "ok", "blocked", "usage", "failed" };
	struct json_object *word;

	if (!r->json)
		return code;
	if (!json_object_object_get_ex(r->json, "result", &word))
		json_object_object_add(r->json, "result", json_object_new_string(code >= 0 && code < 4 ? ends[code] : "failed"));
	if (r->next)
		json_object_object_add(r->json, "said", r->said);
	else
		json_object_put(r->said);
	pcr_json_print(r->json);
	return code;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "next", no_argument, NULL, 'n' }, { "suspend-once", no_argument, NULL, 's' }, { "show", no_argument, NULL, 'l' },
		{ "dry-run", no_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' }, { "tcti", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct resealing r;
	bool json = false;
	int code;

	r.verb = self;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'n': r.next = true; break;
		case 's': r.suspend = true; break;
		case 'l': r.show = true; break;
		case 'd': r.dry_run = true; break;
		case 'j': json = true; break;
		case 't': r.tcti = optarg; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (r.next + r.suspend + r.show != 1)
		return verb_usage(self);
	r.json = json ? json_object_new_object() : NULL;
	r.said = json ? json_object_new_array() : NULL;
	code = end(&r, r.show ? show(&r) : reseal(&r));
	secret_wipe(&r.a.request);
	return code;
}

const struct verb verb_reseal = {
	.name = "reseal",
	.summary = "seal to what the next boot will be",
	.help = "usage: imagate reseal --next|--suspend-once [--dry-run] [--json] [--tcti TCTI]\n"
	        "       imagate reseal --show [--json] [--tcti TCTI]\n"
	        "After an update, before the reboot, from the running, verified system: reads what will be booted (EFI\n"
	        "programs, Secure Boot's variables, what GRUB does by its grub.cfg), computes the PCR values that\n"
	        "follow, and lets the seal open for these, too. The key itself is not touched and stays out of reach, and\n"
	        "the floor stays where it is. What was booted now still gets the key. The hooks of packages call it.\n"
	        "--suspend-once, for what nobody can predict (firmware): the next boot gets the key whatever is measured, and\n"
	        "binds it to what it was; command line, root and floor count as ever. It works once, and is in the journal.\n"
	        "--show lists the slots of the seal. --json: for programs.\n"
	        "Exit status: 0 done, or nothing to do; 1 it cannot be predicted or the seal does not allow it: have the\n"
	        "recovery key at hand for the next boot; 2 usage; 3 failed, and the seal is as it was.\n",
	.run = run,
};
