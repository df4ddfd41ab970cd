#include "base/log.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

struct wish {
	const char *config, *root, *tcti;
	enum stage stage;
	bool json;
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
	for (size_t i = 0; i < p->count; i++)
		if (p->file[i].state != LABEL_STATE_GOOD)
			(void)printf("    %s: %s\n", p->file[i].path,
			             label_state_name(p->file[i].state));
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

static void print_json(const struct boot *b)
{
	const struct decision *d = &b->record.decision;
	struct json_object *o = json_object_new_object(), *steps = json_object_new_object();
	struct json_object *files = json_object_new_array();

	for (int s = 0; s < STEP_DECIDE; s++)
		json_object_object_add(steps, step_name((enum step)s),
		                       json_object_new_string(outcome_name(b->record.evidence.outcome[s])));
	for (size_t i = 0; i < b->preflight.count; i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "path", json_object_new_string(b->preflight.file[i].path));
		json_object_object_add(f, "state", json_object_new_string(
				label_state_name(b->preflight.file[i].state)));
		json_object_array_add(files, f);
	}
	json_object_object_add(o, "verdict", json_object_new_string(verdict_name(d->verdict)));
	json_object_object_add(o, "stage", json_object_new_string(stage_name(d->stage)));
	json_object_object_add(o, "cause", json_object_new_string(cause_name(d->cause)));
	json_object_object_add(o, "steps", steps);
	json_object_object_add(o, "boot-critical", files);
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static int rehearse(const struct wish *w)
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
		print_json(&b);
	else
		print_text(&b);
	v = b.record.decision.verdict;
	boot_end(&b);
	return v == VERDICT_ADMIT ? IMAGATE_OK : IMAGATE_NOT_ADMITTED;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "root", required_argument, NULL, 'r' },
		{ "stage", required_argument, NULL, 's' },  { "tcti", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },         { "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct wish w = { .config = BOOT_CONFIG_PATH, .root = "/" };

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'c': w.config = optarg; break;
		case 'r': w.root = optarg; break;
		case 't': w.tcti = optarg; break;
		case 'j': w.json = true; break;
		case 'h': return verb_help(self);
		case 's':
			w.stage = stage_from_name(optarg);
			if (w.stage != STAGE_UNSET)
				break;
			log_error("--stage: off, measure, fix, audit or enforce");
			return IMAGATE_USAGE;
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	return rehearse(&w);
}

const struct verb verb_check = {
	.name = "check",
	.summary = "rehearse the gate: what would the next boot do?",
	.help = "usage: imagate check [--stage STAGE] [--root DIR] [--config FILE] [--tcti TCTI] [--json]\n"
	        "Goes through the gate's own steps and its own decision, and changes nothing: reads\n"
	        "the configuration, this kernel's facts, asks the TPM for the key (and wipes it), and\n"
	        "looks at the labels of init, its interpreter and libraries.\n"
	        "  --stage STAGE   as if imagate.stage=STAGE and the ima_appraise= that belongs to it\n"
	        "                  were on the kernel command line\n"
	        "  --root DIR      judge the labels below DIR instead of /\n"
	        "Exit status: 0 it would be admitted, 1 it would not, 2 usage, 3 failed.\n",
	.run = run,
};
