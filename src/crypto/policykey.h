/* Keys that sign PCR policies (core/pcrsig.h), and what a TPM wants of them. Sources: TPM 2.0 Part 2, 12.2.4 (TPMT_PUBLIC),
 * 11.3.4 (TPMT_SIGNATURE); Part 1, 16 (names). Attributes, scheme and exponent are those that systemd and tpm2-tools give a
 * key from outside: the name is the same as theirs. */
#ifndef IMAGATE_CRYPTO_POLICYKEY_H
#define IMAGATE_CRYPTO_POLICYKEY_H

#include "core/outcome.h"
#include "core/pcrsig.h"
#include "core/seal.h"
#include "core/why.h"
#include "crypto/signer.h"

#define POLICYKEY_FILE_MAX (16 * 1024)

struct policykey {
	uint8_t fingerprint[PCRSIG_DIGEST_LEN];
	uint8_t public_part[SEAL_PUBLIC_MAX]; /* TPM2B_PUBLIC, size field included */
	size_t public_len;
	uint8_t name[PCRSIG_NAME_LEN];
	size_t coordinate; /* bytes of r and s of its signatures; 0: RSA */
};

/* PEM or DER, a public key or a certificate. REFUSED: none of these, or a key that TPMs do not take: RSA of 2048 to 3072 bits,
 * P-256 and P-384. path: for messages. */
enum outcome policykey_read(const char *path, const void *bytes, size_t len, struct policykey *ret, struct why *why);

/* All of a file: PEM keys or certificates, one behind another, or one in DER. At most max; *ret_count. */
enum outcome policykey_read_all(const char *path, const void *bytes, size_t len, struct policykey *ret, size_t max, size_t *ret_count,
                                struct why *why);

/* For tpm_seal(): it approves PCR values by signing them, of this epoch (0: of none). */
void policykey_signer(const struct policykey *k, unsigned epoch, struct seal_signer *ret);

/* The private key. w->certificate is not looked at. */
struct policysigner;
enum outcome policysigner_open(const struct signer_wish *w, struct policysigner **ret, struct policykey *ret_public, struct why *why);
void policysigner_close(struct policysigner **s);
/* Over SHA-256 of policy and, where epoch is not 0, its reference. */
enum outcome policysigner_sign(const struct policysigner *s, const uint8_t policy[static PCRSIG_DIGEST_LEN], unsigned epoch,
                               struct signature *ret, struct why *why);

/* The key as policykey_read() has it. REFUSED: another key's, or another policy's. */
enum outcome policykey_verify(const char *path, const void *bytes, size_t len, const uint8_t policy[static PCRSIG_DIGEST_LEN],
                              unsigned epoch, const struct signature *s, struct why *why);

/* Such a signature, for a TPM. REFUSED: it is none of this key's kind. */
enum outcome policykey_approval(const struct policykey *k, unsigned epoch, const struct signature *s, struct seal_approval *ret,
                                struct why *why);

#endif
