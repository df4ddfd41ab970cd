/* Inside the crypto room: private keys that stay in a PKCS#11 token. */
#ifndef IMAGATE_CRYPTO_TOKEN_H
#define IMAGATE_CRYPTO_TOKEN_H

#include "crypto/signer.h"

#include <openssl/evp.h>

/* w->key is a PKCS#11 URI. REFUSED: no such key, or the PIN is wrong; ABSENT: OpenSSL has neither provider nor engine. */
enum outcome token_key(const struct signer_wish *w, EVP_PKEY **ret, struct why *why);

#endif
