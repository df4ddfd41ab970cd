#include "base/log.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "label/touch.h"

#include <getopt.h>
#include <stdio.h>

static void report(const char *path, const char *reason, void *arg)
{
	(void)arg;
	log_warning("%s: %s", path, reason);
}

static void add(struct touch_count *sum, const struct touch_count *c)
{
	sum->seen += c->seen;
	sum->labelled += c->labelled;
	sum->kept += c->kept;
	sum->failed += c->failed;
}

static int label(char **paths)
{
	struct touch_count sum = { 0 }, c;
	struct why why = { 0 };
	char text[512];

	for (; *paths; paths++) {
		if (touch_tree(*paths, report, NULL, &c, &why) != OUTCOME_OK) {
			why_format(&why, text, sizeof(text));
			log_error("%s", text);
			return IMAGATE_FAILED;
		}
		add(&sum, &c);
	}
	(void)printf("%zu files in scope: %zu labelled now, %zu labelled before, %zu failed\n",
	             sum.seen, sum.labelled, sum.kept, sum.failed);
	return sum.failed ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	char *whole[] = { (char[]){ "/" }, NULL };

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		return c == 'h' ? verb_help(self) : verb_usage(self);
	return label(optind < argc ? argv + optind : whole);
}

const struct verb verb_label = {
	.name = "label",
	.summary = "in the fix stage: have the kernel label what can be executed or loaded",
	.help = "usage: imagate label [DIR...]\n"
	        "Walks DIR (default /), staying on its file system, and maps each program, library,\n"
	        "kernel module, firmware and kernel for execution, without running anything. In the\n"
	        "fix stage the kernel then writes security.ima and, with EVM on, its HMAC.\n"
	        "Exit status: 0 all labelled, 1 some were not (each is named), 2 usage, 3 failed.\n",
	.run = run,
};
