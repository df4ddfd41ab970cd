#include "cli/pcr.h"

#include "base/file.h"
#include "base/log.h"
#include "core/config.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_log(const char *path)
{
	log_error("%s is not there: the kernel was given no event log", path);
	log_error("is there a TPM, and securityfs? GRUB's 'linux' without Secure Boot starts the kernel behind its EFI stub, and the log is "
	          "lost although all is measured: boot with 'linuxefi' and 'initrdefi'");
}

static uint16_t bank_of(const struct pcr_selection *s)
{
	return s->bank == PCR_BANK_NONE ? 0 : bank_from_name(pcr_bank_name(s->bank));
}

/* The bank that was asked for, else the first that the log has, the best first. */
static bool choose_bank(const struct pcr_wish *w, struct pcr_log *ret)
{
	static const uint16_t best[] = { BANK_SHA256, BANK_SHA384, BANK_SHA512, BANK_SHA1 };

	ret->alg = w->pcrs_given ? bank_of(&w->pcrs) : 0;
	if (ret->alg && eventlog_has(&ret->log, ret->alg))
		return true;
	for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++) {
		if (!eventlog_has(&ret->log, best[i]))
			continue;
		if (ret->alg)
			log_warning("%s has no bank %s: shown is %s", ret->path, bank_name(ret->alg), bank_name(best[i]));
		ret->alg = best[i];
		return true;
	}
	log_error("%s has no bank that is known here", ret->path);
	return false;
}

int pcr_log_read(const struct pcr_wish *w, const char *path, struct pcr_log *ret)
{
	struct eventlog_error error;
	size_t len;
	int e;

	*ret = (struct pcr_log){ .path = path ? path : PCR_LOG };
	e = file_read(AT_FDCWD, ret->path, EVENTLOG_MAX, &ret->bytes, &len);
	if (e == -ENOENT && !path) {
		no_log(ret->path);
		return IMAGATE_FAILED;
	}
	if (e < 0) {
		log_error("%s: %s", ret->path, strerror(-e));
		return path ? IMAGATE_USAGE : IMAGATE_FAILED;
	}
	if (!eventlog_open((const uint8_t *)ret->bytes, len, &ret->log, &error) ||
	    !eventlog_check(&ret->log, &ret->events, &error)) {
		log_error("%s: byte %zu: %s", ret->path, error.offset, error.reason);
	} else if (choose_bank(w, ret)) {
		if (eventlog_replay(&ret->log, ret->alg, digest_hash, NULL, &ret->values, &error))
			return IMAGATE_OK;
		log_error("%s: byte %zu: %s", ret->path, error.offset, error.reason);
	}
	free(ret->bytes);
	ret->bytes = NULL;
	return path ? IMAGATE_USAGE : IMAGATE_FAILED;
}

struct pcr_selection pcr_selection_here(void)
{
	CLEAN_FREE char *text = NULL;
	static struct seal s;
	struct config c;
	size_t len;

	config_defaults(&c);
	if (file_read(AT_FDCWD, c.seal, SEAL_FILE_MAX, &text, &len) == 0 &&
	    seal_file_parse(c.seal, text, len, &s, NULL) == OUTCOME_OK && s.slots)
		return s.slot[0].object.pcrs;
	return c.pcrs;
}

void pcr_json_print(struct json_object *o)
{
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* -- the command line ------------------------------------------------------------------ */

static const struct sub {
	const char *name;
	int (*run)(const struct pcr_wish *w);
} subs[] = { { "explain", pcr_explain }, { "coverage", pcr_coverage } };

static const struct sub *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(subs) / sizeof(subs[0]); i++)
		if (!strcmp(subs[i].name, name))
			return &subs[i];
	return NULL;
}

/* "0,2,4,7" or "sha384:0,2,4,7" */
static bool wished_pcrs(struct pcr_wish *w, const char *text)
{
	const char *error;
	char whole[128];

	(void)snprintf(whole, sizeof(whole), "%s%s", strchr(text, ':') ? "" : "sha256:", text); /* cut: then it is wrong, too */
	w->pcrs_given = pcr_selection_parse(whole, &w->pcrs, &error);
	if (!w->pcrs_given)
		log_error("pcr: '%s': %s", text, error);
	return w->pcrs_given;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "log", required_argument, NULL, 'l' },  { "against", required_argument, NULL, 'a' },
		{ "tcti", required_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },       { 0 },
	};
	struct pcr_wish w = { .verb = self };
	const struct sub *s;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'l': w.file = optarg; break;
		case 'a': w.against = optarg; break;
		case 't': w.tcti = optarg; break;
		case 'j': w.json = true; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	s = find(argv[optind]);
	if (!s) {
		log_error("pcr: explain or coverage");
		return verb_usage(self);
	}
	if (w.against && s->run != pcr_explain) {
		log_error("pcr %s: --against is for explain", s->name);
		return verb_usage(self);
	}
	if (argc > optind + 2)
		return verb_extra(self, argv[optind + 2]);
	if (argc > optind + 1 && !wished_pcrs(&w, argv[optind + 1]))
		return IMAGATE_USAGE;
	return s->run(&w);
}

const struct verb verb_pcr = {
	.name = "pcr",
	.summary = "what this boot measured into the TPM, what changed, and what that covers",
	.help = "usage: imagate pcr explain [PCRS] [--log FILE] [--against FILE] [--tcti TCTI] [--json]\n"
	        "           what was measured into each, by whom; whether the TPM has these values; for each slot of\n"
	        "           the seal, whether it fits. PCRS is 0,2,4,7,8,9 if it is not given.\n"
	        "       imagate pcr coverage [PCRS] [--log FILE] [--json]\n"
	        "           what of the boot these PCRs cover on this machine, who may change the rest, and which to add.\n"
	        "           PCRS is what the seal is bound to, else what imagate.conf would bind it to by default.\n"
	        "PCRS is a list like 0,2,4,7 or sha384:0,2,4,7.\n"
	        "  --log FILE      instead of " PCR_LOG ";\n"
	        "                  the TPM is then asked only with --tcti\n"
	        "  --against FILE  an earlier copy of the log: what changed since\n"
	        "  --tcti TCTI     another TPM than /dev/tpmrm0, as tpm2-tss names it\n"
	        "  --json          for programs\n"
	        "Exit status: 0 explain: the log is the TPM's, nothing changed; coverage: boot loader, kernel, initramfs\n"
	        "and command line are covered. 1 they are not. 2 usage or bad input. 3 failed, or there is no log.\n",
	.run = run,
};
