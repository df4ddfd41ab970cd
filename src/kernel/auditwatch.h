/* The kernel's audit records about integrity, all of them, and none twice: from the read-log multicast group,
 * which is not rate-limited, and, between two listeners, from the kernel log. Each record has a serial
 * number; a gap is a record that was lost. The gate begins before the policy counts and hands over to the
 * host's 'imagate watch' through a file.
 * Source: include/uapi/linux/audit.h, kernel/audit.c, security/integrity/integrity_audit.c; KERNEL-FACTS 7. */
#ifndef IMAGATE_KERNEL_AUDITWATCH_H
#define IMAGATE_KERNEL_AUDITWATCH_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>
#include <stddef.h>

#define AUDIT_STATE_PATH "/run/imagate/audit" /* "serial=N denials=N lost=N", NUL-free, one line */
#define AUDIT_STATE_MAX 96

struct audit_watch {
	int fd;           /* -1: not listening */
	unsigned denials; /* op=appraise_data, res=0: denied, or would have been */
	unsigned lost;    /* records that are missing between the first and the last */
	unsigned long long last; /* serial of the newest record; 0: none yet */
	char first[200];  /* the first file, for the person who asks */
};
#define AUDIT_WATCH_NONE ((struct audit_watch){ .fd = -1 })

/* Subscribes. What w holds already is kept. */
enum outcome audit_watch_begin(struct audit_watch *w, struct why *why);
/* What the kernel log holds: after audit_watch_begin(), before the first take. A log that was overwritten
 * shows as a gap. */
void audit_watch_log(struct audit_watch *w);
/* Takes what has arrived; never waits. False: nothing changed. */
bool audit_watch_take(struct audit_watch *w);
void audit_watch_end(struct audit_watch *w);

/* One record's text, as both sources have it: "audit(1234.567:89): pid=... op=appraise_data ...".
 * data: it is of type 1800. Counts it if its serial is new. */
void audit_watch_record(struct audit_watch *w, const char *text, bool data);

size_t audit_state_format(const struct audit_watch *w, char ret[static AUDIT_STATE_MAX]);
bool audit_state_parse(const char *text, size_t len, struct audit_watch *ret);

#endif
