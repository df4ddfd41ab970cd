/* More slots for the sealed object that is there, by a signature of the running, verified system; and fewer. Everything is
 * done to one struct seal; storing it replaces the file by one rename(), so that a power cut leaves the old one or the new
 * one, and each of them works. */
#ifndef IMAGATE_CLI_APPROVING_H
#define IMAGATE_CLI_APPROVING_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

struct tpm;
struct approving {
	const char *path;
	struct seal seal;
	uint64_t generation;   /* what the key is for */
	enum stage stage;      /* of this boot, and its command line's digest */
	uint8_t cmdline[CMDLINE_DIGEST_LEN];
	struct secret request; /* the request key */
};

/* Reads the seal. BROKEN: it cannot be read. */
enum outcome approving_read(struct approving *a, struct why *why);

/* The newest slot of the generation for this boot's stage and, where there is one, command line, whose object was sealed for approvals by this key; NULL: none, and why says what to do. */
const struct seal_slot *approving_base(struct approving *a, struct tpm *t, struct why *why);

/* base once more, for the PCRs or resets, stage, command line of like, whose object need not be one. OK: it was added, and the oldest
 * approved one went where there was no room (but no other stage's newest), or it was there and is the newest now; BLOCKED: it was
 * that already. now: the PCR digest of this boot, which stays. */
enum outcome approving_add(struct approving *a, struct tpm *t, const struct seal_slot *base, const struct seal_slot *like,
                           const uint8_t now[static 32], struct why *why);

/* Of the approved slots for a stage that is not this boot's, all but the newest go: there will be one more. */
void approving_thin(struct approving *a, enum stage stage);

/* What a good boot in the slots with this PCR digest makes superfluous: older ones of its stage, and of another for which one was
 * foreseen since, and slots for one boot; with them go other generations. foreseen: it was started from an approved slot, which by
 * now may be sealed. Returns how many of this generation went. */
size_t approving_superseded(struct seal *s, uint64_t generation, enum stage stage, bool foreseen, const uint8_t now[static 32]);

/* Firmware resets by itself while it updates itself. It is one boot all the same: whoever uses the slot counts up. */
#define APPROVING_RESETS 3
/* A good boot without it: the slots for one boot without PCRs go, of which copies may be kept. Were there any? Those that were asked
 * for in this boot, by the TPM's number of resets, are for the next, and stay. */
bool approving_end_suspension(struct approving *a, uint32_t resets);

enum outcome approving_store(const struct approving *a, struct why *why);

/* One at a time, whoever changes the seal at path: hooks may run at once, and a person may seal anew. -1: cannot. Closing it ends it. */
int approving_lock(const char *path);

#endif
