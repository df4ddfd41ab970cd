/* Signing and verifying: detached signatures over policies, epochs, labels that the prover takes. */
#include "test.h"

#include "certs.h"
#include "core/policy.h"
#include "crypto/crypto.h"
#include "crypto/detached.h"
#include "crypto/keyset.h"
#include "crypto/signer.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/imagate-signing-XXXXXX";
static const uint8_t id_a[] = { 1, 2, 3, 4, 5 }, id_b[] = { 6, 7, 8, 9 };

static const char *at(const char *name)
{
	static char path[4][128];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void put(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void make_pair(const char *name, EVP_PKEY *key, const uint8_t *id, int id_len)
{
	uint8_t der[4096];
	char file[64];
	size_t len = cert_make(key, id, id_len, der, sizeof(der));
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s.key", name);
	f = fopen(at(file), "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(file, sizeof(file), "%s.der", name);
	put(file, der, len);
	EVP_PKEY_free(key);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(at("trust"), 0700), 0);
	assert_int_equal(mkdir(at("nobody"), 0700), 0);
	make_pair("rsa", EVP_RSA_gen(2048), id_a, sizeof(id_a));
	make_pair("trust/ec", EVP_EC_gen("P-256"), id_b, sizeof(id_b));
	make_pair("other", EVP_EC_gen("P-256"), id_b, sizeof(id_b));
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char policy[] = "# imagate-epoch: 7\nmeasure func=BPRM_CHECK\n";

static enum outcome verify(const char *trust, const char *text, size_t len, const uint8_t *sig, size_t sig_len)
{
	struct why why = { 0 };
	enum outcome o = detached_verify(AT_FDCWD, at(trust), "/policy", text, len, sig, sig_len, &why);

	assert_int_equal(o == OUTCOME_OK, why.domain == WHY_NONE);
	return o;
}

static void test_detached(void **state)
{
	struct why why = { 0 };
	char changed[sizeof(policy)];
	uint8_t *sig, *forged;
	size_t len, forged_len;

	(void)state;
	assert_int_equal(detached_sign(&(struct signer_wish){ at("trust/ec.key"), at("trust/ec.der"), NULL }, policy, sizeof(policy) - 1, &sig, &len, &why), OUTCOME_OK);
	assert_int_equal(verify("trust", policy, sizeof(policy) - 1, sig, len), OUTCOME_OK);
	assert_int_equal(verify("nobody", policy, sizeof(policy) - 1, sig, len), OUTCOME_REFUSED);
	for (size_t i = 0; i < sizeof(policy) - 1; i++) {
		memcpy(changed, policy, sizeof(policy));
		changed[i] ^= 1;
		assert_int_equal(verify("trust", changed, sizeof(policy) - 1, sig, len), OUTCOME_REFUSED);
	}
	assert_int_equal(verify("trust", policy, sizeof(policy) - 2, sig, len), OUTCOME_REFUSED);
	for (size_t cut = 0; cut < len; cut += 7)
		assert_int_equal(verify("trust", policy, sizeof(policy) - 1, sig, cut), OUTCOME_REFUSED);
	/* by a key of his own, under the same key identifier */
	assert_int_equal(detached_sign(&(struct signer_wish){ at("other.key"), at("other.der"), NULL }, policy, sizeof(policy) - 1, &forged, &forged_len, &why), OUTCOME_OK);
	assert_int_equal(verify("trust", policy, sizeof(policy) - 1, forged, forged_len), OUTCOME_REFUSED);
	free(sig);
	free(forged);
	/* a key and another's certificate; none at all */
	assert_int_equal(detached_sign(&(struct signer_wish){ at("other.key"), at("rsa.der"), NULL }, policy, 4, &sig, &len, &why), OUTCOME_REFUSED);
	assert_int_equal(detached_sign(&(struct signer_wish){ at("rsa.der"), at("rsa.der"), NULL }, policy, 4, &sig, &len, &why), OUTCOME_REFUSED);
	assert_int_equal(detached_sign(&(struct signer_wish){ at("none"), at("rsa.der"), NULL }, policy, 4, &sig, &len, &why), OUTCOME_BROKEN);
}

static const struct {
	const char *text;
	bool good;
	unsigned epoch, line;
} epochs[] = {
	{ "", true, 0, 0 },
	{ "measure\n", true, 0, 0 },
	{ "# imagate-epoch: 7\n", true, 7, 0 },
	{ "#imagate-epoch:999999999", true, 999999999, 0 },
	{ "measure\n\t\n# x\n#  imagate-epoch:  12 \r\nappraise\n", true, 12, 0 },
	{ "# my imagate-epoch: 7\n", true, 0, 0 },
	{ "measure # imagate-epoch: 7\n", true, 0, 0 },
	{ "# imagate-epoch: 0\n", false, 0, 1 },
	{ "# imagate-epoch: -1\n", false, 0, 1 },
	{ "# imagate-epoch:\n", false, 0, 1 },
	{ "# imagate-epoch: 1000000000\n", false, 0, 1 },
	{ "# imagate-epoch: 7\nmeasure\n# imagate-epoch: 8\n", false, 0, 3 },
	{ "# imagate-epoch: 07\n", false, 0, 1 },
};

static void test_epochs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(epochs); i++) {
		unsigned epoch, line;
		bool good = policy_epoch(epochs[i].text, strlen(epochs[i].text), &epoch, &line);

		if (good != epochs[i].good || (good && epoch != epochs[i].epoch) || (!good && line != epochs[i].line))
			fail_msg("row %zu: %d, epoch %u, line %u", i, good, epoch, line);
	}
}

/* What the signer makes the prover takes, and the kernel's own verdict is in the VM tests. */
static void test_labels(void **state)
{
	static const char *const names[] = { "rsa", "other" };
	static const int algos[] = { HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512 };
	uint8_t digest[64] = { 1, 2, 3 }, label[MAKER_LABEL_MAX];
	struct why why = { 0 };
	size_t len;

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		struct keyset *k = keyset_new();
		struct signer *s = NULL;
		struct prover p = { 0 };
		char key[64], cert[64], bytes[4096];
		FILE *f;
		size_t n;

		(void)snprintf(key, sizeof(key), "%s.key", names[i]);
		(void)snprintf(cert, sizeof(cert), "%s.der", names[i]);
		f = fopen(at(cert), "r");
		n = fread(bytes, 1, sizeof(bytes), f);
		(void)fclose(f);
		assert_int_equal(keyset_add(k, RING_IMA, cert, bytes, n, &why), OUTCOME_OK);
		assert_int_equal(prover_open(k, &p, &why), OUTCOME_OK);
		assert_int_equal(signer_open(&(struct signer_wish){ at(key), at(cert), NULL }, &s, &why), OUTCOME_OK);
		for (size_t a = 0; a < ROWS(algos); a++) {
			size_t size = hash_algo_size(algos[a]);
			struct xattr x = { label, 0 };

			assert_int_equal(signer_sign(s, 3, 2, algos[a], digest, size, label, &len, &why), OUTCOME_OK);
			x.len = len;
			assert_int_equal(p.signature(p.state, RING_IMA, &x, digest, size), PROOF_GOOD);
			digest[0] ^= 1; /* ECDSA takes no more of it than the curve has */
			assert_int_equal(p.signature(p.state, RING_IMA, &x, digest, size), PROOF_BAD);
			digest[0] ^= 1; /* ECDSA takes no more of it than the curve has */
			assert_memory_equal(label + 3, i == 0 ? id_a + 1 : id_b, 4);
		}
		assert_int_not_equal(signer_sign(s, 3, 2, 99, digest, 32, label, &len, &why), OUTCOME_OK);
		assert_int_not_equal(signer_sign(s, 3, 2, HASH_SHA256, digest, 20, label, &len, &why), OUTCOME_OK);
		signer_close(&s);
		prover_close(&p);
		keyset_free(&k);
	}
}

/* Over an fs-verity digest: type 6, version 3, and never taken for one over content. */
static void test_verity_labels(void **state)
{
	const struct signer *signers[MAKER_KEYS] = { NULL, NULL };
	const uint8_t digest[32] = { 1, 2, 3 };
	uint8_t label[MAKER_LABEL_MAX];
	struct signer *s = NULL;
	struct why why = { 0 };
	struct xattr x = { label, 0 };
	struct maker m;

	(void)state;
	assert_int_equal(signer_open(&(struct signer_wish){ at("trust/ec.key"), at("trust/ec.der"), NULL }, &s, &why), OUTCOME_OK);
	signers[MAKER_IMA] = s;
	assert_int_equal(maker_open(HASH_SHA256, signers, NULL, &m, &why), OUTCOME_OK);
	assert_int_equal(m.sign(m.state, MAKER_IMA, 6, digest, sizeof(digest), label, &x.len, &why), OUTCOME_OK);
	assert_memory_equal(label, ((const uint8_t[]){ 6, 3, HASH_SHA256 }), 3);
	assert_true(m.signed_by_us(m.state, MAKER_IMA, &x, digest, sizeof(digest)));
	label[1] = 2;
	assert_false(m.signed_by_us(m.state, MAKER_IMA, &x, digest, sizeof(digest)));
	label[0] = 3;
	assert_true(m.signed_by_us(m.state, MAKER_IMA, &x, digest, sizeof(digest))); /* the head alone tells them apart */
	label[1] = 3;
	assert_false(m.signed_by_us(m.state, MAKER_IMA, &x, digest, sizeof(digest)));
	maker_close(&m);
	signer_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detached), cmocka_unit_test(test_epochs), cmocka_unit_test(test_labels),
		cmocka_unit_test(test_verity_labels),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
