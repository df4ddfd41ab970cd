/* The master key under the recovery key: AES-256-GCM, RFC 5116. The recovery key is 256 random
 * bits, so no password hash is needed in front of it. */
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define NONCE_LEN 12
#define TAG_LEN 16
#define AT_TEXT NONCE_LEN
#define AT_TAG (NONCE_LEN + MASTER_KEY_LEN)

static void cipher_free(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}
#define CIPHER_SCOPE __attribute__((cleanup(cipher_free))) EVP_CIPHER_CTX *

enum outcome recovery_wrap(const struct secret *recovery, const struct secret *master,
                           const uint8_t aad[static KEY_ID_LEN], uint8_t ret[static RECOVERY_WRAP_LEN],
                           struct why *why)
{
	CIPHER_SCOPE c = EVP_CIPHER_CTX_new();
	int n;

	if (c && recovery->len == RECOVERY_KEY_LEN && master->len == MASTER_KEY_LEN && RAND_bytes(ret, NONCE_LEN) == 1 &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, recovery->bytes, ret) == 1 &&
	    EVP_EncryptUpdate(c, NULL, &n, aad, KEY_ID_LEN) == 1 &&
	    EVP_EncryptUpdate(c, ret + AT_TEXT, &n, master->bytes, MASTER_KEY_LEN) == 1 && n == MASTER_KEY_LEN &&
	    EVP_EncryptFinal_ex(c, ret + AT_TAG, &n) == 1 && n == 0 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret + AT_TAG) == 1)
		return OUTCOME_OK;
	return crypto_failed(why, "wrap", "master key");
}

enum outcome recovery_open(const struct secret *recovery, const uint8_t wrap[static RECOVERY_WRAP_LEN],
                           const uint8_t aad[static KEY_ID_LEN], struct secret *ret_master, struct why *why)
{
	CIPHER_SCOPE c = EVP_CIPHER_CTX_new();
	SECRET master = { .len = MASTER_KEY_LEN };
	uint8_t tag[TAG_LEN], id[KEY_ID_LEN];
	int n;

	memcpy(tag, wrap + AT_TAG, TAG_LEN);
	if (!c || recovery->len != RECOVERY_KEY_LEN ||
	    EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, recovery->bytes, wrap) != 1 ||
	    EVP_DecryptUpdate(c, NULL, &n, aad, KEY_ID_LEN) != 1 ||
	    EVP_DecryptUpdate(c, master.bytes, &n, wrap + AT_TEXT, MASTER_KEY_LEN) != 1 || n != MASTER_KEY_LEN ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1)
		return crypto_failed(why, "unwrap", "master key");
	/* the key's identity, too: a wrap that somebody made with a recovery key of his own */
	if (EVP_DecryptFinal_ex(c, master.bytes + MASTER_KEY_LEN, &n) != 1 ||
	    key_id_of(&master, id, why) != OUTCOME_OK || memcmp(id, aad, KEY_ID_LEN) != 0) {
		why_set(why, WHY_TEXT, 0, "unwrap", "master key");
		why_detail(why, "this is not the recovery key of this seal");
		return OUTCOME_REFUSED;
	}
	return secret_set(ret_master, master.bytes, MASTER_KEY_LEN) ? OUTCOME_OK : OUTCOME_BROKEN;
}
