/* Approving PCR values: a P-256 key that the request key gives, so that who was allowed to ask the gate may approve, and
 * whoever has the master key may, too. And the Macs of slots. Sources: TPM 2.0 Part 2, TPMT_PUBLIC and TPMT_SIGNATURE;
 * FIPS 186-5, A.2.2 (a scalar is taken, or the next tried). */
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <string.h>

#define SCALAR 32
#define POINT (1 + 2 * SCALAR)

static void pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}
#define PKEY_SCOPE __attribute__((cleanup(pkey_free))) EVP_PKEY *

static bool hmac(const struct secret *key, const void *text, size_t len, uint8_t ret[static 32])
{
	unsigned n = 32;

	return HMAC(EVP_sha256(), key->bytes, (int)key->len, text, len, ret, &n) && n == 32;
}

/* -- the key -------------------------------------------------------------------------------- */

static bool scalar(const struct secret *request_key, const EC_GROUP *g, BIGNUM *ret)
{
	uint8_t text[sizeof(APPROVAL_KEY_LABEL) + 1] = APPROVAL_KEY_LABEL, bytes[SCALAR];
	bool ok = false;

	for (int i = 0; !ok && i < 256; i++) {
		text[sizeof(APPROVAL_KEY_LABEL)] = (uint8_t)i;
		if (!hmac(request_key, text, sizeof(text), bytes) || !BN_bin2bn(bytes, SCALAR, ret))
			break;
		ok = !BN_is_zero(ret) && BN_cmp(ret, EC_GROUP_get0_order(g)) < 0;
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return ok;
}

/* d, and d times the generator */
static bool key_pair(const struct secret *request_key, BIGNUM *d, uint8_t ret_point[static POINT])
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *q = g ? EC_POINT_new(g) : NULL;
	bool ok = q && scalar(request_key, g, d) && EC_POINT_mul(g, q, d, NULL, NULL, NULL) &&
	          EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, ret_point, POINT, NULL) == POINT;

	EC_POINT_free(q);
	EC_GROUP_free(g);
	return ok;
}

static EVP_PKEY *private_key(const BIGNUM *d, const uint8_t point[static POINT])
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *ret = NULL;

	if (b && c && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, POINT))
		params = OSSL_PARAM_BLD_to_param(b);
	if (!params || EVP_PKEY_fromdata_init(c) <= 0 || EVP_PKEY_fromdata(c, &ret, EVP_PKEY_KEYPAIR, params) <= 0)
		ret = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(c);
	return ret;
}

/* -- as the TPM reads it ---------------------------------------------------------------------- */

static void signer_of(const uint8_t point[static POINT], struct seal_signer *ret)
{
	static const uint8_t head[] = {
		0, 0,                   /* size: below */
		0x00, 0x23, 0x00, 0x0b, /* TPM_ALG_ECC, its name by SHA-256 */
		0x00, 0x04, 0x00, 0x40, /* sign, userWithAuth */
		0x00, 0x00,             /* no policy */
		0x00, 0x10,             /* symmetric: none */
		0x00, 0x18, 0x00, 0x0b, /* ECDSA with SHA-256 */
		0x00, 0x03,             /* NIST P-256 */
		0x00, 0x10,             /* kdf: none */
	};
	uint8_t *p = ret->key;

	*ret = (struct seal_signer){ 0 };
	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	for (int i = 0; i < 2; i++) {
		*p++ = 0;
		*p++ = SCALAR;
		memcpy(p, point + 1 + i * SCALAR, SCALAR);
		p += SCALAR;
	}
	ret->key_len = (size_t)(p - ret->key);
	ret->key[1] = (uint8_t)(ret->key_len - 2);
}

/* TPMT_SIGNATURE out of DER */
static bool take_signature(const unsigned char *der, size_t len, struct seal_approval *ret)
{
	static const uint8_t head[] = { 0x00, 0x18, 0x00, 0x0b };
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	uint8_t *p = ret->signature;
	bool ok = sig;

	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	for (int i = 0; ok && i < 2; i++) {
		*p++ = 0;
		*p++ = SCALAR;
		ok = BN_bn2binpad(i ? ECDSA_SIG_get0_s(sig) : ECDSA_SIG_get0_r(sig), p, SCALAR) == SCALAR;
		p += SCALAR;
	}
	ECDSA_SIG_free(sig);
	ret->signature_len = ok ? (size_t)(p - ret->signature) : 0;
	return ok;
}

enum outcome approval_signer(const struct secret *request_key, struct seal_signer *ret, struct why *why)
{
	BIGNUM *d = BN_secure_new();
	uint8_t point[POINT];
	bool ok = d && key_pair(request_key, d, point);

	BN_clear_free(d);
	if (!ok)
		return crypto_failed(why, "derive", "approval key");
	signer_of(point, ret);
	return OUTCOME_OK;
}

enum outcome approval_sign(const struct secret *request_key, const uint8_t policy[static SEAL_BRANCH_LEN],
                           struct seal_approval *ret, struct why *why)
{
	BIGNUM *d = BN_secure_new();
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t point[POINT];
	unsigned char der[80];
	size_t len = sizeof(der);
	PKEY_SCOPE key = d && key_pair(request_key, d, point) ? private_key(d, point) : NULL;
	bool ok;

	*ret = (struct seal_approval){ 0 };
	ok = key && c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) > 0 &&
	     EVP_DigestSign(c, der, &len, policy, SEAL_BRANCH_LEN) > 0 && take_signature(der, len, ret);
	BN_clear_free(d);
	EVP_MD_CTX_free(c);
	if (!ok)
		return crypto_failed(why, "sign", "approval");
	signer_of(point, &ret->by);
	return OUTCOME_OK;
}

/* -- slots' Macs ------------------------------------------------------------------------------- */

/* By what the slot is: the key for those that were sealed, or for those that were approved. */
static bool mac_of(const struct secret *key, const struct seal_slot *s, uint8_t ret[static SEAL_MAC_LEN])
{
	static const char sealed[] = SLOT_KEY_LABEL, approved[] = APPROVAL_MAC_LABEL;
	bool is_approval = s->object.approval.signature_len;
	SECRET mac_key = { .len = 32 };
	char text[SEAL_SIGNED_MAX];
	size_t n = seal_slot_signed(s, text, sizeof(text));

	return n && hmac(key, is_approval ? approved : sealed, is_approval ? sizeof(approved) : sizeof(sealed), mac_key.bytes) &&
	       hmac(&mac_key, text, n, ret);
}

enum outcome slot_mac(const struct secret *key, struct seal_slot *s, struct why *why)
{
	s->has_mac = mac_of(key, s, s->mac);
	return s->has_mac ? OUTCOME_OK : crypto_failed(why, "HMAC", "slot");
}

enum outcome slot_mac_verify(const struct secret *master, const struct seal_slot *s, struct why *why)
{
	SECRET asking = { 0 };
	uint8_t mac[SEAL_MAC_LEN];
	const struct secret *key = master;

	if (s->object.approval.signature_len) {
		if (request_key(master, s->object.generation, &asking, why) != OUTCOME_OK)
			return OUTCOME_BROKEN;
		key = &asking;
	}
	if (!mac_of(key, s, mac))
		return crypto_failed(why, "HMAC", "slot");
	if (s->has_mac && CRYPTO_memcmp(mac, s->mac, sizeof(mac)) == 0)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "verify", "slot");
	why_detail(why, "its Mac is not this machine's: the seal was edited");
	return OUTCOME_REFUSED;
}
