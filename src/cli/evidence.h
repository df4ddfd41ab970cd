/* What this and earlier boots have shown: /run/imagate/denials of this boot, kept by 'imagate watch', and
 * /var/lib/imagate/evidence of all. */
#ifndef IMAGATE_CLI_EVIDENCE_H
#define IMAGATE_CLI_EVIDENCE_H

#include "core/record.h"
#include "core/rollout.h"

#define EVIDENCE_DIR "/var/lib/imagate"
#define EVIDENCE_PATH EVIDENCE_DIR "/evidence"
#define DENIALS_PATH "/run/imagate/denials"

/* This boot's record; false: there is none, and it was said. */
bool evidence_record(struct record *ret);
/* This boot, from the record and what watch has counted; without watch, lost is 1. */
void evidence_now(const struct record *r, struct boot_evidence *ret);
/* This boot's line, replacing an older one of the same boot; the last 64 are kept. 0 or -errno. */
int evidence_keep(const struct boot_evidence *e);
/* The clean boots in a row that are over; 0 where the one that runs, now, is known not to be clean. */
unsigned evidence_count(const struct boot_evidence *now);
/* The last boots in audit that were kept, oldest first; at most max. */
size_t evidence_last(struct boot_evidence *ret, size_t max);

#endif
