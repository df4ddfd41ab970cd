/* The only room that speaks to a TPM. All sessions are salted to the storage root key and
 * encrypt what they carry. Sources: TPM 2.0 Library Parts 1-3; TCG EK/SRK template (ECC
 * P-256, 0x81000001). */
#ifndef IMAGATE_TPM_TPM_H
#define IMAGATE_TPM_TPM_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

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

/* Seal payload to the PCRs as they are now. Refuses (REFUSED) a bank the TPM does not have,
 * or whose selected PCRs are all zeros or all ones: the firmware does not extend it. */
enum outcome tpm_seal(struct tpm *t, const struct pcr_selection *pcrs,
                      const struct secret *payload, struct seal_object *ret, struct why *why);

/* REFUSED: moved PCRs, or the SRK is not the pinned one (srk_name_len 0: not pinned).
 * BROKEN: damaged object, lock-out, anything unknown. PCR_CHANGED is tried again with new
 * sessions, at most 8 times. */
enum outcome tpm_unseal(struct tpm *t, const struct seal_object *o, const uint8_t *srk_name,
                        size_t srk_name_len, struct secret *ret, struct why *why);

/* Current values, one after another in order of PCR number. */
enum outcome tpm_pcr_read(struct tpm *t, const struct pcr_selection *pcrs, uint8_t *ret,
                          size_t size, size_t *ret_len, struct why *why);

/* Milliseconds spent waiting for the TPM's answers since tpm_open. */
unsigned tpm_busy_ms(const struct tpm *t);

/* TSS code -> outcome; unknown codes are BROKEN. Masks format-1 position bits. */
enum outcome tpm_outcome(uint32_t rc);
/* A constant in words for the codes we know, or NULL. */
const char *tpm_code_words(uint32_t rc);

#endif
