#include "crypto/signer.h"

#include "core/label.h"
#include "crypto/certificate.h"
#include "crypto/failed.h"
#include "crypto/privatekey.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 9

struct signer {
	EVP_PKEY *pkey;
	uint32_t keyid;
};

enum outcome signer_open(const char *key, const char *certificate, struct signer **ret, struct why *why)
{
	struct signer *s = calloc(1, sizeof(*s));
	struct key_pair pair = { NULL, NULL };
	enum outcome o = s ? key_pair_read(key, certificate, &pair, why) : crypto_failed(why, "allocate", "signer");

	if (o == OUTCOME_OK && !certificate_keyid(pair.certificate, &s->keyid)) {
		why_set(why, WHY_TEXT, 0, "sign with", certificate);
		why_detail(why, "no SubjectKeyIdentifier: make it with one (see keys/), the kernel finds keys by it");
		o = OUTCOME_REFUSED;
	}
	if (o == OUTCOME_OK) {
		s->pkey = pair.key;
		pair.key = NULL;
	} else {
		signer_close(&s);
	}
	key_pair_free(&pair);
	*ret = s;
	return o;
}

void signer_close(struct signer **s)
{
	if (!*s)
		return;
	EVP_PKEY_free((*s)->pkey);
	free(*s);
	*s = NULL;
}

static void header(const struct signer *s, int type, int version, int algo, size_t len, uint8_t ret[static HEADER])
{
	const uint8_t bytes[HEADER] = {
		(uint8_t)type, (uint8_t)version, (uint8_t)algo, (uint8_t)(s->keyid >> 24), (uint8_t)(s->keyid >> 16),
		(uint8_t)(s->keyid >> 8), (uint8_t)s->keyid, (uint8_t)(len >> 8), (uint8_t)len,
	};

	memcpy(ret, bytes, HEADER);
}

enum outcome signer_sign(struct signer *s, int type, int version, int algo, const uint8_t *digest, size_t len,
                         uint8_t ret[static SIGNATURE_LABEL_MAX], size_t *ret_len, struct why *why)
{
	const char *name = hash_algo_name(algo);
	const EVP_MD *md = name ? EVP_get_digestbyname(name) : NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(s->pkey, NULL);
	size_t size = SIGNATURE_LABEL_MAX - HEADER;
	bool ok = c && md && EVP_PKEY_sign_init(c) == 1 &&
	          (EVP_PKEY_base_id(s->pkey) != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1) &&
	          EVP_PKEY_CTX_set_signature_md(c, md) == 1 && EVP_PKEY_sign(c, ret + HEADER, &size, digest, len) == 1;

	EVP_PKEY_CTX_free(c);
	if (!ok)
		return crypto_failed(why, "EVP_PKEY_sign", name ? name : "unknown algorithm");
	header(s, type, version, algo, size, ret);
	*ret_len = HEADER + size;
	return OUTCOME_OK;
}
