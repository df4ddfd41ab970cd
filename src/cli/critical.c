/* imagate critical: the list of boot-critical programs, for the initramfs. */
#include "base/clean.h"
#include "base/log.h"
#include "cli/verb.h"
#include "label/critical.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print(const char *path, void *arg)
{
	(void)arg;
	(void)puts(path);
}

static int critical(const char *path)
{
	CLEAN_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char head[128];

	if (root < 0) {
		log_error("%s: %s", path, strerror(errno));
		return IMAGATE_USAGE;
	}
	if (!critical_format(critical_stamp(root), head, sizeof(head)))
		return IMAGATE_FAILED;
	(void)fputs(head, stdout);
	if (critical_make(root, print, NULL) && fflush(stdout) == 0)
		return IMAGATE_OK;
	log_error("%s: no systemd units were found there, or they could not be read", path);
	return IMAGATE_FAILED;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *root = "/";

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'r': root = optarg; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	return optind < argc ? verb_extra(self, argv[optind]) : critical(root);
}

const struct verb verb_critical = {
	.name = "critical",
	.summary = "the programs that a boot needs until it is blessed (dracut asks)",
	.help = "usage: imagate critical [--root DIR]\n"
	        "Prints the list that the gate's preflight looks at besides init: the programs of all systemd units\n"
	        "between init and boot-complete.target, what systemd starts without units, and what has run in boots\n"
	        "that were blessed (" CRITICAL_SEEN_PATH "). The dracut module puts it into the\n"
	        "initramfs; interpreters and libraries are found anew at each boot.\n"
	        "Exit status: 0 done, 2 usage, 3 failed.\n",
	.run = run,
};
