#include "cli/policy.h"

#include "base/file.h"
#include "base/log.h"
#include "core/policy.h"
#include "kernel/language.h"

#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int policy_file_read(const struct policy_wish *w, struct policy_file *ret, lint_emit_fn emit, void *arg)
{
	int r = file_read(AT_FDCWD, w->file, POLICY_FILE_MAX, &ret->text, &ret->len);

	if (r < 0) {
		log_error("%s: %s", w->file, strerror(-r));
		return IMAGATE_USAGE;
	}
	policy_lint(ret->text, ret->len, &w->about, &ret->lint, emit, arg);
	return ret->lint.found[LINT_ERROR] ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
}

/* -- lint ---------------------------------------------------------------------------- */

struct sink {
	const char *file;
	struct json_object *list; /* NULL: text */
};

static void print_finding(const struct lint_finding *f, const char *file)
{
	if (f->line)
		(void)printf("%s:%u:%u: ", file, f->line, f->column);
	else
		(void)printf("%s: ", file);
	(void)printf("%s: %s [%s]\n    %s\n", lint_severity_name(f->severity), f->what, f->id, f->remedy);
}

static void add_finding(const struct lint_finding *f, struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "severity", json_object_new_string(lint_severity_name(f->severity)));
	json_object_object_add(o, "id", json_object_new_string(f->id));
	json_object_object_add(o, "line", json_object_new_int((int)f->line));
	json_object_object_add(o, "column", json_object_new_int((int)f->column));
	json_object_object_add(o, "what", json_object_new_string(f->what));
	json_object_object_add(o, "remedy", json_object_new_string(f->remedy));
	json_object_array_add(list, o);
}

static void found(const struct lint_finding *f, void *arg)
{
	struct sink *s = arg;

	if (s->list)
		add_finding(f, s->list);
	else
		print_finding(f, s->file);
}

static void lint_summary(const struct policy_wish *w, const struct lint *l)
{
	unsigned release = w->about.kernel.release;

	(void)printf("%s: %zu rules; kernel %u.%u %s; %u errors, %u warnings, %u notes\n", w->file, l->count, release >> 8,
	             release & 0xff, l->found[LINT_ERROR] ? "would refuse all of them" : "takes them", l->found[LINT_ERROR],
	             l->found[LINT_WARNING], l->found[LINT_NOTE]);
}

static void lint_json(const struct policy_wish *w, const struct lint *l, struct json_object *list)
{
	struct json_object *o = json_object_new_object();
	unsigned release = w->about.kernel.release;
	char version[16];

	(void)snprintf(version, sizeof(version), "%u.%u", release >> 8, release & 0xff); /* two bytes */
	json_object_object_add(o, "file", json_object_new_string(w->file));
	json_object_object_add(o, "kernel", json_object_new_string(version));
	json_object_object_add(o, "rules", json_object_new_int64((int64_t)l->count));
	json_object_object_add(o, "accepted", json_object_new_boolean(!l->found[LINT_ERROR]));
	json_object_object_add(o, "findings", list);
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int policy_do_lint(const struct policy_wish *w)
{
	static struct policy_file p;
	struct sink s = { w->file, w->json ? json_object_new_array() : NULL };
	int r = policy_file_read(w, &p, found, &s);

	if (r == IMAGATE_USAGE) {
		json_object_put(s.list);
		return r;
	}
	if (w->json)
		lint_json(w, &p.lint, s.list);
	else
		lint_summary(w, &p.lint);
	free(p.text);
	return r == IMAGATE_OK && w->strict && p.lint.found[LINT_WARNING] ? IMAGATE_NOT_ADMITTED : r;
}

/* -- the command line ------------------------------------------------------------------ */

static bool running_kernel(struct policy_wish *w)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	w->about.ima_key = kernel_ima_keys(root);
	if (kernel_language(root, &w->about.kernel))
		return true;
	log_error("this kernel's version is not to be found; give it: --kernel 6.12");
	return false;
}

static bool wished_kernel(struct policy_wish *w, const char *version)
{
	unsigned release;

	if (!strcmp(version, "running"))
		return running_kernel(w);
	release = kernel_release_parse(version);
	if (release < KERNEL_OLDEST) {
		log_error("--kernel: 'running' or a version from 5.10 on, like 6.12");
		return false;
	}
	if (release > KERNEL_NEWEST)
		log_warning("imagate knows the policy language up to kernel 7.2: judged as that");
	rule_kernel_debian(release, &w->about.kernel);
	return true;
}

static const struct sub {
	const char *name;
	int (*run)(const struct policy_wish *w);
	bool needs_path;
} subs[] = {
	{ "lint", policy_do_lint, false },
	{ "show", policy_show, false },
	{ "explain", policy_explain, true },
	{ "sign", policy_sign, false },
	{ "verify", policy_verify, false },
};

static const struct sub *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(subs) / sizeof(subs[0]); i++)
		if (!strcmp(subs[i].name, name))
			return &subs[i];
	return NULL;
}

static int arguments(struct policy_wish *w, const struct sub *s, int count, char **args)
{
	if (s->needs_path) {
		if (!count) {
			log_error("policy %s: of which file?", s->name);
			return IMAGATE_USAGE;
		}
		w->path = *args++;
		count--;
	}
	if (count) {
		w->file = *args;
		w->file_given = true;
	}
	return count > 1 ? verb_extra(w->verb, args[1]) : IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "kernel", required_argument, NULL, 'k' }, { "json", no_argument, NULL, 'j' },
		{ "strict", no_argument, NULL, 's' },       { "signed", no_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'K' },    { "cert", required_argument, NULL, 'c' },
		{ "ima", no_argument, NULL, 'i' },          { "x509", required_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	struct policy_wish w = { .verb = self, .file = POLICY_DEFAULT };
	const struct sub *s;
	const char *kernel = "running";
	int r;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'k': kernel = optarg; break;
		case 'j': w.json = true; break;
		case 's': w.strict = true; break;
		case 'p': w.about.by_path = true; break;
		case 'K': w.key = optarg; break;
		case 'c': w.cert = optarg; break;
		case 'i': w.ima = true; break;
		case 'x': w.x509 = optarg; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	s = find(argv[optind]);
	if (!s) {
		log_error("policy: lint, show, explain, sign or verify");
		return verb_usage(self);
	}
	r = arguments(&w, s, argc - optind - 1, argv + optind + 1);
	if (r != IMAGATE_OK)
		return r;
	return wished_kernel(&w, kernel) ? s->run(&w) : IMAGATE_USAGE;
}

const struct verb verb_policy = {
	.name = "policy",
	.summary = "what an IMA policy says, and what the kernel will make of it",
	.help = "usage: imagate policy lint [FILE]        errors, warnings and notes, with remedies\n"
	        "       imagate policy show [FILE]        the rules in words, and who decides what\n"
	        "       imagate policy explain PATH [FILE]  for a file: each hook, the rule that decides, what the\n"
	        "                                         kernel will do\n"
	        "       imagate policy sign --key KEY --cert CERTIFICATE [--ima] [FILE]   FILE.p7s: a detached CMS\n"
	        "                                         signature (openssl cms -verify -binary -content FILE reads it);\n"
	        "                                         --ima: FILE.ima, too, for kernels that take only signed files\n"
	        "       imagate policy verify [--x509 DIRECTORY] [FILE]   as the gate does\n"
	        "FILE is " POLICY_DEFAULT " if it is not given.\n"
	        "  --kernel VERSION  as kernel VERSION reads it (5.10 to 7.2, configured like Debian's), or 'running',\n"
	        "                    the default\n"
	        "  --signed          it will be loaded as a signed file by its path\n"
	        "  --strict          lint: warnings, too, make exit status 1\n"
	        "  --json            lint, show, explain: for programs\n"
	        "Exit status: 0 the kernel takes it, 1 it refuses it (explain: it would deny the file; verify: not\n"
	        "signed), 2 usage or bad\n"
	        "input, 3 failed.\n",
	.run = run,
};
