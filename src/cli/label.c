#include "base/log.h"
#include "cli/everywhere.h"
#include "cli/evidence.h"
#include "cli/sealing.h"
#include "cli/verb.h"

#include <getopt.h>
#include <stdio.h>

static void report(const char *path, const char *reason, void *arg)
{
	unsigned *thousands = arg;

	if (reason)
		log_warning("%s: %s", path, reason);
	else
		log_notice("labelling: %u000 files, %s", ++*thousands, path);
}

/* Somebody looks on: imagate-label.service at the console. */
static enum outcome tree(const char *dir, touch_report_fn fn, void *arg, struct touch_count *ret, struct why *why)
{
	enum outcome o;

	log_notice("labelling %s ...", dir);
	o = touch_tree(dir, fn, arg, ret, why);
	if (o == OUTCOME_OK)
		log_notice("labelling %s: %zu files, %zu labelled now, %zu failed", dir, ret->seen, ret->labelled, ret->failed);
	return o;
}

static int label(char **paths)
{
	struct touch_count sum = { 0 }, c;
	struct why why = { 0 };
	unsigned thousands = 0;
	enum outcome o = *paths ? OUTCOME_OK : everywhere(tree, report, &thousands, &sum, &why);

	for (; o == OUTCOME_OK && *paths; paths++) {
		o = touch_tree(*paths, report, &thousands, &c, &why);
		if (o == OUTCOME_OK)
			touch_count_add(&sum, &c);
	}
	if (o != OUTCOME_OK)
		return sealing_failed("label", &why);
	(void)printf("%zu files in scope: %zu labelled now, %zu labelled before, %zu failed\n",
	             sum.seen, sum.labelled, sum.kept, sum.failed);
	return sum.failed ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
}

/* The unit runs it in every boot; what to do, this boot's stage says. */
static int label_in_fix(void)
{
	static struct record r;
	char *none[] = { NULL };

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	return r.decision.stage == STAGE_FIX && r.decision.verdict == VERDICT_ADMIT ? label(none) : IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = { { "if-fix", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	bool if_fix = false;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'f': if_fix = true; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	if (!if_fix)
		return label(argv + optind);
	return optind < argc ? verb_extra(self, argv[optind]) : label_in_fix();
}

const struct verb verb_label = {
	.name = "label",
	.summary = "in the fix stage: have the kernel label what can be executed or loaded",
	.help = "usage: imagate label [DIR...]\n"
	        "       imagate label --if-fix\n"
	        "Walks DIR, staying on its file system, or every local disk file system that is mounted and not\n"
	        "noexec, and maps each program, library, kernel module, firmware and kernel for execution, without\n"
	        "running anything. In the fix stage the kernel then writes security.ima and, with EVM on, its HMAC.\n"
	        "  --if-fix   only where this boot runs in fix (imagate-label.service)\n"
	        "Exit status: 0 all labelled, 1 some were not (each is named), 2 usage, 3 failed.\n",
	.run = run,
};
