/* What this boot's log shows of GRUB, from its grub.cfg on. */
#ifndef IMAGATE_CLI_GRUBTRACE_H
#define IMAGATE_CLI_GRUBTRACE_H

#include "cli/foresee.h"
#include "core/grubscript.h"

#define GRUB_RECORDS 1024

struct grub_trace {
	struct grub_memory memory;
	struct event cfg;                /* the record of the last grub.cfg that GRUB read */
	char path[512], prefix[512];     /* as GRUB names it, and the directory it is in */
	struct grub_commands ran;
	unsigned records;                /* GRUB's, in their order */
	struct grub_record {
		struct event e;
		size_t command;              /* of ran: that it belongs to */
		enum { GRUB_COMMAND, GRUB_CMDLINE, GRUB_FILE, GRUB_KERNEL } kind;
	} record[GRUB_RECORDS];
	bool kernels;                    /* shim measures them into PCR 4 */
	const char *why;                 /* it is not understood */
};
struct grub_trace *grub_trace_new(void); /* empty */
/* False: GRUB read no grub.cfg, or there is no memory. Free with grub_trace_free(). */
bool grub_trace(const struct eventlog *log, uint16_t alg, struct grub_trace **ret);
void grub_trace_free(struct grub_trace **t);
/* The name of a file that GRUB read, as it is in the record. */
void grub_trace_file(const struct event *e, char *ret, size_t size);

bool grub_is_env(const char *path);

/* grubnext.c: the commands that GRUB will run; ran, where nothing has changed that steers it. NULL: blocked, which is said. */
const struct grub_commands *grub_next(struct foresight *f, struct grub_trace *t, struct grub_commands *space);
/* Of all that GRUB steers nothing can be foreseen. */
__attribute__((format(printf, 3, 4))) void grub_block(struct foresight *f, const struct grub_trace *t, const char *fmt, ...);

/* Without a log: what the default entry's kernel line is by grub.cfg, as far as it can be told. malloc'ed; NULL: not known. */
char *grub_guess_cmdline(int root);

#endif
