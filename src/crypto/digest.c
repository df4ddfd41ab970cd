#include "core/label.h"
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

static void context_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static enum outcome stream(EVP_MD_CTX *c, int fd, struct why *why)
{
	static uint8_t chunk[CHUNK]; /* one at a time: the gate has one thread */
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			why_set(why, WHY_ERRNO, errno, "read", "file to digest");
			return OUTCOME_BROKEN;
		}
		if (n == 0)
			return OUTCOME_OK;
		if (!EVP_DigestUpdate(c, chunk, (size_t)n))
			return crypto_failed(why, "EVP_DigestUpdate", "");
		at += n;
	}
}

enum outcome digest_fd(int fd, int algo, uint8_t *ret, size_t size, size_t *ret_len, struct why *why)
{
	__attribute__((cleanup(context_free))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	const char *name = hash_algo_name(algo);
	const EVP_MD *md = name ? EVP_get_digestbyname(name) : NULL;
	unsigned len = 0;
	enum outcome o;

	if (!md || size < hash_algo_size(algo)) {
		why_set(why, WHY_TEXT, 0, "digest", name ? name : "unknown algorithm");
		return OUTCOME_ABSENT;
	}
	if (!c || !EVP_DigestInit_ex(c, md, NULL))
		return crypto_failed(why, "EVP_DigestInit_ex", name);
	o = stream(c, fd, why);
	if (o != OUTCOME_OK)
		return o;
	if (!EVP_DigestFinal_ex(c, ret, &len))
		return crypto_failed(why, "EVP_DigestFinal_ex", name);
	*ret_len = len;
	return OUTCOME_OK;
}
