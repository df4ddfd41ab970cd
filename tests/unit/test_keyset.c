/* Keys that labels are proven with: which certificates are taken, which signatures they prove. */
#include "certs.h"

#include "core/evmmessage.h"
#include "crypto/keyset.h"

#include <fcntl.h>

#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t rsa_id[] = { 0xff, 1, 2, 3, 4 }, ec_id[] = { 0xff, 5, 6, 7, 0x88 }; /* by their last four bytes */
static const uint8_t digest[32] = { 1, 2, 3 };
static EVP_PKEY *rsa, *ec, *other;
static struct keyset *keys;
static uint8_t der[4096];

static int setup(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	other = EVP_EC_gen("P-384");
	keys = keyset_new();
	return rsa && ec && other && keys ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(other);
	keyset_free(&keys);
	assert_null(keys);
	keyset_free(&keys); /* nothing twice */
	return 0;
}

static enum outcome add(struct keyset *k, enum prover_ring ring, EVP_PKEY *key, const uint8_t *id, int id_len)
{
	struct why why = { 0 };
	enum outcome o = keyset_add(k, ring, "/cert", der, cert_make(key, id, id_len, der, sizeof(der)), &why);

	assert_int_equal(o == OUTCOME_OK, why.domain == WHY_NONE);
	return o;
}

static void test_certificates(void **state)
{
	struct why why = { 0 };
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	size_t len = cert_make(rsa, rsa_id, sizeof(rsa_id), der, sizeof(der));
	struct keyset *k = keyset_new();

	(void)state;
	assert_int_equal(keyset_add(k, RING_IMA, "/x", der, len, &why), OUTCOME_OK);
	assert_int_equal(keyset_add(k, RING_IMA, "/x", der, len - 1, &why), OUTCOME_REFUSED);
	assert_int_equal(keyset_add(k, RING_IMA, "/x", "", 0, &why), OUTCOME_REFUSED);
	assert_int_equal(keyset_add(k, RING_IMA, "/x", "garbage", 7, &why), OUTCOME_REFUSED);
	assert_int_equal(add(k, RING_IMA, ed, rsa_id, sizeof(rsa_id)), OUTCOME_REFUSED); /* no key for the kernel */
	assert_int_equal(add(k, RING_IMA, ec, rsa_id, 0), OUTCOME_REFUSED);
	assert_int_equal(add(k, RING_IMA, ec, rsa_id, 3), OUTCOME_REFUSED);
	for (int i = 1; i < 32; i++)
		assert_int_equal(add(k, RING_EVM, ec, rsa_id, 4), OUTCOME_OK);
	assert_int_equal(add(k, RING_EVM, ec, rsa_id, 4), OUTCOME_REFUSED);
	EVP_PKEY_free(ed);
	keyset_free(&k);
}

static void test_pem(void **state)
{
	const uint8_t *p = der;
	size_t len = cert_make(ec, ec_id, sizeof(ec_id), der, sizeof(der));
	X509 *x = d2i_X509(NULL, &p, (long)len);
	BIO *b = BIO_new(BIO_s_mem());
	char *text;
	long text_len;

	(void)state;
	assert_true(x && b && PEM_write_bio_X509(b, x));
	text_len = BIO_get_mem_data(b, &text);
	assert_int_equal(keyset_add(keys, RING_EVM, "/pem", text, (size_t)text_len, NULL), OUTCOME_OK);
	BIO_free(b);
	X509_free(x);
}

/* What is done to a label before it is proven: one byte becomes another. */
static const struct {
	EVP_PKEY **key;
	const uint8_t *id;
	enum prover_ring ring;
	size_t at;    /* 0: nothing is changed */
	uint8_t flip;
	int cut;      /* bytes off its end */
	enum proof proof, complete; /* also once all keys are known */
} labels[] = {
	{ &rsa, rsa_id, RING_IMA, 0, 0, 0, PROOF_GOOD, PROOF_GOOD },
	{ &ec, ec_id, RING_EVM, 0, 0, 0, PROOF_GOOD, PROOF_GOOD },
	{ &rsa, rsa_id, RING_EVM, 0, 0, 0, PROOF_NO_KEY, PROOF_BAD },  /* the other ring's */
	{ &other, rsa_id, RING_IMA, 0, 0, 0, PROOF_BAD, PROOF_BAD },   /* a forgery under a known id */
	{ &ec, rsa_id, RING_IMA, 0, 0, 0, PROOF_BAD, PROOF_BAD },
	{ &rsa, rsa_id, RING_IMA, 6, 1, 0, PROOF_NO_KEY, PROOF_BAD },  /* keyid */
	{ &rsa, rsa_id, RING_IMA, 40, 1, 0, PROOF_BAD, PROOF_BAD },    /* signature */
	{ &ec, ec_id, RING_EVM, 9, 1, 0, PROOF_BAD, PROOF_BAD },       /* its ASN.1 */
	{ &ec, ec_id, RING_EVM, 30, 0x80, 0, PROOF_BAD, PROOF_BAD },
	{ &rsa, rsa_id, RING_IMA, 2, HASH_SHA256 ^ HASH_SHA512, 0, PROOF_BAD, PROOF_BAD },
	{ &rsa, rsa_id, RING_IMA, 2, 0x80, 0, PROOF_BAD, PROOF_BAD },  /* no algorithm */
	{ &rsa, rsa_id, RING_IMA, 2, HASH_SHA256 ^ HASH_TGR192, 0, PROOF_BAD, PROOF_BAD }, /* one that OpenSSL has not */
	{ &rsa, rsa_id, RING_IMA, 1, 3, 0, PROOF_BAD, PROOF_BAD },     /* version 1 */
	{ &rsa, rsa_id, RING_IMA, 1, 6, 0, PROOF_BAD, PROOF_BAD },     /* version 4 */
	{ &rsa, rsa_id, RING_IMA, 8, 1, 0, PROOF_BAD, PROOF_BAD },     /* size */
	{ &rsa, rsa_id, RING_IMA, 0, 0, 1, PROOF_BAD, PROOF_BAD },
	{ &rsa, rsa_id, RING_IMA, 0, 0, 256, PROOF_BAD, PROOF_BAD },
	{ &rsa, rsa_id, RING_IMA, 0, 0, 265, PROOF_BAD, PROOF_BAD },
};

static void prove_labels(const struct keyset *k, bool complete)
{
	struct prover p;

	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	for (size_t i = 0; i < ROWS(labels); i++) {
		uint8_t bytes[SIGNED_MAX];
		struct xattr x = label_sign(*labels[i].key, 3, labels[i].id + 1, digest, bytes);
		enum proof is;

		bytes[labels[i].at] ^= labels[i].flip;
		x.len -= (size_t)labels[i].cut;
		is = p.signature(p.state, labels[i].ring, &x, digest, sizeof(digest));
		if (is != (complete ? labels[i].complete : labels[i].proof))
			fail_msg("row %zu: %d", i, is);
	}
	prover_close(&p);
	prover_close(&p); /* nothing twice */
}

static void test_signatures(void **state)
{
	uint8_t bytes[SIGNED_MAX], changed[32];
	struct keyset *k = keyset_new();
	struct xattr x = label_sign(rsa, 3, rsa_id + 1, digest, bytes);
	struct prover p;

	(void)state;
	assert_int_equal(add(k, RING_IMA, rsa, rsa_id, sizeof(rsa_id)), OUTCOME_OK);
	assert_int_equal(add(k, RING_EVM, ec, ec_id, sizeof(ec_id)), OUTCOME_OK);
	prove_labels(k, false);
	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	memcpy(changed, digest, sizeof(changed));
	changed[31] ^= 1;
	assert_int_equal(p.signature(p.state, RING_IMA, &x, digest, sizeof(digest)), PROOF_GOOD);
	assert_int_equal(p.signature(p.state, RING_IMA, &x, changed, sizeof(changed)), PROOF_BAD);
	assert_int_equal(p.signature(p.state, RING_IMA, &x, digest, 20), PROOF_BAD); /* not of that algorithm */
	prover_close(&p);
	/* directories without a certificate more: now all are known */
	assert_int_equal(keyset_add_dir(k, RING_IMA, AT_FDCWD, "tests/unit", NULL), OUTCOME_OK);
	assert_int_equal(keyset_add_dir(k, RING_EVM, AT_FDCWD, "tests/unit", NULL), OUTCOME_OK);
	prove_labels(k, true);
	keyset_free(&k);
	/* the same where it is said of rings that no directory is for */
	k = keyset_new();
	assert_int_equal(add(k, RING_IMA, rsa, rsa_id, sizeof(rsa_id)), OUTCOME_OK);
	assert_int_equal(add(k, RING_EVM, ec, ec_id, sizeof(ec_id)), OUTCOME_OK);
	keyset_close(k, RING_IMA);
	keyset_close(k, RING_EVM);
	prove_labels(k, true);
	keyset_free(&k);
}

static void test_hmac(void **state)
{
	/* over "what is it over": Python's hmac, key 0..31 and zeros up to 128, SHA-1 */
	static const uint8_t mac[EVM_HMAC_LEN] = { 0x9c, 0x82, 0x89, 0xe3, 0x3c, 0x29, 0x29, 0xf5, 0x97, 0x27,
		0x56, 0xf0, 0x25, 0xdd, 0x72, 0x44, 0x1f, 0x1a, 0xcf, 0xcb };
	const struct xattr parts[] = { { (const uint8_t *)"what is it ", 11 }, { (const uint8_t *)"over", 4 } };
	struct keyset *k = keyset_new();
	SECRET key = { .len = 32 };
	struct prover p;

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		key.bytes[i] = i;
	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	assert_int_equal(p.hmac(p.state, parts, 2, mac), PROOF_NO_KEY);
	prover_close(&p);
	keyset_hmac(k, &key);
	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(p.hmac(p.state, parts, 2, mac), PROOF_GOOD);
		assert_int_equal(p.hmac(p.state, parts, 1, mac), PROOF_BAD);
		assert_int_equal(p.hmac(p.state, parts, 0, mac), PROOF_BAD);
	}
	prover_close(&p);
	key.bytes[31] ^= 1;
	keyset_hmac(k, &key);
	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	assert_int_equal(p.hmac(p.state, parts, 2, mac), PROOF_BAD);
	prover_close(&p);
	keyset_free(&k);
}

static void test_digests(void **state)
{
	static const uint8_t hello[] = { 0x58, 0x91, 0xb5, 0xb5, 0x22, 0xd5, 0xdf, 0x08 }; /* sha256 of "hello\n", its beginning */
	const struct xattr parts[] = { { (const uint8_t *)"hel", 3 }, { (const uint8_t *)"lo\n", 3 } };
	char name[] = "/tmp/imagate-keyset-XXXXXX";
	int fd = mkstemp(name);
	uint8_t is[64];
	struct prover p;
	size_t len;

	(void)state;
	assert_true(fd >= 0 && unlink(name) == 0 && write(fd, "hello\n", 6) == 6);
	assert_int_equal(prover_open(keys, &p, NULL), OUTCOME_OK);
	assert_int_equal(p.file(p.state, fd, HASH_SHA256, is, sizeof(is), &len, NULL), OUTCOME_OK);
	assert_int_equal(len, 32);
	assert_memory_equal(is, hello, sizeof(hello));
	assert_int_equal(p.bytes(p.state, parts, 2, HASH_SHA256, is, sizeof(is), &len, NULL), OUTCOME_OK);
	assert_memory_equal(is, hello, sizeof(hello));
	assert_int_equal(p.file(p.state, fd, HASH_SHA3_256, is, sizeof(is), &len, NULL), OUTCOME_OK);
	assert_int_equal(p.file(p.state, fd, HASH_SHA512, is, 32, &len, NULL), OUTCOME_ABSENT); /* no room */
	assert_int_equal(p.file(p.state, fd, HASH_TGR192, is, sizeof(is), &len, NULL), OUTCOME_ABSENT);
	assert_int_equal(p.file(p.state, fd, HASH_COUNT, is, sizeof(is), &len, NULL), OUTCOME_ABSENT);
	assert_int_equal(p.file(p.state, fd, -1, is, sizeof(is), &len, NULL), OUTCOME_ABSENT);
	(void)close(fd);
	assert_int_equal(p.file(p.state, fd, HASH_SHA256, is, sizeof(is), &len, NULL), OUTCOME_BROKEN);
	prover_close(&p);
}

/* Each step makes another one. */
static void test_fingerprint(void **state)
{
	struct keyset *k = keyset_new();
	uint8_t mark[8][32], again[32];
	SECRET key = { .len = 32 };
	size_t n = 0;

	(void)state;
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	assert_int_equal(add(k, RING_IMA, rsa, rsa_id, 4), OUTCOME_OK);
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	assert_int_equal(keyset_add_dir(k, RING_IMA, AT_FDCWD, "tests/unit", NULL), OUTCOME_OK);
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	keyset_hmac(k, &key);
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	assert_int_equal(keyset_fingerprint(k, again, NULL), OUTCOME_OK);
	assert_memory_equal(again, mark[n - 1], 32);
	keyset_free(&k);
	k = keyset_new();
	assert_int_equal(add(k, RING_EVM, rsa, rsa_id, 4), OUTCOME_OK); /* another ring */
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	keyset_free(&k);
	k = keyset_new();
	assert_int_equal(add(k, RING_IMA, ec, rsa_id, 4), OUTCOME_OK); /* another key with the same id */
	assert_int_equal(keyset_fingerprint(k, mark[n++], NULL), OUTCOME_OK);
	keyset_free(&k);
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			assert_memory_not_equal(mark[a], mark[b], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_pem),     cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_hmac),         cmocka_unit_test(test_digests), cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
