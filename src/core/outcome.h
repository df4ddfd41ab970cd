/* What a step of the gate can end in, and which steps there are.
 *
 * Zero is PENDING: a step nobody carried out denies, it never admits. */
#ifndef IMAGATE_CORE_OUTCOME_H
#define IMAGATE_CORE_OUTCOME_H

enum outcome {
	OUTCOME_PENDING = 0, /* not done */
	OUTCOME_OK,
	OUTCOME_ABSENT,  /* the facility is not there */
	OUTCOME_REFUSED, /* it is there and said no */
	OUTCOME_BROKEN,  /* it is there and we cannot tell */
	OUTCOME_BLOCKED, /* an earlier step left nothing to do */
	OUTCOME_COUNT
};

/* In the order in which the gate takes them. STEP_STAGING hands the policy to the
 * kernel rule by rule without closing the file, so that the kernel's own verdict is
 * known before the key is used; STEP_POLICY closes it, which makes it count.
 * STEP_DOOR makes the key unreachable until the next reset of the TPM; STEP_AUTHORITY asks a person for
 * the recovery key where nothing else helps; STEP_RATCHET counts up; STEP_PROOF has the kernel appraise what
 * init needs. */
enum step {
	STEP_CONFIG = 0,
	STEP_FACTS,
	STEP_UNSEAL,
	STEP_DOOR,
	STEP_STAGING,
	STEP_PREFLIGHT,
	STEP_AUTHORITY,
	STEP_DECIDE,
	STEP_RATCHET,
	STEP_KEYRINGS,
	STEP_EVM,
	STEP_POLICY,
	STEP_PROOF,
	STEP_CONCLUDE,
	STEP_COUNT
};

/* Lower-case words, stable: they are the record's format. "?" for a value out of range. */
const char *outcome_name(enum outcome o);
const char *step_name(enum step s);

#endif
