/* The only room that speaks to a TPM. All sessions are salted to the storage root key and
 * encrypt what they carry. Sources: TPM 2.0 Library Parts 1-3; TCG EK/SRK template (ECC
 * P-256, 0x81000001). */
#ifndef IMAGATE_TPM_TPM_H
#define IMAGATE_TPM_TPM_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

#include <stdbool.h>
#include <stdint.h>

struct tpm;

/* tcti: NULL or "" = "device:/dev/tpmrm0"; otherwise a tctildr string ("swtpm:path=...").
 * wait_seconds: how long to wait, by event, for the device to appear. ABSENT: none came. */
enum outcome tpm_open(const char *tcti, unsigned wait_seconds, struct tpm **ret, struct why *why);
void tpm_close(struct tpm **t); /* flushes what is ours */

/* The storage root key: the persistent one at 0x81000001 if its template is right, else a
 * primary made for this session. Its name, for pinning. */
enum outcome tpm_srk(struct tpm *t, uint8_t ret_name[static SEAL_NAME_MAX], size_t *ret_len,
                     struct why *why);

/* The digest that PolicyPCR compares, for the PCRs as they are now. Refuses (REFUSED) a bank the
 * TPM does not have, or whose selected PCRs are all zeros or all ones: the firmware does not
 * extend it. */
enum outcome tpm_pcr_digest(struct tpm *t, const struct pcr_selection *pcrs, uint8_t ret[static SEAL_DIGEST_MAX],
                            size_t *ret_len, struct why *why);

/* Seal payload. o holds what it is bound to: pcrs and pcr_digest (any: they need not be the
 * PCRs of now), counter and generation (any); the rest of it is filled. Each of the signers may approve other PCRs later:
 * at most SEAL_SIGNERS_MAX. */
enum outcome tpm_seal(struct tpm *t, const struct secret *payload, struct seal_object *o, const struct seal_signer *signers,
                      size_t count, struct why *why);

/* Approving: no key of the TPM is used and nothing is made in it. What a signer must sign is
 * SHA-256(this digest || its policyRef), over o's pcrs, pcr_digest and resets; the signature goes into a copy of o. Behind
 * the closed door, too. may: is the signer one of those that o was sealed for? */
enum outcome tpm_policy_to_approve(struct tpm *t, const struct seal_object *o, uint8_t ret[static SEAL_BRANCH_LEN],
                                   struct why *why);
enum outcome tpm_signer_may(struct tpm *t, const struct seal_object *o, const struct seal_signer *s, bool *ret, struct why *why);
/* How many times this TPM was reset since it was cleared. */
enum outcome tpm_resets(struct tpm *t, uint32_t *ret, struct why *why);

/* A new counter, which has counted once; auth, of COUNTER_AUTH_LEN, is what incrementing asks for.
 * The owner hierarchy must have no password. */
enum outcome tpm_counter_define(struct tpm *t, const struct secret *auth, uint32_t *ret_index, struct why *why);
enum outcome tpm_counter_undefine(struct tpm *t, uint32_t index, struct why *why);
/* Works behind the closed door. */
enum outcome tpm_counter_increment(struct tpm *t, uint32_t index, const struct secret *auth, struct why *why);
/* From now on every counter that anybody makes in this TPM starts above value. Before anything is sealed to a value that a
 * counter has not reached: the owner, who is root, may delete it and make one of the same name, which starts right above the
 * highest count that there was, and goes on as he likes; behind the closed door, too. auth: any. */
enum outcome tpm_counter_outrun(struct tpm *t, uint64_t value, const struct secret *auth, struct why *why);
/* REFUSED behind the closed door; ABSENT: there is no such index. */
enum outcome tpm_counter_read(struct tpm *t, uint32_t index, uint64_t *ret, struct why *why);
/* Every counter of our kind that this TPM holds, whoever made it; at most max. */
enum outcome tpm_counters(struct tpm *t, uint32_t *ret, size_t max, size_t *ret_count, struct why *why);
#define TPM_COUNTERS_MAX 64

/* Nothing that depends on a counter of ours unseals any more until the TPM is reset: every index of
 * ours is locked, others are left alone. Closing twice is OK, and so is a TPM that has none. */
enum outcome tpm_door_close(struct tpm *t, struct why *why);

/* REFUSED: moved PCRs, another generation, a closed door, or the SRK is not the pinned one (srk_name_len 0: not pinned).
 * BROKEN: damaged object, lock-out, anything unknown. PCR_CHANGED is tried again with new
 * sessions, at most 8 times. */
enum outcome tpm_unseal(struct tpm *t, const struct seal_object *o, const uint8_t *srk_name,
                        size_t srk_name_len, struct secret *ret, struct why *why);

/* Current values, one after another in order of PCR number. */
enum outcome tpm_pcr_read(struct tpm *t, const struct pcr_selection *pcrs, uint8_t *ret,
                          size_t size, size_t *ret_len, struct why *why);

/* Is it the closed door that why tells of? */
bool tpm_door_is_why(const struct why *why);
/* Is it a counter that has gone on since? */
bool tpm_superseded_is_why(const struct why *why);

/* Milliseconds spent waiting for the TPM's answers since tpm_open. */
unsigned tpm_busy_ms(const struct tpm *t);

/* TSS code -> outcome; unknown codes are BROKEN. Masks format-1 position bits. */
enum outcome tpm_outcome(uint32_t rc);
/* A constant in words for the codes we know, or NULL. */
const char *tpm_code_words(uint32_t rc);

#endif
