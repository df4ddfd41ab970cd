/* A verb describes itself: its name, one line, its help, what it does. */
#ifndef IMAGATE_CLI_VERB_H
#define IMAGATE_CLI_VERB_H

/* Exit codes of imagate(8). */
enum {
	IMAGATE_OK = 0,
	IMAGATE_NOT_ADMITTED = 1, /* asked and answered: the boot is, or would be, less than admitted */
	IMAGATE_USAGE = 2,        /* usage or bad input; nothing was done */
	IMAGATE_FAILED = 3        /* the operation failed; what was there before is still there */
};

struct verb {
	const char *name;
	const char *summary;
	const char *help; /* whole text of --help, usage line first */
	int (*run)(const struct verb *self, int argc, char **argv);
};

extern const struct verb verb_seal, verb_status, verb_check, verb_label, verb_explain, verb_recover, verb_stage,
	verb_permit, verb_bless, verb_watch, verb_policy, verb_critical, verb_catalogue, verb_pcr,
	verb_pcr_policy, verb_reseal, verb_prewarm, verb_upgraded;

/* getopt_long's '?' and -h, one way for all: prints, returns the exit code. */
int verb_usage(const struct verb *v);
int verb_help(const struct verb *v);
/* "imagate status: unexpected argument ..." */
int verb_extra(const struct verb *v, const char *arg);

#endif
