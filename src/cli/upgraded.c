/* What every hook of a package manager calls: are the files that it changed labelled for the policy in force? */
#include "cli/upgraded.h"

#include "base/clean.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/verb.h"
#include "core/hook.h"
#include "kernel/language.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define NAMED 10
#define CONFIG "/etc/imagate/imagate.conf"

enum { OPT_FROM = 256, OPT_ACTIVE, OPT_BEGIN, OPT_FRAGILE, OPT_DRY, OPT_SIGN, OPT_CERT, OPT_EVM_SIGN, OPT_EVM_CERT, OPT_POLICY, OPT_CONFIG };

/* Does this boot appraise anything? */
static bool active(const struct record *r)
{
	return r->decision.stage >= STAGE_FIX && *r->policy && r->decision.verdict != VERDICT_STOP;
}

static void say_bad(const struct survey *s, const struct record *r)
{
	const char *would = r && r->decision.stage == STAGE_ENFORCE ? "denied" : "would be denied";
	size_t named = 0;

	for (size_t i = 0; i < s->bad_count && named <= NAMED; i++) {
		if (i && !strcmp(s->bad[i].path, s->bad[i - 1].path))
			continue;
		if (named++ < NAMED)
			log_warning("%s: %s when %s: %s", s->bad[i].path, would, hook_at(s->bad[i].hook)->words,
			            label_state_name((enum label_state)s->bad[i].state));
		else
			log_warning("... and %zu more: " EVIDENCE_DIR "/denied names them all", upgraded_files(s) - NAMED);
	}
}

static bool needs_signature(const struct survey *s)
{
	for (size_t i = 0; i < s->bad_count; i++)
		if (s->bad[i].state == LABEL_STATE_SIGNATURE_REQUIRED)
			return true;
	return false;
}

static void say(const struct survey *s, const struct record *r, size_t labelled)
{
	if (!s->bad_count) {
		if (labelled)
			log_notice("%zu files of what was installed are labelled now", labelled);
		return;
	}
	say_bad(s, r);
	log_warning("%zu files of what was installed cannot be used under this policy (%zu were labelled)", upgraded_files(s), labelled);
	if (needs_signature(s))
		log_warning("they must be signed: by the package (PACKAGE.labels beside its catalogue), or here: "
		            "imagate label --write --sign KEY --cert CERTIFICATE PATH...");
	else
		log_warning("to label them: imagate permit fix --once, and reboot; before that, what the boot needs must not be among them");
}

static int keep(const struct upgraded_wish *w, const struct survey *s, const struct timespec *now)
{
	struct paths denied = { 0 };
	int r = 0, code;

	for (size_t i = 0; r == 0 && i < s->bad_count; i++)
		r = paths_add(&denied, s->bad[i].path, strlen(s->bad[i].path));
	paths_sort(&denied);
	code = r < 0 ? IMAGATE_FAILED : upgraded_keep(&denied, !w->files_from, now);
	paths_free(&denied);
	return code;
}

static void as_booted(struct upgraded_wish *w, int root, const struct record *r)
{
	if (!kernel_language(root, &w->label.judging.kernel))
		rule_kernel_debian(KERNEL_NEWEST, &w->label.judging.kernel);
	if (r)
		w->label.judging.evm = (r->evm_hmac ? EVM_HMAC : 0) | (r->evm_x509 ? EVM_X509 : 0);
}

static int fragile(struct upgraded_wish *w, const struct record *r)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (r && r->decision.stage != STAGE_ENFORCE)
		return IMAGATE_OK; /* nothing is denied */
	as_booted(w, root, r);
	return upgraded_fragile(w, root);
}

static int upgraded(struct upgraded_wish *w, const struct record *r)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct paths list = { 0 };
	struct survey s = { 0 };
	struct timespec now;
	size_t labelled = 0;
	int code;

	as_booted(w, root, r);
	code = upgraded_list(w, &list, &now);
	if (code == IMAGATE_OK && list.count)
		code = upgraded_label(w, r, &list, &s, &labelled);
	if (code == IMAGATE_OK) {
		say(&s, r, labelled);
		/* the mark that they were looked at outlives a power cut: so must the labels, ours and those that the kernel wrote
		 * when they were closed */
		if (!w->dry_run && list.count)
			sync();
		code = w->dry_run ? IMAGATE_OK : keep(w, &s, &now);
	}
	if (code == IMAGATE_OK && s.bad_count)
		code = IMAGATE_NOT_ADMITTED;
	survey_free(&s);
	paths_free(&list);
	return code;
}

static bool option(struct upgraded_wish *w, int c)
{
	switch (c) {
	case OPT_FROM: w->files_from = optarg; return true;
	case OPT_DRY: w->dry_run = true; return true;
	case OPT_SIGN: w->label.key[MAKER_IMA] = optarg; return true;
	case OPT_CERT: w->label.cert[MAKER_IMA] = optarg; return true;
	case OPT_EVM_SIGN: w->label.key[MAKER_EVM] = optarg; return true;
	case OPT_EVM_CERT: w->label.cert[MAKER_EVM] = optarg; return true;
	case OPT_POLICY: w->label.judging.policy = optarg; return true;
	case OPT_CONFIG: w->label.judging.config = optarg; return true;
	default: return false;
	}
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "files-from", required_argument, NULL, OPT_FROM },   { "if-active", no_argument, NULL, OPT_ACTIVE },
		{ "begin", no_argument, NULL, OPT_BEGIN },             { "dry-run", no_argument, NULL, OPT_DRY },
		{ "fragile", no_argument, NULL, OPT_FRAGILE },
		{ "sign", required_argument, NULL, OPT_SIGN },         { "cert", required_argument, NULL, OPT_CERT },
		{ "evm-sign", required_argument, NULL, OPT_EVM_SIGN }, { "evm-cert", required_argument, NULL, OPT_EVM_CERT },
		{ "policy", required_argument, NULL, OPT_POLICY },     { "config", required_argument, NULL, OPT_CONFIG },
		{ "help", no_argument, NULL, 'h' },                    { 0 },
	};
	static struct record record;
	static char *no_paths[] = { NULL };
	struct upgraded_wish w = { .label = { .root = "/", .paths = no_paths, .judging = { .config = CONFIG, .evm_key_fd = -1, .evm = -1 } } };
	bool if_active = false, begin = false, only_fragile = false, here = access(RECORD_PATH, F_OK) == 0;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h')
			return verb_help(self);
		if (c == OPT_ACTIVE)
			if_active = true;
		else if (c == OPT_BEGIN)
			begin = true;
		else if (c == OPT_FRAGILE)
			only_fragile = true;
		else if (c == '?' || !option(&w, c))
			return verb_usage(self);
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (here && !evidence_record(&record))
		return IMAGATE_FAILED;
	if (if_active && (!here || !active(&record)))
		return IMAGATE_OK;
	if (begin)
		return upgraded_begin();
	return only_fragile ? fragile(&w, here ? &record : NULL) : upgraded(&w, here ? &record : NULL);
}

const struct verb verb_upgraded = {
	.name = "upgraded",
	.summary = "after packages were installed: label what the policy in force needs labelled, name what it will deny",
	.help = "usage: imagate upgraded [--files-from FILE|-] [--if-active] [--dry-run]\n"
	        "What the hooks of dpkg, apt and rpm call (/usr/lib/imagate/hook). Looks at the files of every package that\n"
	        "dpkg has unpacked since the last time, or at the list that is given, one absolute path a line, and at\n"
	        "those that were denied the last time. What is labelled already, by the kernel (server.policy) or by rpm,\n"
	        "is kept. What is not gets its label, in this order:\n"
	        "  from PACKAGE.labels in [catalogue] dir, as 'getfattr -d -e hex' writes it: signatures that a\n"
	        "     certificate of [key] x509-ima or x509-evm proves;\n"
	        "  in the fix stage from the kernel;\n"
	        "  from the keys given by --sign KEY --cert CERTIFICATE, --evm-sign KEY --evm-cert CERTIFICATE;\n"
	        "  as a hash, where the policy asks for no more and EVM's HMAC is not on.\n"
	        "Where [catalogue] x509 is there, none of this without a signed catalogue that proves path and content.\n"
	        "  --if-active            nothing in a boot in which the gate loaded no policy that appraises\n"
	        "  --begin                only sets the mark that 'since the last time' counts from, where there is none, or\n"
	        "                   the clock was set back behind it\n"
	        "  --fragile              only names what the shell and imagate need, and would be denied if a package brought it in a\n"
	        "                   boot in enforce, till it is labelled: libc, libcrypto under signed.policy. For the hook\n"
	        "  --dry-run              only looks\n"
	        "  --policy FILE, --config FILE\n"
	        "Exit status: 0 all of it can be used, 1 some will be denied (named), 2 usage or bad input, 3 failed.\n",
	.run = run,
};
