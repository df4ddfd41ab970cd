/* /run/imagate/record: what this boot's gate did, for `imagate status` and anybody's grep.
 * Text, one "key=value" a line, first line "imagate-record=1", documented in imagate-gate(8).
 * Values hold no newline. Unknown keys are skipped by readers, so that it can grow.
 *
 *   verdict= cause= stage= appraise= rings= evm=none|hmac|x509|hmac+x509 policy=none|<path>
 *   action=none|rescue|poweroff|fallback floor=<stage> authority=none|permit|recovery-key generation=<n> wrong-keys=<n>
 *   reboots=<n> policy-rules=<n> healed=<n>
 *   module-signatures=enforced|as-booted kernel=<release> secure-boot= lsm= tpm-ms= wait-ms= total-ms= peak-kib=
 *   step.<name>=<outcome>
 *   ms.<name>=<n>
 *   refused=unknown|same|differ changed-pcrs=<hex mask> changed-more=<n>, and for each line changed=<words>: what the TPM
 *   refused the key for
 *   why.<name>=<domain> <code> <operation> | <subject> | <detail>
 */
#ifndef IMAGATE_CORE_RECORD_H
#define IMAGATE_CORE_RECORD_H

#include "core/decide.h"
#include "core/refused.h"
#include "core/why.h"

#define RECORD_MAX 16384
#define RECORD_PATH "/run/imagate/record"

struct record {
	struct decision decision;
	struct evidence evidence;
	struct why why[STEP_COUNT];
	struct refused refused;
	char policy[CONFIG_PATH_LEN]; /* "" = none in force */
	unsigned policy_rules;
	bool evm_hmac, evm_x509, module_signatures;
	uint64_t generation;                /* of the seal, after this boot; 0: no key from the TPM */
	bool signed_pcrs;                   /* the seal opened since these PCR values are signed, not since it was sealed to them */
	bool suspended;                     /* the seal opened without PCRs, and is not bound to this boot: the next one needs that again */
	bool foreseen;                      /* the slot that opened was approved for this boot by the one before */
	bool renew;                         /* the seal is to be bound to another key or epoch of signatures, once this boot is blessed */
	unsigned healed;                    /* files that got their label back from a catalogue */
	unsigned wrong_keys;                /* recovery keys typed in vain */
	unsigned ima_certs, evm_certs;
	unsigned tpm_ms, wait_ms, total_ms; /* wall time: in TPM commands, waiting for the real root,
	                                       * from start to conclude */
	unsigned peak_kib;                  /* largest resident size, VmHWM of proc(5) */
	unsigned step_ms[STEP_COUNT];       /* waiting included */
};

/* Returns the length, 0 if it does not fit. */
size_t record_format(const struct record *r, char *ret, size_t size);
/* operation of the whys is cut to a constant "" on parse; the words go to detail. False if
 * the first line is not a record's, or a line has no '='. */
bool record_parse(const char *text, size_t len, struct record *ret);

#endif
