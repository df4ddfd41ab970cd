/* The PCRs of the next boot, as this machine's files and variables are now: which records of this boot's log change, and
 * into what; core/predict.h does the rest. */
#ifndef IMAGATE_CLI_FORESEE_H
#define IMAGATE_CLI_FORESEE_H

#include "core/predict.h"

#define FORESEE_CHANGES 512
#define FORESEE_SAID 64
#define FORESEE_WORDS 320
#define FORESEE_CMDLINE 32 /* no PCR: the kernel command line */

struct grub_trace;
struct foresight {
	int root;             /* "/": tests pass a fixture tree */
	const struct eventlog *log;
	uint16_t alg;
	uint32_t mask;        /* the PCRs that are asked for */
	const char *grubenv;  /* GRUB's environment block as it will be; NULL: as it is */

	/* filled */
	struct change change[FORESEE_CHANGES];
	void *bytes[FORESEE_CHANGES]; /* of the changes; malloc'ed */
	size_t count;
	struct said {
		uint32_t pcr;
		bool blocks;  /* this PCR cannot be predicted */
		bool doubt;   /* neither blocks nor changes: good to know */
		char words[FORESEE_WORDS];
	} said[FORESEE_SAID];
	size_t said_count;
	uint32_t blocked;     /* bit n: PCR n */
	char *next_cmdline;   /* of the kernel, where what starts it says so; malloc'ed; NULL: as now */
	struct grub_trace *grub; /* NULL: there is no GRUB in the log */
	struct prediction prediction;
};

/* False: the log does not do, and error says why. What cannot be predicted is no failure: blocked. */
bool foresee(struct foresight *f, struct eventlog_error *error);
void foresee_end(struct foresight *f); /* frees */

/* For the parts of it. */
bool foresee_change(struct foresight *f, enum change_kind kind, const struct event *e, const void *bytes, size_t len);
__attribute__((format(printf, 4, 5))) void foresee_say(struct foresight *f, const struct event *e, int how, const char *fmt, ...);
enum { FORESEE_CHANGED = 0, FORESEE_DOUBT, FORESEE_BLOCKED };
/* A file by its path on the ESP or another file system that boot loaders read; -ENOENT: nowhere. */
int foresee_read(const struct foresight *f, const char *path, char **ret, size_t *ret_len);
/* Its plain digest, or its Authenticode digest; false: it is none. */
bool foresee_digest(const struct foresight *f, const char *bytes, size_t len, bool image, uint8_t ret[static BANK_DIGEST_MAX]);

#endif
