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

/* Whoever has the token is asked for its PIN; false: nobody could be. */
typedef bool (*signer_pin_fn)(const char *token, struct secret *ret);

struct signer_wish {
	/* a PEM file, whose passphrase OpenSSL asks for at the terminal; or a key in a token, "pkcs11:token=...;object=..."
	 * (RFC 7512), by what the distribution has: OpenSSL's pkcs11 provider, else its engine */
	const char *key;
	const char *certificate; /* DER or PEM, of which the kernel has the same: it gives the key id */
	signer_pin_fn pin;       /* NULL: tokens that want one are refused */
};

/* REFUSED: they do not belong together, or it is a kind of key that the kernel cannot use. */
enum outcome signer_open(const struct signer_wish *w, struct signer **ret, struct why *why);
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
