/* The one struct of a boot, and the line of steps over it. */
#ifndef IMAGATE_GATE_BOOT_H
#define IMAGATE_GATE_BOOT_H

#include "base/secret.h"
#include "core/cmdline.h"
#include "core/config.h"
#include "core/decide.h"
#include "core/lint.h"
#include "core/record.h"
#include "core/seal.h"
#include "core/why.h"
#include "crypto/keyset.h"
#include "gate/fleet.h"
#include "kernel/auditwatch.h"
#include "kernel/ima.h"
#include "kernel/keyring.h"
#include "label/preflight.h"

#include <stdbool.h>
#include <time.h>

#define BOOT_CONFIG_PATH "/etc/imagate/imagate.conf"
#define BOOT_REQUEST_PATH "/etc/imagate/request" /* below the real root */
#define BOOT_RUN_DIR "/run/imagate"
#define BOOT_SYSROOT "/sysroot"
#define BOOT_SYSROOT_READY "sysroot-ready" /* in BOOT_RUN_DIR, made by imagate-sysroot.service */

struct tpm;

struct boot {
	/* how it was started */
	bool rehearse;           /* judge only: nothing of the kernel is changed */
	int warm_up;             /* the child that makes the kernel load its crypto; -1 */
	bool wait_sysroot;       /* sysroot is still being mounted: wait for the event */
	enum stage wish_stage;   /* rehearsed only: as if the command line asked for it */
	const char *config_path;
	const char *sysroot_path;
	const char *tcti;        /* NULL: /dev/tpmrm0 */
	int root;                /* "/" */
	int run_dir;             /* BOOT_RUN_DIR, a tmpfs; -1 when rehearsed */

	/* what was found */
	struct config config;
	bool has_config;
	struct cmdline cmdline;
	bool has_cmdline;
	struct seal seal;        /* the initramfs's, or the root's newer one */
	bool has_seal;
	uint8_t key_id[KEY_ID_LEN]; /* the initramfs's: what is unsealed must match it */
	enum stage own_floor;    /* what the initramfs's says of itself */
	bool asked_root, asked_signatures; /* the root's seal, its signed PCR values: have been looked at */
	bool no_tpm;             /* waited for once, in vain */
	struct fleet fleet;      /* who may sign PCR values, and what is signed; keys 0: nobody */
	struct tpm *tpm;         /* kept for door and ratchet */
	struct secret master;    /* wiped as soon as the kernel has the EVM key */
	struct secret request_key; /* generation and key, for the verified system */
	uint64_t generation;     /* of the slot that was used */
	struct seal_slot used;   /* the slot that was unsealed; proven by that */
	bool used_permit_slot;   /* dies with this boot: a permit, or for one boot without PCRs */
	struct request request;  /* verified, of this generation; both stages unset: none */
	uint8_t cmdline_digest[CMDLINE_DIGEST_LEN];
	uint8_t sealed_root[ROOT_ID_LEN], sealed_cmdline[CMDLINE_DIGEST_LEN]; /* zero: not bound */
	char *policy_text;
	size_t policy_len;
	const char *policy_path; /* which of the two */
	unsigned policy_epoch, sealed_epoch;
	char *policy_ima;        /* security.ima of the policy file, for kernels that take only a signed one; malloc'ed */
	size_t policy_ima_len;
	struct ima_staged staged;
	struct integrity_rings rings;
	struct lint *lint;       /* the policy, parsed; malloc'ed */
	struct examine_about examine; /* how files are judged under it */
	struct keyset *keys;     /* that labels are proven with before the kernel can */
	struct prover prover;    /* state NULL: labels are looked at only */
	struct preflight preflight;
	struct audit_watch audit; /* from before the policy counts; the host goes on where this ends */
	bool prove;              /* the kernel judges the content of what init needs */
	bool module_signatures;  /* must be enforced with this policy */

	/* what is kept for the record */
	struct record record;
	struct timespec started;
};

/* evidence and whys live in the record: one place */
#define BOOT_EVIDENCE(b) (&(b)->record.evidence)
#define BOOT_WHY(b, step) (&(b)->record.why[step])

void boot_init(struct boot *b);
void boot_end(struct boot *b); /* wipes, closes, frees */
unsigned boot_elapsed_ms(const struct boot *b);

struct stance boot_stance(const struct boot *b);

/* Every step in order; ends with b->record complete. Live, it commits. */
void line_run(struct boot *b);

/* Steps, one function each: what they return becomes evidence. Live and rehearsed alike,
 * unless the table in line.c says otherwise. */
enum outcome step_config(struct boot *b);
enum outcome step_facts(struct boot *b);
enum outcome step_unseal(struct boot *b);
enum outcome step_door(struct boot *b);
enum outcome step_door_rehearsed(struct boot *b);
enum outcome step_authority(struct boot *b);
enum outcome step_ratchet(struct boot *b);
enum outcome step_staging(struct boot *b);
enum outcome step_staging_rehearsed(struct boot *b);
enum outcome step_preflight(struct boot *b);
enum outcome step_decide(struct boot *b);
enum outcome step_keyrings(struct boot *b);
enum outcome step_evm(struct boot *b);
enum outcome step_policy(struct boot *b);
enum outcome step_proof(struct boot *b);
enum outcome step_conclude(struct boot *b);

/* The seal on the root, of the same key; false: there is none that can be read. */
bool root_seal(const struct boot *b, struct seal *ret);

/* The request on the root, if it is verified; b->request. */
void request_take(struct boot *b, struct why *why);

/* Where the TPM refused: b->record.refused. */
void refusal_find(struct boot *b);

/* How files of the real root are judged: fills b->examine and *ret, which points into b. */
void judging_about(struct boot *b, struct preflight_about *ret);

/* Opens the TPM where *t is not open yet, and locks every counter of ours. */
enum outcome door_close(const char *tcti, unsigned wait, struct tpm **t, struct why *why);

/* The words: console lines, journal entry, status, record file. */
void tell_before_asking(const struct boot *b, const struct decision *d);
void tell_console(const struct boot *b);
void tell_journal(const struct boot *b);
void tell_undecided(void); /* for a boot without a record */
enum outcome tell_record(const struct boot *b, struct why *why);

#endif
