/* imagate prewarm: what the boot is about to start is appraised ahead of it. */
#include "base/clean.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/text.h"
#include "label/prewarm.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 10
#define MIB 256

static double since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock cannot fail */
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int prewarm(struct prewarm *p)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct timespec start;
	struct why why = { 0 };
	char text[512];
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	p->threads = n > 0 ? (unsigned)n : 1;
	if (root < 0) {
		log_error("/: %s", strerror(errno));
		return IMAGATE_FAILED;
	}
	if (prewarm_run(root, p, &why) != OUTCOME_OK) {
		why_format(&why, text, sizeof(text));
		log_error("%s", text);
		return IMAGATE_FAILED;
	}
	(void)printf("%zu files, %.1f MiB in %.2f s, %zu failed%s%s\n", p->files, (double)p->bytes / 1048576, since(&start), p->failed,
	             p->late ? "; ended by --seconds" : "", p->full ? "; ended by --mib" : "");
	return IMAGATE_OK;
}

/* What the gate had the kernel appraise before it let the boot go on is in its cache, and in memory. */
static bool proven_by_gate(void)
{
	static struct record r;

	return evidence_record(&r) && r.evidence.outcome[STEP_PROOF] == OUTCOME_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' }, { "mib", required_argument, NULL, 'm' }, { "if-unproven", no_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	bool if_unproven = false;
	struct prewarm p = { .seconds = SECONDS };
	unsigned mib = MIB;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h')
			return verb_help(self);
		if (c == 'u') {
			if_unproven = true;
			continue;
		}
		if (c == '?' || !text_number(optarg, strlen(optarg), 1u << 20, c == 's' ? &p.seconds : &mib))
			return verb_usage(self);
	}
	p.most = (uint64_t)mib << 20;
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (if_unproven && proven_by_gate()) {
		(void)puts("nothing to do: the gate has had them appraised in this boot");
		return IMAGATE_OK;
	}
	return prewarm(&p);
}

const struct verb verb_prewarm = {
	.name = "prewarm",
	.summary = "have the kernel appraise what the boot is about to start",
	.help = "usage: imagate prewarm [--seconds N] [--mib N] [--if-unproven]\n"
	        "Reads the boot-critical programs (see 'imagate critical') and their libraries and maps them for execution,\n"
	        "on all processors, so that the kernel has appraised them by the time they are started. Runs nothing and\n"
	        "changes nothing. imagate-prewarm.service does it early in each boot, where it is enabled.\n"
	        "  --seconds N     no file is begun after N seconds (10)\n"
	        "  --mib N         at most N MiB (256)\n"
	        "  --if-unproven   only where the gate has not done it already: with [gate] preflight = off, with\n"
	        "                  catalogues to heal from, or a policy that does not appraise MMAP_CHECK\n"
	        "Exit status: 0 done, or ended by a bound, 2 usage, 3 failed.\n",
	.run = run,
};
