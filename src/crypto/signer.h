/* Signatures as the kernel verifies them in security.ima and security.evm.
 * Source: security/integrity/integrity.h (struct signature_v2_hdr), digsig_asymmetric.c; KERNEL-FACTS 1.6. */
#ifndef IMAGATE_CRYPTO_SIGNER_H
#define IMAGATE_CRYPTO_SIGNER_H

#include "base/secret.h"
#include "core/maker.h"
#include "core/outcome.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

struct signer;

/* key: PEM file (a passphrase is asked for at the terminal); certificate: DER or PEM, of which the kernel has the
 * same: it gives the key id. REFUSED: they do not belong together, or it is a kind of key that the kernel cannot use. */
enum outcome signer_open(const char *key, const char *certificate, struct signer **ret, struct why *why);
void signer_close(struct signer **s);

/* type: 3 (IMA, EVM), 5 (portable EVM), 6 (fs-verity); version: 2 or 3. The whole label into ret. */
enum outcome signer_sign(const struct signer *s, int type, int version, int algo, const uint8_t *digest, size_t len,
                         uint8_t ret[static MAKER_LABEL_MAX], size_t *ret_len, struct why *why);

/* A maker for one thread, over signers shared by all (NULL: hashes only) and EVM's HMAC key (len 0: none). ABSENT:
 * OpenSSL has no such hash algorithm. */
enum outcome maker_open(int algo, const struct signer *const signers[static MAKER_KEYS], const struct secret *hmac,
                        struct maker *ret, struct why *why);
void maker_close(struct maker *m);

#endif
