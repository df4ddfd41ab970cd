/* What seal and recover share: one slot for the TPM as it is now, stored only when it has proven itself. */
#ifndef IMAGATE_CLI_SEALING_H
#define IMAGATE_CLI_SEALING_H

#include "base/secret.h"
#include "core/config.h"
#include "core/seal.h"
#include "core/why.h"
#include "core/outcome.h"
#include "gate/fleet.h"

/* [tpm] pcr-public-key: whose signatures open the seal for other PCR values. */
struct sealing_fleet {
	bool named;
	struct seal_signer signer;
	char fingerprint[2 * PCRSIG_DIGEST_LEN + 1];
	bool has_signed;           /* the values of now */
	struct pcr_selection pcrs; /* which of them */
	struct why unsigned_why;
	bool cmdline_covered;      /* by what is signed, and by what is sealed to: it is not bound */
};

struct sealing {
	const struct config *config;
	const char *tcti;   /* NULL: /dev/tpmrm0 */
	const char *root;   /* whose root it is: "/" or "/sysroot" */
	const char *path;   /* of the seal */
	enum stage floor;
	enum stage stage;   /* of this boot: strict slots are for one stage */
	struct sealing_fleet fleet; /* filled */
	bool root_bound;    /* filled: the root has an identity, and the seal is bound to it */
};
/* The stage of this boot: the command line's, else the configuration's. */
enum stage sealing_stage(const struct config *c);

/* One line: "doing: what". Returns IMAGATE_FAILED. */
int sealing_failed(const char *doing, const struct why *why);

/* s: key_id, evm_blob and recovery are there. A new counter, one slot for any stage from floor up, bound
 * to the PCRs, command line and root of now. ret_payload is what was sealed, to compare with. */
enum outcome sealing_slot(struct sealing *g, struct seal *s, const struct secret *master,
                          struct secret *ret_payload, struct why *why);

/* One more slot, for the PCRs of now, of the generation that is there. */
enum outcome sealing_add(struct sealing *g, struct seal *s, const struct secret *master, struct secret *ret_payload,
                         struct why *why);

/* Under a name of its own, and proven from there. It does not count yet. Returns an exit code, and has said what is
 * wrong; then nothing is left of it. */
int sealing_store(const struct sealing *g, const struct seal *s, const struct secret *payload);
/* Instead of sealing_count(): nothing is left of it. */
void sealing_undo(const struct sealing *g, const struct seal *s);
/* What sealing_store() left takes its place by one rename(); the old file is kept as PATH.old. Then the counters of
 * what was sealed before go, and the door is closed. Returns an exit code, and has said what is wrong. */
int sealing_count(const struct sealing *g, const struct secret *master);

/* The event log of this boot beside the seal, if there is one: whoever seals for this boot does that. */
void sealing_keep_log(const struct sealing *g);

/* This system's seal: has each stage a slot of its own? Then there are no permits (no slot for a stage below the floor)
 * and no trials (whose command line, with the tries in it, no slot is for). */
bool sealing_is_strict(void);
/* Each stage has one, and this stage, which uses the key, has none. */
bool sealing_lacks(enum stage stage);

/* Fills g->fleet. Without such a key OK, and nothing. */
enum outcome sealing_fleet(struct sealing *g, struct tpm *t, struct why *why);
void sealing_fleet_say(const struct sealing *g);

/* Which PCRs, and what that leaves open. */
void sealing_say(const struct sealing *g, const struct seal *s);

#endif
