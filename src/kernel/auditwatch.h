/* The kernel's audit records about integrity, all of them: from the read-log multicast group, which is
 * not rate-limited, and from the kernel log for what was before. Source: include/uapi/linux/audit.h,
 * security/integrity/integrity_audit.c; KERNEL-FACTS 7. */
#ifndef IMAGATE_KERNEL_AUDITWATCH_H
#define IMAGATE_KERNEL_AUDITWATCH_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>

struct audit_watch {
	int fd;
	unsigned denials; /* op=appraise_data, res=0: denied, or would have been */
	unsigned lost;    /* records that were, or may have been, lost */
	unsigned long long last; /* serial of the newest record counted */
	char first[200];  /* the first file, for the person who asks */
};

/* Subscribes, then counts what the kernel log already holds. */
enum outcome audit_watch_begin(struct audit_watch *w, struct why *why);
/* Takes what has arrived; never waits. False: nothing changed. */
bool audit_watch_take(struct audit_watch *w);

/* One record's text, as both sources have it: "audit(1234.567:89): pid=... op=appraise_data ...".
 * Counts it if its serial is new. For tests, too. */
void audit_watch_record(struct audit_watch *w, const char *text);

#endif
