/* 'imagate reseal': what its ways share. */
#ifndef IMAGATE_CLI_RESEAL_H
#define IMAGATE_CLI_RESEAL_H

#include "cli/approving.h"
#include "cli/foresee.h"
#include "cli/pcr.h"
#include "cli/verb.h"

struct config;
struct tpm;
struct resealing {
	const struct verb *verb;
	const char *tcti, *words;
	const struct config *config;
	bool next, suspend, show, dry_run;
	struct approving a;
	struct pcr_selection pcrs;            /* of the slot that was used */
	uint8_t now[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	size_t now_len;
	uint8_t now_digest[32];               /* of these */
	struct foresight f;
	struct pcr_log log;
	struct json_object *json, *said;      /* NULL: in words */
};

/* base: the slot that is like the new one. Exit codes. */
int reseal_next(struct resealing *r, struct tpm *t, const struct seal_slot *base, int root);
/* The slots that there are; t NULL: whether they fit is not known. */
void reseal_show(const struct resealing *r, struct tpm *t);

/* How it ended: a stable word for programs, a sentence for people. */
__attribute__((format(printf, 3, 4))) void reseal_result(struct resealing *r, const char *word, const char *fmt, ...);
void reseal_say(const struct resealing *r, const char *words);
enum outcome reseal_digest(const uint8_t *values, size_t len, uint8_t ret[static 32], struct why *why);

#endif
