/* imagate catalogue: signed lists of which content belongs to which path. */
#include "cli/catalogue.h"

#include "base/ini.h"
#include "base/log.h"
#include "core/advice.h"
#include "core/catalogue.h"
#include "core/text.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG "/etc/imagate/imagate.conf"

int catalogue_said(const struct why *why, int code)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return code;
}

static bool take(char *field, const char *wish)
{
	if (!wish)
		return true;
	return snprintf(field, CONFIG_PATH_LEN, "%s", wish) < CONFIG_PATH_LEN;
}

int catalogue_config(const struct catalogue_wish *w, struct config *ret)
{
	const char *path = w->config ? w->config : CONFIG;
	struct why why = { 0 };

	config_defaults(ret);
	if ((w->config || access(path, F_OK) == 0) && ini_config_load(AT_FDCWD, path, ret, &why) != OUTCOME_OK)
		return catalogue_said(&why, IMAGATE_USAGE);
	if (take(ret->catalogues, w->dir) && take(ret->x509_catalogue, w->x509))
		return IMAGATE_OK;
	log_error("catalogue: a directory's path has at most %d characters", CONFIG_PATH_LEN - 1);
	return IMAGATE_USAGE;
}

static const struct sub {
	const char *name;
	int (*run)(const struct catalogue_wish *w);
	int least, most; /* arguments */
} subs[] = {
	{ "build", catalogue_build, 0, INT_MAX }, { "sign", catalogue_sign, 1, 1 },   { "verify", catalogue_verify, 1, 1 },
	{ "diff", catalogue_diff, 2, 2 },      { "check", catalogue_check, 0, INT_MAX }, { "list", catalogue_list, 0, 0 },
};

static const struct sub *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(subs) / sizeof(subs[0]); i++)
		if (!strcmp(subs[i].name, name))
			return &subs[i];
	return NULL;
}

enum { OPT_ROOT = 256, OPT_NAME, OPT_EPOCH, OPT_KEY, OPT_CERT, OPT_X509, OPT_DIR, OPT_CONFIG, OPT_ALL, OPT_JSON, OPT_THREADS };

static const struct option options[] = {
	{ "root", required_argument, NULL, OPT_ROOT },   { "name", required_argument, NULL, OPT_NAME },
	{ "epoch", required_argument, NULL, OPT_EPOCH }, { "key", required_argument, NULL, OPT_KEY },
	{ "cert", required_argument, NULL, OPT_CERT },   { "x509", required_argument, NULL, OPT_X509 },
	{ "dir", required_argument, NULL, OPT_DIR },     { "config", required_argument, NULL, OPT_CONFIG },
	{ "all", no_argument, NULL, OPT_ALL },           { "json", no_argument, NULL, OPT_JSON },
	{ "output", required_argument, NULL, 'o' },      { "threads", required_argument, NULL, OPT_THREADS },
	{ "help", no_argument, NULL, 'h' },              { 0 },
};

/* False: usage. */
static bool set(struct catalogue_wish *w, int option)
{
	switch (option) {
	case OPT_ROOT: w->root = optarg; return true;
	case OPT_NAME: w->name = optarg; return catalogue_name_ok(optarg, strlen(optarg));
	case OPT_EPOCH: return text_number(optarg, strlen(optarg), CATALOGUE_EPOCH_MAX, &w->epoch) && w->epoch;
	case OPT_KEY: w->key = optarg; return true;
	case OPT_CERT: w->cert = optarg; return true;
	case OPT_X509: w->x509 = optarg; return true;
	case OPT_DIR: w->dir = optarg; return true;
	case OPT_CONFIG: w->config = optarg; return true;
	case OPT_ALL: w->all = true; return true;
	case OPT_JSON: w->json = true; return true;
	case OPT_THREADS: return text_number(optarg, strlen(optarg), 64, &w->threads);
	case 'o': w->output = optarg; return true;
	default: return false;
	}
}

static int run(const struct verb *self, int argc, char **argv)
{
	struct catalogue_wish w = { .verb = self, .root = "/" };
	const struct sub *s;

	for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
		if (c == 'h')
			return verb_help(self);
		if (!set(&w, c)) {
			if (c != '?')
				log_error("catalogue: a bad name (letters, digits, . _ + - ~ :) or number");
			return verb_usage(self);
		}
	}
	s = find(argv[optind]);
	if (!s) {
		log_error("catalogue: build, sign, verify, diff, check or list");
		return verb_usage(self);
	}
	w.args = argv + optind + 1;
	w.count = argc - optind - 1;
	if (w.count > s->most)
		return verb_extra(self, w.args[s->most]);
	if (w.count < s->least) {
		log_error("catalogue %s: of which file%s?", s->name, s->least > 1 ? "s" : "");
		return verb_usage(self);
	}
	return s->run(&w);
}

const struct verb verb_catalogue = {
	.name = "catalogue",
	.summary = "signed lists of which content belongs to which path: build, sign, verify, compare, check",
	.help = "usage: imagate catalogue build [--root DIR] [--name NAME] [--epoch N] [--all] -o FILE [PATH...]\n"
	        "       imagate catalogue sign --key KEY --cert CERTIFICATE FILE\n"
	        "       imagate catalogue verify [--x509 DIR] FILE\n"
	        "       imagate catalogue diff A B           + added, - removed, ~ changed from A to B\n"
	        "       imagate catalogue check [--root DIR] [--all] [PATH...]   files whose content is not proven\n"
	        "       imagate catalogue list               those of the directory: active, superseded, revoked, bad\n"
	        "A catalogue is what sha256sum prints, with a head (name, epoch) in comments, sorted, and FILE.p7s beside\n"
	        "it: 'sha256sum -c FILE' and 'openssl cms -verify -binary -inform DER -content FILE' read them, too.\n"
	        "  --root DIR        build, check: of an image; PATHs are below it. Stays on the file system of each PATH\n"
	        "  --all             every regular file, not only what can be executed, mapped or loaded\n"
	        "  -o FILE           NAME.catalogue, for /etc/imagate/catalogues\n"
	        "  --name NAME       default: that of FILE without .catalogue\n"
	        "  --epoch N         default: one more than FILE has, if it is there under the same name\n"
	        "  --key, --cert     a PEM file; DER or PEM. sign takes a list of what is revoked as well: see imagate(8)\n"
	        "  --dir DIR, --x509 DIR, --config FILE   instead of what [catalogue] in imagate.conf(5) says\n"
	        "  --json, --threads N\n"
	        "Exit status: 0 done; verify: signed; diff: no difference; check: all is proven; list: all are good.\n"
	        "1 verify, diff, check, list: not so. 2 usage or bad input. 3 failed; a file that was there still is.\n",
	.run = run,
};
