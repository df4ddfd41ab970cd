#include "crypto/policykey.h"

#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "crypto/failed.h"
#include "crypto/privatekey.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* TPM 2.0 Part 2: TPM_ALG_ID, TPMI_ECC_CURVE, TPMA_OBJECT */
enum { ALG_RSA = 0x01, ALG_SHA256 = 0x0b, ALG_NULL = 0x10, ALG_RSASSA = 0x14, ALG_ECDSA = 0x18, ALG_ECC = 0x23 };
#define USER_WITH_AUTH 0x40u
#define DECRYPT 0x20000u
#define SIGN 0x40000u
#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST 3072
#define POINT_MAX (1 + 2 * 48)

static const struct curve {
	const char *name; /* OpenSSL's */
	uint16_t id;
	size_t size;
} curves[] = { { "prime256v1", 0x03, 32 }, { "secp384r1", 0x04, 48 } };

struct policysigner {
	EVP_PKEY *key;
};

static void pkey_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define PKEY_SCOPE __attribute__((cleanup(pkey_free))) EVP_PKEY *

static enum outcome refuse(struct why *why, const char *path, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "PCR policy key", path);
	why_detail(why, detail);
	ERR_clear_error();
	return OUTCOME_REFUSED;
}

/* -- what a TPM wants: big-endian numbers ------------------------------------------------- */

struct writer {
	uint8_t *p;
	size_t left;
	bool ok;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
	w->ok = w->ok && len <= w->left;
	if (!w->ok)
		return;
	memcpy(w->p, bytes, len);
	w->p += len;
	w->left -= len;
}

static void put_number(struct writer *w, uint32_t n, size_t size)
{
	uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	put(w, bytes + 4 - size, size);
}

static void put_sized(struct writer *w, const void *bytes, size_t len)
{
	put_number(w, (uint32_t)len, 2);
	put(w, bytes, len);
}

static void put_head(struct writer *w, uint16_t type)
{
	put_number(w, type, 2);
	put_number(w, ALG_SHA256, 2);
	put_number(w, USER_WITH_AUTH | DECRYPT | SIGN, 4);
	put_number(w, 0, 2);        /* no policy of its own */
	put_number(w, ALG_NULL, 2); /* symmetric */
	put_number(w, ALG_NULL, 2); /* scheme: the signature says */
}

static const char *put_rsa(struct writer *w, const EVP_PKEY *key)
{
	const int bits = EVP_PKEY_get_bits(key);
	BIGNUM *n = NULL, *e = NULL;
	uint8_t modulus[RSA_BITS_MOST / 8];
	bool ok;

	if (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST || bits % 8)
		return "TPMs take RSA keys of 2048, some of 3072 bits";
	ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	     BN_bn2binpad(n, modulus, bits / 8) == bits / 8;
	put_head(w, ALG_RSA);
	put_number(w, (uint32_t)bits, 2);
	put_number(w, 0, 4); /* the exponent 65537 */
	put_sized(w, modulus, (size_t)bits / 8);
	ok = ok && BN_is_word(e, 65537);
	BN_free(n);
	BN_free(e);
	return ok ? NULL : "its public exponent is not 65537";
}

static const char *put_ec(struct writer *w, const EVP_PKEY *key, const uint8_t *point, size_t len, size_t *ret_coordinate)
{
	char name[32] = "";

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL) != 1)
		name[0] = '\0';
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curves[i].name, name) != 0 || len != 1 + 2 * curves[i].size)
			continue;
		put_head(w, ALG_ECC);
		put_number(w, curves[i].id, 2);
		put_number(w, ALG_NULL, 2); /* kdf */
		put_sized(w, point + 1, curves[i].size);
		put_sized(w, point + 1 + curves[i].size, curves[i].size);
		*ret_coordinate = curves[i].size;
		return NULL;
	}
	return "TPMs take the curves P-256 and P-384";
}

/* -- public keys ---------------------------------------------------------------------------- */

static enum outcome describe(const char *path, const EVP_PKEY *key, struct policykey *ret, struct why *why)
{
	struct writer w = { ret->public_part + 2, sizeof(ret->public_part) - 2, true };
	const int kind = EVP_PKEY_get_base_id(key);
	unsigned char *bare = NULL;
	int bare_len = i2d_PublicKey(key, &bare);
	const struct part whole = { bare, bare_len > 0 ? (size_t)bare_len : 0 };
	const char *error = "neither an RSA nor an EC key";
	enum outcome o = bare_len > 0 ? digest_parts(&whole, 1, ret->fingerprint, why) : OUTCOME_BROKEN;
	struct part public;

	ret->coordinate = 0;
	if (bare_len > 0 && kind == EVP_PKEY_RSA)
		error = put_rsa(&w, key);
	else if (bare_len > 0 && kind == EVP_PKEY_EC)
		error = put_ec(&w, key, bare, (size_t)bare_len, &ret->coordinate);
	OPENSSL_free(bare);
	if (error || o != OUTCOME_OK || !w.ok)
		return refuse(why, path, error ? error : "it does not fit");
	ret->public_len = (size_t)(w.p - ret->public_part);
	ret->public_part[0] = (uint8_t)((ret->public_len - 2) >> 8);
	ret->public_part[1] = (uint8_t)(ret->public_len - 2);
	ret->name[0] = 0;
	ret->name[1] = ALG_SHA256;
	public = (struct part){ ret->public_part + 2, ret->public_len - 2 };
	return digest_parts(&public, 1, ret->name + 2, why);
}

static EVP_PKEY *public_of(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)len);
	BIO *b = key ? NULL : BIO_new_mem_buf(bytes, (int)len);
	X509 *x;

	if (b)
		key = PEM_read_bio_PUBKEY(b, NULL, NULL, NULL);
	BIO_free(b);
	if (key)
		return key;
	x = certificate_read(bytes, len);
	key = x ? X509_get_pubkey(x) : NULL;
	X509_free(x);
	return key;
}

enum outcome policykey_read(const char *path, const void *bytes, size_t len, struct policykey *ret, struct why *why)
{
	PKEY_SCOPE key = len <= POLICYKEY_FILE_MAX ? public_of(bytes, len) : NULL;

	ERR_clear_error(); /* of the forms that it is not */
	return key ? describe(path, key, ret, why) : refuse(why, path, "no public key and no certificate, neither PEM nor DER");
}

/* The next PEM block of whatever kind; false: there is none. */
static bool next_pem(const char **p, const char *end, const char **ret, size_t *ret_len)
{
	const char *begin = memmem(*p, (size_t)(end - *p), "-----BEGIN ", 11), *last = begin;

	last = begin ? memmem(begin, (size_t)(end - begin), "-----END ", 9) : NULL;
	if (!last)
		return false;
	last = memchr(last, '\n', (size_t)(end - last));
	*ret = begin;
	*p = last ? last + 1 : end;
	*ret_len = (size_t)(*p - begin);
	return true;
}

enum outcome policykey_read_all(const char *path, const void *bytes, size_t len, struct policykey *ret, size_t max, size_t *ret_count,
                                struct why *why)
{
	const char *p = bytes, *end = p + len, *pem;
	enum outcome o = OUTCOME_OK;
	size_t n;

	for (*ret_count = 0; o == OUTCOME_OK && next_pem(&p, end, &pem, &n); *ret_count += o == OUTCOME_OK) {
		if (*ret_count == max)
			return refuse(why, path, "it has more keys than there may be");
		o = policykey_read(path, pem, n, &ret[*ret_count], why);
	}
	if (o == OUTCOME_OK && *ret_count == 0) {
		o = policykey_read(path, bytes, len, ret, why);
		*ret_count = o == OUTCOME_OK;
	}
	return o;
}

void policykey_signer(const struct policykey *k, unsigned epoch, struct seal_signer *ret)
{
	char ref[PCRSIG_REF_MAX];

	*ret = (struct seal_signer){ .key_len = k->public_len, .ref_len = pcrsig_ref(epoch, ref) };
	memcpy(ret->key, k->public_part, k->public_len);
	memcpy(ret->ref, ref, ret->ref_len);
}

/* -- signatures ----------------------------------------------------------------------------- */

/* What is signed: the policy's digest and the epoch's reference behind it. */
struct message {
	uint8_t bytes[PCRSIG_DIGEST_LEN + PCRSIG_REF_MAX];
	size_t len;
};

static struct message message_of(const uint8_t policy[static PCRSIG_DIGEST_LEN], unsigned epoch)
{
	struct message m;
	char ref[PCRSIG_REF_MAX];

	m.len = PCRSIG_DIGEST_LEN + pcrsig_ref(epoch, ref);
	memcpy(m.bytes, policy, PCRSIG_DIGEST_LEN);
	memcpy(m.bytes + PCRSIG_DIGEST_LEN, ref, m.len - PCRSIG_DIGEST_LEN);
	return m;
}

enum outcome policysigner_open(const struct signer_wish *w, struct policysigner **ret, struct policykey *ret_public, struct why *why)
{
	PKEY_SCOPE key = NULL;
	unsigned char *der = NULL;
	int len;
	enum outcome o = private_key_read(w, &key, why);

	*ret = NULL;
	if (o != OUTCOME_OK)
		return o;
	/* by way of its encoding: a token's key does not tell its numbers */
	len = i2d_PUBKEY(key, &der);
	o = len > 0 ? policykey_read(w->key, der, (size_t)len, ret_public, why) : crypto_failed(why, "read the public half of", w->key);
	OPENSSL_free(der);
	if (o != OUTCOME_OK)
		return o;
	*ret = malloc(sizeof(**ret));
	if (!*ret)
		return crypto_failed(why, "allocate", w->key);
	(*ret)->key = key;
	key = NULL;
	return OUTCOME_OK;
}

void policysigner_close(struct policysigner **s)
{
	if (*s)
		EVP_PKEY_free((*s)->key);
	free(*s);
	*s = NULL;
}

enum outcome policysigner_sign(const struct policysigner *s, const uint8_t policy[static PCRSIG_DIGEST_LEN], unsigned epoch,
                               struct signature *ret, struct why *why)
{
	const struct message m = message_of(policy, epoch);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok;

	ret->len = sizeof(ret->bytes);
	ok = c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, s->key) == 1 &&
	     EVP_DigestSign(c, ret->bytes, &ret->len, m.bytes, m.len) == 1;
	EVP_MD_CTX_free(c);
	return ok ? OUTCOME_OK : crypto_failed(why, "sign", "PCR policy");
}

enum outcome policykey_verify(const char *path, const void *bytes, size_t len, const uint8_t policy[static PCRSIG_DIGEST_LEN],
                              unsigned epoch, const struct signature *s, struct why *why)
{
	const struct message m = message_of(policy, epoch);
	PKEY_SCOPE key = len <= POLICYKEY_FILE_MAX ? public_of(bytes, len) : NULL;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = key && c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
	          EVP_DigestVerify(c, s->bytes, s->len, m.bytes, m.len) == 1;

	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok ? OUTCOME_OK : refuse(why, path, "the signature is not this key's over this policy");
}

static bool put_ecdsa(struct writer *w, const struct signature *s, size_t coordinate)
{
	const unsigned char *p = s->bytes;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)s->len);
	uint8_t number[POINT_MAX / 2];
	bool ok = sig && p == s->bytes + s->len;

	put_number(w, ALG_ECDSA, 2);
	put_number(w, ALG_SHA256, 2);
	for (int i = 0; ok && i < 2; i++) {
		ok = BN_bn2binpad(i ? ECDSA_SIG_get0_s(sig) : ECDSA_SIG_get0_r(sig), number, (int)coordinate) == (int)coordinate;
		put_sized(w, number, coordinate);
	}
	ECDSA_SIG_free(sig);
	return ok;
}

enum outcome policykey_approval(const struct policykey *k, unsigned epoch, const struct signature *s, struct seal_approval *ret,
                                struct why *why)
{
	struct writer w = { ret->signature, sizeof(ret->signature), true };

	policykey_signer(k, epoch, &ret->by);
	ret->signature_len = 0;
	if (k->coordinate && !put_ecdsa(&w, s, k->coordinate))
		return refuse(why, "signature", "not an ECDSA signature in DER");
	if (!k->coordinate) {
		put_number(&w, ALG_RSASSA, 2);
		put_number(&w, ALG_SHA256, 2);
		put_sized(&w, s->bytes, s->len);
	}
	if (!w.ok)
		return refuse(why, "signature", "it does not fit");
	ret->signature_len = (size_t)(w.p - ret->signature);
	return OUTCOME_OK;
}
