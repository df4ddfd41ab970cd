#include "base/clean.h"
#include "base/log.h"
#include "cli/files.h"
#include "cli/shown.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/text.h"
#include "gate/boot.h"
#include "kernel/language.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

struct wish {
	const char *config, *root, *tcti;
	enum stage stage;
	bool json, boot, files, strict;
	struct files_wish of_files;
};

static void print_steps(const struct record *r)
{
	char text[512];

	for (int s = 0; s < STEP_DECIDE; s++) {
		enum outcome o = r->evidence.outcome[s];

		text[0] = '\0';
		if (o != OUTCOME_OK && r->why[s].domain != WHY_NONE)
			why_format(&r->why[s], text, sizeof(text));
		(void)printf("  %-10s %-8s %s\n", step_name((enum step)s), outcome_name(o), text);
	}
}

static void print_files(const struct preflight *p)
{
	struct shown plain;

	for (size_t i = 0; i < p->count; i++)
		if (p->file[i].state != LABEL_STATE_GOOD)
			(void)printf("    %s: %s%s%s\n", shown(p->file[i].path, &plain), label_state_name(p->file[i].state),
			             p->file[i].hook ? " when " : "", p->file[i].hook ? p->file[i].hook->words : "");
}

static void print_text(const struct boot *b)
{
	const struct decision *d = &b->record.decision;

	(void)printf("the next boot would be: %s (stage %s, cause %s)\n", verdict_name(d->verdict),
	             stage_name(d->stage), cause_name(d->cause));
	if (d->cause != CAUSE_NONE)
		(void)printf("  %s\n  %s\n", cause_what(d->cause), cause_remedy(d->cause));
	print_steps(&b->record);
	print_files(&b->preflight);
	(void)printf("  what this kernel would do to a policy is only known when it is loaded; seal, "
	             "labels and\n  configuration were judged as the gate judges them\n");
}

static struct json_object *to_json(const struct boot *b)
{
	const struct decision *d = &b->record.decision;
	struct json_object *o = json_object_new_object(), *steps = json_object_new_object();
	struct json_object *files = json_object_new_array();

	for (int s = 0; s < STEP_DECIDE; s++)
		json_object_object_add(steps, step_name((enum step)s),
		                       json_object_new_string(outcome_name(b->record.evidence.outcome[s])));
	for (size_t i = 0; i < b->preflight.count; i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "path", shown_json(b->preflight.file[i].path));
		json_object_object_add(f, "state", json_object_new_string(
				label_state_name(b->preflight.file[i].state)));
		json_object_array_add(files, f);
	}
	json_object_object_add(o, "verdict", json_object_new_string(verdict_name(d->verdict)));
	json_object_object_add(o, "stage", json_object_new_string(stage_name(d->stage)));
	json_object_object_add(o, "cause", json_object_new_string(cause_name(d->cause)));
	json_object_object_add(o, "steps", steps);
	json_object_object_add(o, "boot-critical", files);
	return o;
}

/* configured: whether the configuration was read; without it nothing says by which policy to judge files. */
static int rehearse(const struct wish *w, struct json_object **ret, bool *configured)
{
	static struct boot b;
	enum verdict v;

	boot_init(&b);
	b.rehearse = true;
	b.wish_stage = w->stage;
	b.config_path = w->config;
	b.sysroot_path = w->root;
	b.tcti = w->tcti;
	b.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b.root < 0) {
		log_error("/: %s", strerror(errno));
		return IMAGATE_FAILED;
	}
	line_run(&b);
	if (w->json)
		*ret = to_json(&b);
	else
		print_text(&b);
	v = b.record.decision.verdict;
	*configured = b.record.evidence.outcome[STEP_CONFIG] == OUTCOME_OK;
	boot_end(&b);
	return v == VERDICT_ADMIT ? IMAGATE_OK : IMAGATE_NOT_ADMITTED;
}

/* The files alone say nothing about the boot, and a boot that is admitted nothing about files that nobody needs
 * for it: denials count where they were asked for. */
static int check_files(const struct wish *w, struct json_object **ret)
{
	size_t denied;
	int r = files_check(&w->of_files, &denied, ret);

	return r == IMAGATE_OK && denied && (w->strict || !w->boot) ? IMAGATE_NOT_ADMITTED : r;
}

static int check(const struct wish *w)
{
	struct json_object *boot = NULL, *files = NULL;
	bool configured = true;
	int r = w->boot ? rehearse(w, &boot, &configured) : IMAGATE_OK, f = IMAGATE_OK;

	if (w->files && configured)
		f = check_files(w, &files);
	else if (w->files)
		log_error("the files were not judged: without the configuration there is no policy to judge them by");
	if (w->json) {
		struct json_object *o = boot ? boot : json_object_new_object();

		if (files)
			json_object_object_add(o, "files", files);
		(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	}
	return r > f ? r : f;
}

static bool number(const char *text, unsigned max, unsigned *ret)
{
	if (text_number(text, strlen(text), max, ret))
		return true;
	log_error("'%s': a number up to %u is wanted", text, max);
	return false;
}

enum { OPT_FILES = 256, OPT_BOOT, OPT_STRICT, OPT_NO_CACHE, OPT_THREADS, OPT_POLICY, OPT_IMA, OPT_EVM_CERTS, OPT_KEY_FD, OPT_SEAL, OPT_EVM,
	OPT_ALL, OPT_HOOKS };

/* Those about files. 0: fine; else an exit code. */
static int file_option(struct wish *w, int option)
{
	struct files_wish *f = &w->of_files;
	unsigned n = 0;

	switch (option) {
	case OPT_FILES: w->boot = false; return 0;
	case OPT_BOOT: w->files = false; return 0;
	case OPT_STRICT: w->strict = true; return 0;
	case OPT_NO_CACHE: f->cache = false; return 0;
	case OPT_THREADS: return number(optarg, 64, &f->threads) ? 0 : IMAGATE_USAGE;
	case OPT_POLICY: f->judging.policy = optarg; return 0;
	case OPT_IMA: f->judging.ima_certs = optarg; return 0;
	case OPT_EVM_CERTS: f->judging.evm_certs = optarg; return 0;
	case OPT_SEAL: f->judging.evm_seal = optarg; return 0;
	case OPT_ALL: f->all = true; return 0;
	case OPT_HOOKS: f->hooks = optarg; return 0;
	case OPT_KEY_FD:
		if (!number(optarg, 1023, &n))
			return IMAGATE_USAGE;
		f->judging.evm_key_fd = (int)n;
		return 0;
	case OPT_EVM:
		if (!number(optarg, 3, &n))
			return IMAGATE_USAGE;
		f->judging.evm = (int)n;
		return 0;
	default: return IMAGATE_USAGE;
	}
}

static int options(const struct verb *self, int argc, char **argv, struct wish *w)
{
	static const struct option list[] = {
		{ "config", required_argument, NULL, 'c' },        { "root", required_argument, NULL, 'r' },
		{ "stage", required_argument, NULL, 's' },         { "tcti", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },                { "help", no_argument, NULL, 'h' },
		{ "files", no_argument, NULL, OPT_FILES },         { "boot", no_argument, NULL, OPT_BOOT },
		{ "strict", no_argument, NULL, OPT_STRICT },       { "no-cache", no_argument, NULL, OPT_NO_CACHE },
		{ "threads", required_argument, NULL, OPT_THREADS }, { "policy", required_argument, NULL, OPT_POLICY },
		{ "ima-certs", required_argument, NULL, OPT_IMA }, { "evm-certs", required_argument, NULL, OPT_EVM_CERTS },
		{ "evm-key-fd", required_argument, NULL, OPT_KEY_FD }, { "evm", required_argument, NULL, OPT_EVM },
		{ "evm-seal", required_argument, NULL, OPT_SEAL },
		{ "all", no_argument, NULL, OPT_ALL },             { "hooks", required_argument, NULL, OPT_HOOKS },
		{ 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "h", list, NULL)) != -1;) {
		switch (c) {
		case 'c': w->config = optarg; break;
		case 'r': w->root = optarg; break;
		case 't': w->tcti = optarg; break;
		case 'j': w->json = true; break;
		case 'h': (void)verb_help(self); return -1;
		case 's':
			w->stage = stage_from_name(optarg);
			if (w->stage != STAGE_UNSET)
				break;
			log_error("--stage: off, measure, fix, audit or enforce");
			return IMAGATE_USAGE;
		default:
			if (c == '?' || file_option(w, c) != 0)
				return verb_usage(self);
		}
	}
	return optind < argc ? verb_extra(self, argv[optind]) : IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	struct wish w = {
		.config = BOOT_CONFIG_PATH, .root = "/", .boot = true, .files = true,
		.of_files = { .cache = true, .judging = { .evm_key_fd = -1, .evm = -1 } },
	};
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = options(self, argc, argv, &w);

	if (r != IMAGATE_OK)
		return r < 0 ? IMAGATE_OK : r;
	if (!w.boot && !w.files) {
		log_error("--files and --boot are each other's opposite");
		return IMAGATE_USAGE;
	}
	w.of_files.root = w.root;
	w.of_files.json = w.json;
	w.of_files.judging.config = w.config;
	if (!kernel_language(root, &w.of_files.judging.kernel))
		rule_kernel_debian(KERNEL_NEWEST, &w.of_files.judging.kernel);
	return check(&w);
}

const struct verb verb_check = {
	.name = "check",
	.summary = "would it boot? Rehearse the gate, and judge every file as the kernel will",
	.help = "usage: imagate check [--stage STAGE] [--root DIR] [--config FILE] [--json] ...\n"
	        "Two things, without changing anything. The gate's own steps and decision for the next boot:\n"
	        "configuration, this kernel's facts, the key from the TPM (wiped at once), labels of what the\n"
	        "boot needs. Then every file on the root's file system that the policy appraises: would the\n"
	        "kernel let it run, be mapped, be loaded? What would be denied is told by place and cause.\n"
	        "  --stage STAGE    as if imagate.stage=STAGE and the ima_appraise= that belongs to it were on the\n"
	        "                   kernel command line\n"
	        "  --root DIR       judge the files below DIR instead of /\n"
	        "  --files, --boot  only the files; only the rehearsal\n"
	        "  --strict         exit 1, too, where files would be denied that the boot does not need\n"
	        "  --policy FILE    judge by this policy instead of the configured one\n"
	        "  --ima-certs DIR, --evm-certs DIR   certificates (*.der) instead of the configured ones\n"
	        "  --evm-key-fd N   EVM's HMAC key, raw, from file descriptor N: HMACs are then verified, too\n"
	        "  --evm-seal FILE  the same, with the key in this seal.pem, opened by its recovery key\n"
	        "  --evm MODE       0 EVM is off, 1 HMAC, 2 certificates, 3 both; as configured by default\n"
	        "  --hooks NAMES    judge every file for these hooks: BPRM_CHECK,MMAP_CHECK,FILE_CHECK...\n"
	        "  --all            one line for each file and hook; each hook is judged by itself: the running kernel,\n"
	        "                   once a rule demanded a signature of a file, demands it at every hook\n"
	        "  --threads N, --no-cache\n"
	        "  --tcti TCTI, --config FILE, --json\n"
	        "Exit status: 0 it would boot (--files: nothing would be denied), 1 it would not, 2 usage or bad\n"
	        "input, 3 failed.\n",
	.run = run,
};
