#include "base/file.h"
#include "base/log.h"
#include "cli/cover.h"
#include "cli/latedoor.h"
#include "cli/refused.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/record.h"
#include "crypto/crypto.h"
#include "gate/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* What holds and what does not, from the record alone: one row a property. */
struct property {
	const char *name;
	bool holds;
	char words[192];
};
enum { PROPERTIES = 6 };

/* Which PCRs the seal on this system is bound to, and whether that covers command line and initramfs on this machine. */
static bool binding_is_strict(char *words, size_t size)
{
	CLEAN_FREE char *text = NULL;
	static struct seal s;
	const struct pcr_selection *pcrs = &s.slot[0].object.pcrs;
	struct cover c;
	struct config config;
	char list[64] = "";
	size_t len;

	config_defaults(&config);
	if (file_read(AT_FDCWD, config.seal, SEAL_FILE_MAX, &text, &len) < 0 ||
	    seal_file_parse(config.seal, text, len, &s, NULL) != OUTCOME_OK) {
		(void)snprintf(words, size, "there is no seal here to tell by");
		return false;
	}
	cover_of(pcrs, &c);
	(void)pcr_selection_format(pcrs, list, sizeof(list)); /* else empty */
	(void)snprintf(words, size, "bound to %s: %s", list, c.uki && c.holds
	               ? "another unified kernel image, and with it another kernel, initramfs or command line, gets no key"
	               : c.uki ? "they cover the unified kernel image, not all that it takes from outside: 'imagate pcr coverage'"
	               : c.strict ? "under GRUB another command line or initramfs gets no key"
	               : "under GRUB these cover neither command line nor initramfs; who can change those can have the key");
	return c.strict;
}

static void properties(const struct record *r, struct property ret[static PROPERTIES])
{
	const struct decision *d = &r->decision;
	uint8_t root[ROOT_ID_LEN];
	bool late, enforcing = *r->policy && d->stage == STAGE_ENFORCE;

	ret[0] = (struct property){ "metadata", r->evm_hmac || r->evm_x509, "" };
	(void)snprintf(ret[0].words, sizeof(ret[0].words), "%s", ret[0].holds
	               ? "EVM is on: owner, mode, labels of files are authenticated"
	               : "EVM is off: who changed a label offline is not found out");
	ret[1] = (struct property){ "content", *r->policy != '\0' && d->stage >= STAGE_FIX, "" };
	(void)snprintf(ret[1].words, sizeof(ret[1].words), "%s%s", ret[1].holds
	               ? "appraised by " : "not appraised", ret[1].holds ? r->policy : "");
	ret[2] = (struct property){ "enforced", enforcing, "" };
	(void)snprintf(ret[2].words, sizeof(ret[2].words), "%s", enforcing
	               ? "the kernel denies what does not verify"
	               : "nothing is denied at this stage");
	ret[3] = (struct property){ "boot-chain", false, "" };
	ret[3].holds = binding_is_strict(ret[3].words, sizeof(ret[3].words));
	ret[5] = (struct property){ "root", binding_root("/", root, NULL) == OUTCOME_OK, "" };
	(void)snprintf(ret[5].words, sizeof(ret[5].words), "%s", ret[5].holds
	               ? "the seal is bound to its UUID: another root in its place gets no key"
	               : "it has no UUID: the seal is not bound to it, another root in its place gets the key");
	late = file_exists(AT_FDCWD, LATEDOOR_PATH);
	ret[4] = (struct property){ "door", late || r->evidence.outcome[STEP_DOOR] == OUTCOME_OK, "" };
	(void)snprintf(ret[4].words, sizeof(ret[4].words), "%s%s", ret[4].holds
	               ? "until the next reboot the TPM gives the key to nobody"
	               : "no counter was locked in this boot", late ? "; closed by the host, not by the gate" : "");
}

static struct json_object *changed_json(const struct refused *r)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->lines; i++)
		json_object_array_add(list, json_object_new_string(r->line[i]));
	return list;
}

static void print_text(const struct record *r)
{
	struct property p[PROPERTIES];
	const struct decision *d = &r->decision;
	char text[512];

	properties(r, p);
	(void)printf("verdict:  %s\nstage:    %s\ncause:    %s\n", verdict_name(d->verdict),
	             stage_name(d->stage), cause_name(d->cause));
	if (d->cause != CAUSE_NONE)
		(void)printf("          %s\n          %s\n", cause_what(d->cause),
		             cause_remedy(d->cause));
	refused_print(&r->refused, "          ");
	for (int i = 0; i < PROPERTIES; i++)
		(void)printf("%-11s %-3s %s\n", p[i].name, p[i].holds ? "yes" : "no", p[i].words);
	for (int s = 0; s < STEP_COUNT; s++) {
		if (r->evidence.outcome[s] == OUTCOME_OK || r->why[s].domain == WHY_NONE)
			continue;
		why_format(&r->why[s], text, sizeof(text));
		(void)printf("  %s %s: %s\n", step_name((enum step)s),
		             outcome_name(r->evidence.outcome[s]), text);
	}
	if (r->signed_pcrs)
		(void)printf("signed:     these PCR values are signed by the key of [tpm] pcr-public-key: that opened the seal\n");
	if (r->renew)
		(void)printf("renewal:    once this boot is blessed, the next one binds the seal to the key and epoch that imagate.conf names\n");
	(void)printf("floor:      %s\n", r->evidence.key.floor == STAGE_UNSET ? "not known" : stage_name(r->evidence.key.floor));
	(void)printf("gate:     %u ms, of these %u ms waiting for the TPM\n",
	             r->total_ms - r->wait_ms, r->tpm_ms);
}

static void print_json(const struct record *r)
{
	struct property p[PROPERTIES];
	struct json_object *o = json_object_new_object(), *steps = json_object_new_object();
	struct json_object *list = json_object_new_object();

	properties(r, p);
	for (int i = 0; i < PROPERTIES; i++)
		json_object_object_add(list, p[i].name, json_object_new_boolean(p[i].holds));
	for (int s = 0; s < STEP_COUNT; s++)
		json_object_object_add(steps, step_name((enum step)s),
		                       json_object_new_string(outcome_name(r->evidence.outcome[s])));
	json_object_object_add(o, "verdict", json_object_new_string(verdict_name(r->decision.verdict)));
	json_object_object_add(o, "stage", json_object_new_string(stage_name(r->decision.stage)));
	json_object_object_add(o, "cause", json_object_new_string(cause_name(r->decision.cause)));
	json_object_object_add(o, "changed", changed_json(&r->refused));
	json_object_object_add(o, "policy", json_object_new_string(r->policy));
	json_object_object_add(o, "policy-rules", json_object_new_int((int)r->policy_rules));
	json_object_object_add(o, "protected", list);
	json_object_object_add(o, "steps", steps);
	json_object_object_add(o, "floor", json_object_new_string(stage_name(r->evidence.key.floor)));
	json_object_object_add(o, "generation", json_object_new_int64((int64_t)r->generation));
	json_object_object_add(o, "signed-pcrs", json_object_new_boolean(r->signed_pcrs));
	json_object_object_add(o, "renew", json_object_new_boolean(r->renew));
	json_object_object_add(o, "total-ms", json_object_new_int((int)r->total_ms));
	json_object_object_add(o, "tpm-ms", json_object_new_int((int)r->tpm_ms));
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static int status(bool json)
{
	CLEAN_FREE char *text = NULL;
	static struct record r;
	size_t len;
	int e = file_read(AT_FDCWD, RECORD_PATH, RECORD_MAX, &text, &len);

	if (e == -ENOENT) {
		log_error("%s is not there: the gate did not run in this boot", RECORD_PATH);
		log_error("is the initramfs built with 'dracut -a imagate'?");
		return IMAGATE_NOT_ADMITTED;
	}
	if (e < 0) {
		log_error("%s: %s", RECORD_PATH, strerror(-e));
		return IMAGATE_FAILED;
	}
	if (!record_parse(text, len, &r)) {
		log_error("%s is not a record of this version of imagate", RECORD_PATH);
		return IMAGATE_FAILED;
	}
	if (json)
		print_json(&r);
	else
		print_text(&r);
	return r.decision.verdict == VERDICT_ADMIT ? IMAGATE_OK : IMAGATE_NOT_ADMITTED;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	bool json = false;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'j': json = true; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	return status(json);
}

const struct verb verb_status = {
	.name = "status",
	.summary = "what this boot did and why, what is protected and what is not",
	.help = "usage: imagate status [--json]\n"
	        "Reads " RECORD_PATH ", which the gate wrote in the initramfs.\n"
	        "Exit status: 0 admitted, 1 degraded or the gate did not run, 2 usage, 3 failed.\n",
	.run = run,
};
