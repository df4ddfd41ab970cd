#include "crypto/keyset.h"

#include "core/evmmessage.h"
#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX 32
#define CHUNK (256 * 1024)
#define SIGNATURE_HEADER 9

struct key {
	enum prover_ring ring;
	uint32_t id;
	uint8_t hash[32]; /* of the certificate: another one may have the same id */
	EVP_PKEY *pkey;
};

struct keyset {
	struct key key[KEYS_MAX];
	size_t count;
	bool complete[RING_COUNT];
	bool no_ecdsa, no_p521; /* not in this kernel */
	size_t unusable;
	struct secret hmac; /* zero-padded to what the kernel uses; len 0: not at hand */
};

struct keyset *keyset_new(void)
{
	return calloc(1, sizeof(struct keyset));
}

void keyset_free(struct keyset **k)
{
	if (!*k)
		return;
	for (size_t i = 0; i < (*k)->count; i++)
		EVP_PKEY_free((*k)->key[i].pkey);
	secret_wipe(&(*k)->hmac);
	free(*k);
	*k = NULL;
}

void keyset_curves(struct keyset *k, bool ecdsa, bool p521)
{
	k->no_ecdsa = !ecdsa;
	k->no_p521 = !p521;
}

static enum outcome refuse(struct why *why, const char *path, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "certificate", path);
	why_detail(why, detail);
	return OUTCOME_REFUSED;
}

/* Those of crypto/asymmetric_keys/x509_cert_parser.c. */
static enum outcome usable(const struct keyset *k, const EVP_PKEY *pkey, const char *path, struct why *why)
{
	char curve[32] = "";
	bool p521;

	if (pkey && EVP_PKEY_base_id(pkey) == EVP_PKEY_RSA)
		return OUTCOME_OK;
	if (!pkey || EVP_PKEY_base_id(pkey) != EVP_PKEY_EC || EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL) != 1)
		return refuse(why, path, "neither an RSA nor an ECDSA key");
	p521 = !strcmp(curve, SN_secp521r1);
	if (strcmp(curve, SN_X9_62_prime256v1) != 0 && strcmp(curve, SN_secp384r1) != 0 && strcmp(curve, SN_X9_62_prime192v1) != 0 && !p521)
		return refuse(why, path, "an ECDSA key, but none of P-256, P-384, P-521");
	if (!k->no_ecdsa && !(p521 && k->no_p521))
		return OUTCOME_OK;
	(void)refuse(why, path, "an ECDSA key, which this kernel cannot use");
	return OUTCOME_ABSENT;
}

static enum outcome add(struct keyset *k, enum prover_ring ring, const char *path, X509 *x, struct why *why)
{
	struct key key = { .ring = ring };
	enum outcome o;

	if (k->count == KEYS_MAX)
		return refuse(why, path, "more than 32 certificates");
	if (!certificate_keyid(x, &key.id))
		return refuse(why, path, "no SubjectKeyIdentifier: make it with one (see keys/), the kernel finds keys by it");
	if (X509_digest(x, EVP_sha256(), key.hash, NULL) != 1)
		return crypto_failed(why, "X509_digest", path);
	key.pkey = X509_get_pubkey(x);
	o = usable(k, key.pkey, path, why);
	if (o != OUTCOME_OK) {
		EVP_PKEY_free(key.pkey);
		return o;
	}
	k->key[k->count++] = key;
	return OUTCOME_OK;
}

enum outcome keyset_add(struct keyset *k, enum prover_ring ring, const char *path, const void *bytes, size_t len,
                        struct why *why)
{
	X509 *x = certificate_read(bytes, len);
	enum outcome o;

	if (!x)
		return refuse(why, path, "no X.509 certificate, neither DER nor PEM");
	o = add(k, ring, path, x, why);
	X509_free(x);
	return o;
}

struct ring_of {
	struct keyset *k;
	enum prover_ring ring;
};

static enum outcome add_one(X509 *x, const char *path, void *arg, struct why *why)
{
	const struct ring_of *r = arg;

	enum outcome o = add(r->k, r->ring, path, x, why);

	r->k->unusable += o == OUTCOME_ABSENT;
	return o == OUTCOME_ABSENT ? OUTCOME_OK : o;
}

size_t keyset_unusable(const struct keyset *k)
{
	return k->unusable;
}

enum outcome keyset_add_dir(struct keyset *k, enum prover_ring ring, int root, const char *dir, struct why *why)
{
	struct ring_of r = { k, ring };
	enum outcome o = certificate_each(root, dir, add_one, &r, why);

	k->complete[ring] = o == OUTCOME_OK;
	return o;
}

void keyset_close(struct keyset *k, enum prover_ring ring)
{
	k->complete[ring] = true;
}

void keyset_hmac(struct keyset *k, const struct secret *key)
{
	secret_wipe(&k->hmac);
	if (key->len > EVM_HMAC_KEY_LEN)
		return;
	memcpy(k->hmac.bytes, key->bytes, key->len);
	k->hmac.len = EVM_HMAC_KEY_LEN;
}

enum outcome keyset_fingerprint(const struct keyset *k, uint8_t ret[static 32], struct why *why)
{
	static const char label[] = "imagate keyset";
	uint8_t mac[32] = { 0 };
	unsigned mac_len = sizeof(mac);
	struct part parts[KEYS_MAX + 2];
	size_t n = 0;

	if (k->hmac.len && !HMAC(EVP_sha256(), k->hmac.bytes, (int)k->hmac.len, (const uint8_t *)label, sizeof(label), mac, &mac_len))
		return crypto_failed(why, "HMAC", "EVM key");
	parts[n++] = (struct part){ mac, sizeof(mac) };
	parts[n++] = (struct part){ k->complete, sizeof(k->complete) };
	for (size_t i = 0; i < k->count; i++)
		parts[n++] = (struct part){ &k->key[i], offsetof(struct key, pkey) };
	return digest_parts(parts, n, ret, why);
}

/* -- proving ---------------------------------------------------------------------------- */

struct state {
	const struct keyset *keys;
	EVP_MD_CTX *ctx;
	EVP_MAC_CTX *hmac;      /* with the key in it; NULL: not at hand */
	EVP_MD *md[HASH_COUNT]; /* fetched once: it costs more than hashing a small file */
	uint8_t chunk[CHUNK];
};

static const EVP_MD *md_of(struct state *s, int algo)
{
	const char *name = hash_algo_name(algo);

	if (!name)
		return NULL;
	if (!s->md[algo])
		s->md[algo] = EVP_MD_fetch(NULL, name, NULL);
	return s->md[algo];
}

static bool begin(struct state *s, int algo, size_t size)
{
	const EVP_MD *md = md_of(s, algo);

	return md && hash_algo_size(algo) <= size && EVP_DigestInit_ex2(s->ctx, md, NULL) == 1;
}

static enum outcome end(struct state *s, uint8_t *ret, size_t *ret_len, struct why *why)
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(s->ctx, ret, &len) != 1)
		return crypto_failed(why, "EVP_DigestFinal_ex", "");
	*ret_len = len;
	return OUTCOME_OK;
}

static enum outcome absent(struct why *why, int algo)
{
	why_set(why, WHY_TEXT, 0, "digest", hash_algo_name(algo) ? hash_algo_name(algo) : "unknown algorithm");
	return OUTCOME_ABSENT;
}

static enum outcome prove_file(void *state, int fd, int algo, uint8_t *ret, size_t size, size_t *ret_len, struct why *why)
{
	struct state *s = state;

	if (!begin(s, algo, size))
		return absent(why, algo);
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, s->chunk, sizeof(s->chunk), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			why_set(why, WHY_ERRNO, errno, "read", "file to digest");
			return OUTCOME_BROKEN;
		}
		if (n > 0 && EVP_DigestUpdate(s->ctx, s->chunk, (size_t)n) != 1)
			return crypto_failed(why, "EVP_DigestUpdate", "");
		if (n == 0)
			return end(s, ret, ret_len, why);
		at += n;
	}
}

static enum outcome prove_bytes(void *state, const struct xattr *parts, size_t count, int algo, uint8_t *ret, size_t size,
                                size_t *ret_len, struct why *why)
{
	struct state *s = state;

	if (!begin(s, algo, size))
		return absent(why, algo);
	for (size_t i = 0; i < count; i++)
		if (EVP_DigestUpdate(s->ctx, parts[i].p, parts[i].len) != 1)
			return crypto_failed(why, "EVP_DigestUpdate", "");
	return end(s, ret, ret_len, why);
}

static enum proof verify(struct state *s, EVP_PKEY *pkey, const struct xattr *x, const uint8_t *digest, size_t len)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pkey, NULL);
	const EVP_MD *md = md_of(s, x->p[2]);
	bool ok = c && md && EVP_PKEY_verify_init(c) == 1 &&
	          (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1) &&
	          EVP_PKEY_CTX_set_signature_md(c, md) == 1 &&
	          EVP_PKEY_verify(c, x->p + SIGNATURE_HEADER, x->len - SIGNATURE_HEADER, digest, len) == 1;

	EVP_PKEY_CTX_free(c);
	return ok ? PROOF_GOOD : PROOF_BAD;
}

static enum proof prove_signature(void *state, enum prover_ring ring, const struct xattr *x, const uint8_t *digest, size_t len)
{
	struct state *s = state;
	uint32_t id;

	if (x->len <= SIGNATURE_HEADER || (x->p[1] != 2 && x->p[1] != 3) || x->p[2] >= HASH_COUNT ||
	    (size_t)(x->p[7] << 8 | x->p[8]) != x->len - SIGNATURE_HEADER)
		return PROOF_BAD;
	id = (uint32_t)x->p[3] << 24 | (uint32_t)x->p[4] << 16 | (uint32_t)x->p[5] << 8 | x->p[6];
	for (size_t i = 0; i < s->keys->count; i++)
		if (s->keys->key[i].ring == ring && s->keys->key[i].id == id)
			return verify(s, s->keys->key[i].pkey, x, digest, len);
	return s->keys->complete[ring] ? PROOF_BAD : PROOF_NO_KEY;
}

static enum proof prove_hmac(void *state, const struct xattr *parts, size_t count, const uint8_t mac[static 20])
{
	const struct state *s = state;
	uint8_t is[EVM_HMAC_LEN];
	size_t len = 0;
	bool ok;

	if (!s->hmac)
		return PROOF_NO_KEY;
	ok = EVP_MAC_init(s->hmac, NULL, 0, NULL) == 1; /* again, with the same key */
	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_MAC_update(s->hmac, parts[i].p, parts[i].len) == 1;
	ok = ok && EVP_MAC_final(s->hmac, is, &len, sizeof(is)) == 1 && len == sizeof(is) &&
	     CRYPTO_memcmp(is, mac, sizeof(is)) == 0;
	return ok ? PROOF_GOOD : PROOF_BAD;
}

static bool open_hmac(struct state *s, const struct secret *key)
{
	char sha1[] = "SHA1";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac;

	if (!key->len)
		return true;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	s->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac); /* the context holds it */
	return s->hmac && EVP_MAC_init(s->hmac, key->bytes, key->len, params) == 1;
}

enum outcome prover_open(const struct keyset *k, struct prover *ret, struct why *why)
{
	struct state *s = calloc(1, sizeof(*s));

	*ret = (struct prover){ .state = s, .file = prove_file, .bytes = prove_bytes, .signature = prove_signature, .hmac = prove_hmac };
	if (s)
		s->ctx = EVP_MD_CTX_new();
	if (!s || !s->ctx || !open_hmac(s, &k->hmac)) {
		prover_close(ret);
		return crypto_failed(why, "allocate", "prover");
	}
	s->keys = k;
	return OUTCOME_OK;
}

void prover_close(struct prover *p)
{
	struct state *s = p->state;

	if (!s)
		return;
	for (int i = 0; i < HASH_COUNT; i++)
		EVP_MD_free(s->md[i]);
	EVP_MAC_CTX_free(s->hmac);
	EVP_MD_CTX_free(s->ctx);
	free(s);
	p->state = NULL;
}
