#include "crypto/signer.h"

#include "core/evmmessage.h"
#include "core/label.h"
#include "crypto/certificate.h"
#include "crypto/failed.h"
#include "crypto/privatekey.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER 9
#define TYPE_VERITY 6
#define CHUNK (256 * 1024)

struct signer {
	EVP_PKEY *pkey;
	uint32_t keyid;
};

enum outcome signer_open(const struct signer_wish *w, struct signer **ret, struct why *why)
{
	struct signer *s = calloc(1, sizeof(*s));
	struct key_pair pair = { NULL, NULL };
	enum outcome o = s ? key_pair_read(w, &pair, why) : crypto_failed(why, "allocate", "signer");

	if (o == OUTCOME_OK && !certificate_keyid(pair.certificate, &s->keyid)) {
		why_set(why, WHY_TEXT, 0, "sign with", w->certificate);
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

/* -- signing ---------------------------------------------------------------------------- */

static void header(const struct signer *s, int type, int version, int algo, size_t len, uint8_t ret[static HEADER])
{
	const uint8_t bytes[HEADER] = {
		(uint8_t)type, (uint8_t)version, (uint8_t)algo, (uint8_t)(s->keyid >> 24), (uint8_t)(s->keyid >> 16),
		(uint8_t)(s->keyid >> 8), (uint8_t)s->keyid, (uint8_t)(len >> 8), (uint8_t)len,
	};

	memcpy(ret, bytes, HEADER);
}

/* Set up for one algorithm, to be used again and again. NULL: OpenSSL's error queue says why. */
static EVP_PKEY_CTX *context(const struct signer *s, int algo, int (*init)(EVP_PKEY_CTX *))
{
	const char *name = hash_algo_name(algo);
	const EVP_MD *md = name ? EVP_get_digestbyname(name) : NULL;
	EVP_PKEY_CTX *c = md ? EVP_PKEY_CTX_new(s->pkey, NULL) : NULL;

	if (c && init(c) == 1 && (EVP_PKEY_base_id(s->pkey) != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(c, md) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

static enum outcome sign_in(EVP_PKEY_CTX *c, const struct signer *s, int type, int version, int algo, const uint8_t *digest,
                            size_t len, uint8_t ret[static MAKER_LABEL_MAX], size_t *ret_len, struct why *why)
{
	size_t size = MAKER_LABEL_MAX - HEADER;

	if (!c || EVP_PKEY_sign(c, ret + HEADER, &size, digest, len) != 1)
		return crypto_failed(why, "EVP_PKEY_sign", hash_algo_name(algo) ? hash_algo_name(algo) : "unknown algorithm");
	header(s, type, version, algo, size, ret);
	*ret_len = HEADER + size;
	return OUTCOME_OK;
}

enum outcome signer_sign(const struct signer *s, int type, int version, int algo, const uint8_t *digest, size_t len,
                         uint8_t ret[static MAKER_LABEL_MAX], size_t *ret_len, struct why *why)
{
	EVP_PKEY_CTX *c = context(s, algo, EVP_PKEY_sign_init);
	enum outcome o = sign_in(c, s, type, version, algo, digest, len, ret, ret_len, why);

	EVP_PKEY_CTX_free(c);
	return o;
}

/* -- a thread's maker --------------------------------------------------------------------- */

struct state {
	int algo;
	const struct signer *signer[MAKER_KEYS];
	EVP_PKEY_CTX *sign[MAKER_KEYS], *verify[MAKER_KEYS];
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	EVP_MAC_CTX *hmac; /* with the key in it; NULL: not at hand */
	uint8_t chunk[CHUNK];
};

static enum outcome finish(struct state *s, uint8_t *ret, size_t *ret_len, struct why *why)
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(s->ctx, ret, &len) != 1)
		return crypto_failed(why, "EVP_DigestFinal_ex", "");
	*ret_len = len;
	return OUTCOME_OK;
}

static bool begin(struct state *s, size_t size)
{
	return hash_algo_size(s->algo) <= size && EVP_DigestInit_ex2(s->ctx, s->md, NULL) == 1;
}

static enum outcome make_digest(void *state, const void *head, size_t head_len, int fd, uint8_t *ret, size_t size, size_t *ret_len,
                                struct why *why)
{
	struct state *s = state;

	if (!begin(s, size) || EVP_DigestUpdate(s->ctx, head, head_len) != 1)
		return crypto_failed(why, "EVP_DigestUpdate", "");
	for (off_t at = (off_t)head_len; fd >= 0;) {
		ssize_t n = pread(fd, s->chunk, sizeof(s->chunk), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			why_set(why, WHY_ERRNO, errno, "read", "file to digest");
			return OUTCOME_BROKEN;
		}
		if (n == 0)
			break;
		if (EVP_DigestUpdate(s->ctx, s->chunk, (size_t)n) != 1)
			return crypto_failed(why, "EVP_DigestUpdate", "");
		at += n;
	}
	return finish(s, ret, ret_len, why);
}

static enum outcome make_parts(void *state, const struct xattr *parts, size_t count, uint8_t *ret, size_t size, size_t *ret_len,
                               struct why *why)
{
	struct state *s = state;
	bool ok = begin(s, size);

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(s->ctx, parts[i].p, parts[i].len) == 1;
	return ok ? finish(s, ret, ret_len, why) : crypto_failed(why, "EVP_DigestUpdate", "");
}

/* What every kernel takes that knows the type. */
static int version_of(int type)
{
	return type == TYPE_VERITY ? 3 : 2;
}

static enum outcome make_signature(void *state, enum maker_key key, int type, const uint8_t *digest, size_t len,
                                   uint8_t ret[static MAKER_LABEL_MAX], size_t *ret_len, struct why *why)
{
	struct state *s = state;

	return sign_in(s->sign[key], s->signer[key], type, version_of(type), s->algo, digest, len, ret, ret_len, why);
}

static bool signed_by_us(void *state, enum maker_key key, const struct xattr *x, const uint8_t *digest, size_t len)
{
	struct state *s = state;
	uint8_t want[HEADER];

	if (x->len <= HEADER)
		return false;
	header(s->signer[key], x->p[0], version_of(x->p[0]), s->algo, x->len - HEADER, want);
	return !memcmp(x->p, want, HEADER) &&
	       EVP_PKEY_verify(s->verify[key], x->p + HEADER, x->len - HEADER, digest, len) == 1;
}

static enum outcome make_mac(void *state, const struct xattr *parts, size_t count, uint8_t ret[static 20], struct why *why)
{
	struct state *s = state;
	size_t len = 0;
	bool ok = EVP_MAC_init(s->hmac, NULL, 0, NULL) == 1; /* again, with the same key */

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_MAC_update(s->hmac, parts[i].p, parts[i].len) == 1;
	return ok && EVP_MAC_final(s->hmac, ret, &len, 20) == 1 && len == 20 ? OUTCOME_OK : crypto_failed(why, "HMAC", "EVM");
}

static bool open_keys(struct state *s)
{
	bool ok = true;

	for (int k = 0; ok && k < MAKER_KEYS; k++) {
		if (!s->signer[k])
			continue;
		s->sign[k] = context(s->signer[k], s->algo, EVP_PKEY_sign_init);
		s->verify[k] = context(s->signer[k], s->algo, EVP_PKEY_verify_init);
		ok = s->sign[k] && s->verify[k];
	}
	return ok;
}

static bool open_hmac(struct state *s, const struct secret *key)
{
	uint8_t padded[EVM_HMAC_KEY_LEN] = { 0 };
	char sha1[] = "SHA1";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool ok;

	memcpy(padded, key->bytes, key->len); /* its length was looked at */
	s->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac); /* the context holds it */
	ok = s->hmac && EVP_MAC_init(s->hmac, padded, sizeof(padded), params) == 1;
	OPENSSL_cleanse(padded, sizeof(padded));
	return ok;
}

enum outcome maker_open(int algo, const struct signer *const signers[static MAKER_KEYS], const struct secret *hmac,
                        struct maker *ret, struct why *why)
{
	const char *name = hash_algo_name(algo);
	struct state *s = calloc(1, sizeof(*s));

	*ret = (struct maker){ .state = s, .algo = algo, .macs = hmac && hmac->len, .digest = make_digest, .parts = make_parts,
		.sign = make_signature, .signed_by_us = signed_by_us, .mac = make_mac };
	if (!s)
		return crypto_failed(why, "allocate", "maker");
	s->algo = algo;
	for (int k = 0; k < MAKER_KEYS; k++) {
		s->signer[k] = signers[k];
		ret->signs[k] = signers[k] != NULL;
	}
	s->md = name ? EVP_MD_fetch(NULL, name, NULL) : NULL;
	s->ctx = EVP_MD_CTX_new();
	if (!s->md) {
		maker_close(ret);
		why_set(why, WHY_TEXT, 0, "hash with", name ? name : "unknown algorithm");
		why_detail(why, "OpenSSL here has it not: take sha256, sha384 or sha512");
		return OUTCOME_ABSENT;
	}
	if (s->ctx && open_keys(s) && (!ret->macs || (hmac->len <= EVM_HMAC_KEY_LEN && open_hmac(s, hmac))))
		return OUTCOME_OK;
	maker_close(ret);
	return crypto_failed(why, "set up", "maker");
}

void maker_close(struct maker *m)
{
	struct state *s = m->state;

	if (!s)
		return;
	for (int k = 0; k < MAKER_KEYS; k++) {
		EVP_PKEY_CTX_free(s->sign[k]);
		EVP_PKEY_CTX_free(s->verify[k]);
	}
	EVP_MAC_CTX_free(s->hmac);
	EVP_MD_CTX_free(s->ctx);
	EVP_MD_free(s->md);
	free(s);
	m->state = NULL;
}
