/* Inside the crypto room: a private key and the certificate that belongs to it. */
#ifndef IMAGATE_CRYPTO_PRIVATEKEY_H
#define IMAGATE_CRYPTO_PRIVATEKEY_H

#include "core/outcome.h"
#include "core/why.h"
#include "crypto/signer.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct key_pair {
	EVP_PKEY *key;
	X509 *certificate;
};

/* As signer_open() has them. REFUSED: no key, no certificate, another key's certificate, or a kind that is neither RSA
 * nor ECDSA. */
enum outcome key_pair_read(const struct signer_wish *w, struct key_pair *ret, struct why *why);
void key_pair_free(struct key_pair *p);
/* The key alone; w->certificate is not looked at. */
enum outcome private_key_read(const struct signer_wish *w, EVP_PKEY **ret, struct why *why);

#endif
