/* Keys, certificates and signed labels, made while the tests run. */
#ifndef IMAGATE_TESTS_UNIT_CERTS_H
#define IMAGATE_TESTS_UNIT_CERTS_H

#include "test.h"

#include "core/appraise.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define SIGNED_MAX 600

/* Self-signed, with this SubjectKeyIdentifier; id_len 0: without one. DER, its length back. */
static inline size_t cert_make(EVP_PKEY *key, const uint8_t *id, int id_len, uint8_t *ret, size_t size)
{
	X509 *x = X509_new();
	ASN1_OCTET_STRING *skid = ASN1_OCTET_STRING_new();
	uint8_t *der = NULL;
	int len;

	assert_true(x && skid && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
	assert_true(X509_gmtime_adj(X509_getm_notBefore(x), -20) && X509_gmtime_adj(X509_getm_notAfter(x), -10)); /* past: no matter */
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0));
	assert_true(X509_set_issuer_name(x, X509_get_subject_name(x)) && X509_set_pubkey(x, key));
	assert_true(ASN1_OCTET_STRING_set(skid, id, id_len));
	assert_true(!id_len || X509_add1_ext_i2d(x, NID_subject_key_identifier, skid, 0, 0));
	assert_true(X509_sign(x, key, EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()));
	len = i2d_X509(x, &der);
	assert_true(len > 0 && (size_t)len <= size);
	memcpy(ret, der, (size_t)len);
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(skid);
	X509_free(x);
	return (size_t)len;
}

/* A label of this type over a SHA-256 digest: header version 2, keyid big-endian. */
static inline struct xattr label_sign(EVP_PKEY *key, uint8_t type, const uint8_t id[4], const uint8_t digest[32],
                                      uint8_t ret[SIGNED_MAX])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	size_t len = SIGNED_MAX - 9;

	assert_true(c && EVP_PKEY_sign_init(c) == 1);
	assert_true(EVP_PKEY_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1);
	assert_true(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1);
	assert_int_equal(EVP_PKEY_sign(c, ret + 9, &len, digest, 32), 1);
	EVP_PKEY_CTX_free(c);
	memcpy(ret, ((const uint8_t[]){ type, 2, HASH_SHA256 }), 3);
	memcpy(ret + 3, id, 4);
	ret[7] = (uint8_t)(len >> 8);
	ret[8] = (uint8_t)len;
	return (struct xattr){ ret, 9 + len };
}

#endif
