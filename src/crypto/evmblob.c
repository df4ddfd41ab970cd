/* The kernel's encrypted-key blob opened in user space: security/keys/encrypted-keys/encrypted.c,
 * KERNEL-FACTS 1.3. */
#include "core/seal.h"
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define IV_LEN 16
#define HMAC_LEN 32
#define DATA_LEN (IV_LEN + 1 + EVM_KEY_LEN) /* a zero byte behind the IV */
/* What the HMAC covers in front of the data, each with its NUL. */
#define HMAC_WORDS "default\0user:" MASTER_KEY_NAME "\0" "64"

/* SHA-256 over "ENC_KEY\0" or "AUTH_KEY\0" and the master key, zero-padded to 9 + its length. */
static bool derive(const char *label, const struct secret *master, uint8_t ret[static 32])
{
	uint8_t buf[9 + SECRET_MAX] = { 0 };
	size_t len = 9 + master->len < 32 ? 32 : 9 + master->len;
	bool ok;

	memcpy(buf, label, strlen(label) + 1);
	memcpy(buf + strlen(label) + 1, master->bytes, master->len);
	ok = EVP_Digest(buf, len, ret, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_cleanse(buf, sizeof(buf));
	return ok;
}

static bool hmac_matches(const uint8_t key[static 32], const uint8_t *bytes)
{
	uint8_t message[sizeof(HMAC_WORDS) + DATA_LEN], is[HMAC_LEN];
	unsigned len = sizeof(is);

	memcpy(message, HMAC_WORDS, sizeof(HMAC_WORDS));
	memcpy(message + sizeof(HMAC_WORDS), bytes, DATA_LEN);
	return HMAC(EVP_sha256(), key, 32, message, sizeof(message), is, &len) && len == HMAC_LEN &&
	       CRYPTO_memcmp(is, bytes + DATA_LEN, HMAC_LEN) == 0;
}

static bool decrypt(const uint8_t key[static 32], const uint8_t *bytes, struct secret *ret)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;
	bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, key, bytes) == 1 &&
	          EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
	          EVP_DecryptUpdate(c, ret->bytes, &n, bytes + IV_LEN + 1, EVM_KEY_LEN) == 1 &&
	          EVP_DecryptFinal_ex(c, ret->bytes + n, &rest) == 1;

	EVP_CIPHER_CTX_free(c);
	ret->len = ok ? (size_t)(n + rest) : 0;
	return ok && ret->len == EVM_KEY_LEN;
}

enum outcome evm_blob_unwrap(const struct secret *master, const char *blob, struct secret *ret,
                             struct why *why)
{
	SECRET key = { .len = 32 };
	uint8_t bytes[DATA_LEN + HMAC_LEN];
	size_t len;

	if (!evm_blob_valid(blob) || master->len != MASTER_KEY_LEN ||
	    !hex_decode(strrchr(blob, ' ') + 1, strlen(strrchr(blob, ' ') + 1), bytes, sizeof(bytes), &len) ||
	    len != sizeof(bytes)) {
		why_set(why, WHY_TEXT, 0, "open", "EVM key blob");
		return OUTCOME_BROKEN;
	}
	if (!derive("AUTH_KEY", master, key.bytes))
		return crypto_failed(why, "derive", "EVM key blob");
	if (!hmac_matches(key.bytes, bytes)) {
		why_set(why, WHY_TEXT, 0, "open", "EVM key blob");
		why_detail(why, "its HMAC does not match: damaged, or another master key's");
		return OUTCOME_REFUSED;
	}
	if (derive("ENC_KEY", master, key.bytes) && decrypt(key.bytes, bytes, ret))
		return OUTCOME_OK;
	return crypto_failed(why, "decrypt", "EVM key blob");
}
