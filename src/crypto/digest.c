#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void context_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

enum outcome digest_parts(const struct part *parts, size_t count, uint8_t ret[static 32], struct why *why)
{
	__attribute__((cleanup(context_free))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL);

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(c, parts[i].p, parts[i].len);
	return ok && EVP_DigestFinal_ex(c, ret, NULL) ? OUTCOME_OK : crypto_failed(why, "EVP_Digest", "sha256");
}

static const EVP_MD *algorithm(uint16_t alg)
{
	switch (alg) {
	case BANK_SHA1: return EVP_sha1();
	case BANK_SHA256: return EVP_sha256();
	case BANK_SHA384: return EVP_sha384();
	case BANK_SHA512: return EVP_sha512();
	case BANK_SHA3_256: return EVP_sha3_256();
	case BANK_SHA3_384: return EVP_sha3_384();
	case BANK_SHA3_512: return EVP_sha3_512();
	case BANK_SM3_256: return EVP_get_digestbyname("SM3");
	default: return NULL;
	}
}

bool digest_hash(void *arg, uint16_t alg, const struct part *parts, size_t count, uint8_t *ret)
{
	__attribute__((cleanup(context_free))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	const EVP_MD *md = algorithm(alg);
	bool ok = c && md && (size_t)EVP_MD_get_size(md) == bank_size(alg) && EVP_DigestInit_ex(c, md, NULL);

	(void)arg;
	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(c, parts[i].p, parts[i].len);
	return ok && EVP_DigestFinal_ex(c, ret, NULL);
}

enum outcome key_id_of(const struct secret *master, uint8_t ret[static KEY_ID_LEN], struct why *why)
{
	const struct part parts[] = { { KEY_ID_LABEL, sizeof(KEY_ID_LABEL) }, { master->bytes, master->len } };

	return digest_parts(parts, 2, ret, why);
}

static bool hmac(const uint8_t *key, size_t key_len, const void *text, size_t len, uint8_t ret[static 32])
{
	unsigned n = 32;

	return HMAC(EVP_sha256(), key, (int)key_len, text, len, ret, &n) && n == 32;
}

enum outcome counter_auth_of(const struct secret *master, struct secret *ret, struct why *why)
{
	ret->len = COUNTER_AUTH_LEN;
	return hmac(master->bytes, master->len, COUNTER_LABEL, sizeof(COUNTER_LABEL), ret->bytes)
	       ? OUTCOME_OK : crypto_failed(why, "HMAC", "counter's secret");
}

enum outcome request_key(const struct secret *master, uint64_t generation, struct secret *ret, struct why *why)
{
	uint8_t text[sizeof(REQUEST_LABEL) + 8] = REQUEST_LABEL;

	for (int i = 0; i < 8; i++)
		text[sizeof(REQUEST_LABEL) + i] = (uint8_t)(generation >> 8 * (7 - i));
	ret->len = REQUEST_KEY_LEN;
	return hmac(master->bytes, master->len, text, sizeof(text), ret->bytes)
	       ? OUTCOME_OK : crypto_failed(why, "HMAC", "request key");
}

enum outcome request_mac(const struct secret *key, const char *text, size_t len, uint8_t ret[static 32], struct why *why)
{
	return hmac(key->bytes, key->len, text, len, ret) ? OUTCOME_OK : crypto_failed(why, "HMAC", "request");
}

enum outcome request_verify(const struct secret *key, const char *text, const struct request *r, struct why *why)
{
	uint8_t mac[32];

	if (request_mac(key, text, r->signed_len, mac, why) != OUTCOME_OK)
		return OUTCOME_BROKEN;
	if (CRYPTO_memcmp(mac, r->mac, sizeof(mac)) == 0)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "verify", "request");
	why_detail(why, "its Mac is not that of this machine's last verified boot: ask again");
	return OUTCOME_REFUSED;
}
