/* Signatures as the kernel verifies them in security.ima and security.evm.
 * Source: security/integrity/integrity.h (struct signature_v2_hdr), digsig_asymmetric.c; KERNEL-FACTS 1.6. */
#ifndef IMAGATE_CRYPTO_SIGNER_H
#define IMAGATE_CRYPTO_SIGNER_H

#include "core/outcome.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_LABEL_MAX 1024 /* RSA 4096 is 521 */

struct signer;

/* key: PEM file (a passphrase is asked for at the terminal); certificate: DER or PEM, of which the kernel has the
 * same: it gives the key id. REFUSED: they do not belong together, or it is a kind of key that the kernel cannot use. */
enum outcome signer_open(const char *key, const char *certificate, struct signer **ret, struct why *why);
void signer_close(struct signer **s);

/* type: 3 (IMA, EVM), 5 (portable EVM), 6 (fs-verity); version: 2 or 3. The whole label into ret. */
enum outcome signer_sign(struct signer *s, int type, int version, int algo, const uint8_t *digest, size_t len,
                         uint8_t ret[static SIGNATURE_LABEL_MAX], size_t *ret_len, struct why *why);

#endif
