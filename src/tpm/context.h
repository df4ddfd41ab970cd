/* Inside the tpm room: one connection, and how long it waited. */
#ifndef IMAGATE_TPM_CONTEXT_H
#define IMAGATE_TPM_CONTEXT_H

#include "tpm/tpm.h"

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_esys.h>

struct tpm {
	ESYS_CONTEXT *esys;
	TSS2_TCTI_CONTEXT *tcti;
	bool tcti_loaded;   /* by tctildr: it frees it */
	ESYS_TR srk;        /* ESYS_TR_NONE: not looked for yet */
	bool srk_transient; /* ours: to be flushed */
	uint64_t busy_us, since_us;
};

/* Wraps a call that waits for the TPM: TPM_CALL(t, Esys_...()). */
void tpm_tick(struct tpm *t);
TSS2_RC tpm_tock(struct tpm *t, TSS2_RC rc);
#define TPM_CALL(t, call) (tpm_tick(t), tpm_tock((t), (call)))

/* Fills why, answers with tpm_outcome(rc). */
enum outcome tpm_failed(struct why *why, TSS2_RC rc, const char *operation, const char *subject);

/* Forgets the object in the TPM and here; harmless on ESYS_TR_NONE. */
void tpm_flush(struct tpm *t, ESYS_TR *handle);

/* Is it this rc, whatever session or parameter it concerns? */
bool tpm_rc_is(TSS2_RC rc, TSS2_RC base);

/* srk.c. With a pinned name only the key of that name will do: REFUSED otherwise. */
enum outcome tpm_find_srk(struct tpm *t, const uint8_t *name, size_t name_len, struct why *why);

/* session.c. A session salted to the SRK, whose parameters are encrypted. */
enum outcome tpm_session(struct tpm *t, TPM2_SE type, TPMA_SESSION attributes, ESYS_TR *ret,
                         struct why *why);

/* counter.c. Extends policy by PolicyNV(counter == generation): in a session, and as a digest. */
enum outcome tpm_policy_counter(struct tpm *t, ESYS_TR policy, uint32_t index, uint64_t generation, TSS2_RC *ret_rc,
                                struct why *why);
enum outcome tpm_policy_counter_digest(struct tpm *t, uint32_t index, uint64_t generation, TPM2B_DIGEST *policy,
                                       struct why *why);

/* policy.c. PolicyPCR and PolicyCounterTimer; the branches of PolicyOR into o, and policy as it is behind them; all of it but
 * the counter, in a session: *operation is the last that was tried. */
TSS2_RC tpm_policy_bound(struct tpm *t, ESYS_TR session, const struct seal_object *o, const TPM2B_DIGEST *pcr_digest);
enum outcome tpm_policy_branches(struct tpm *t, struct seal_object *o, const struct seal_signer *signers, size_t count,
                                 TPM2B_DIGEST *policy, struct why *why);
TSS2_RC tpm_policy_session(struct tpm *t, ESYS_TR session, const struct seal_object *o, const char **operation, struct why *why);

/* context.c: SHA-256, by the TPM. Only where time does not matter. */
enum outcome tpm_hash(struct tpm *t, const TPM2B_MAX_BUFFER *data, TPM2B_DIGEST *ret, struct why *why);

/* pcr.c */
void tpm_pcr_list(const struct pcr_selection *s, TPML_PCR_SELECTION *ret);

#endif
