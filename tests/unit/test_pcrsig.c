/* Signed PCR policies: the file, its JSON, and keys as a TPM has them. That systemd-measure says the same is in
 * tests/structure/pcrpolicy.sh; what a TPM makes of it in tests/tpm. */
#include "test.h"

#include "certs.h"
#include "core/base64.h"
#include "core/json.h"
#include "core/pcrsig.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "crypto/policykey.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY "de5e1db1e0f29eb84132a18d58752a90e761fd71c843fc61b9c0d9f305931114"
#define POL "8d4de8236d54822020b5edbd8096288e078209fb7e5975ce488693f408f7fc6d"
#define ENTRY "{\"pcrs\":[11],\"pkfp\":\"" KEY "\",\"pol\":\"" POL "\",\"sig\":\"AQID\"}"

/* -- base64 ------------------------------------------------------------------------------- */

static void test_base64(void **state)
{
	static const struct {
		const char *text, *bytes; /* bytes NULL: refused */
	} rows[] = {
		{ "", "" },         { "Zg==", "f" },        { "Zm8=", "fo" },         { "Zm9v", "foo" }, { "Zm9vYg==", "foob" }, { "Zh==", NULL },
		{ "Zm9=", NULL },   { "Zm9", NULL },        { "Z===", NULL },         { "====", NULL },  { "Zm 9", NULL },       { "Zg=v", NULL },
		{ "Zm9vYmFy", NULL }, /* more than fits */
	};
	uint8_t bytes[5];
	char text[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool ok = base64_decode(rows[i].text, strlen(rows[i].text), bytes, sizeof(bytes), &len);

		if (ok != (rows[i].bytes != NULL) || (ok && (len != strlen(rows[i].bytes) || memcmp(bytes, rows[i].bytes, len) != 0)))
			fail_msg("'%s'", rows[i].text);
		if (!ok)
			continue;
		base64_encode(bytes, len, text);
		assert_string_equal(text, rows[i].text);
	}
}

/* -- the file ------------------------------------------------------------------------------- */

struct seen {
	unsigned count;
	struct pcrsig last;
};

static void see(const struct pcrsig *s, void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	seen->last = *s;
}

static const struct {
	const char *text;
	int count; /* -1: refused */
	const char *error;
} files[] = {
	{ "{}", 0, NULL },
	{ "{\"sha256\":[" ENTRY "]}", 1, NULL },
	{ " {\n\"sha256\" : [ " ENTRY " , " ENTRY "\t] }\r\n", 2, NULL },
	{ "{\"sha1\":[{\"pcrs\":\"?\"}],\"sha256\":[" ENTRY "]}", 1, NULL },
	{ "{\"sha384\":[" ENTRY "],\"sha256\":[" ENTRY "]}", 2, NULL },
	/* systemd-measure policy-digest: to be signed elsewhere */
	{ "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"" KEY "\",\"pol\":\"" POL "\"}]}", 0, NULL },
	{ "{\"sha256\":[{\"pkfp\":\"" KEY "\",\"pol\":\"" POL "\",\"sig\":\"AQID\"}]}", 0, NULL },
	{ "{\"sha256\":[{\"more\":{\"a\":[1,-2.5e3,null,true,\"\\u00e4\"]},\"pcrs\":[11],\"pkfp\":\"" KEY "\",\"pol\":\"" POL "\",\"sig\":\"AQID\"}]}", 1, NULL },
	{ "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"" KEY "\",\"pol\":\"" POL "\",\"imagate-epoch\":3,\"imagate-sig\":\"AQ\\u0049D\\/w==\"}]}", 1, NULL },
	{ "", -1, "an object" },
	{ "[]", -1, "an object" },
	{ "{\"sha256\":{}}", -1, "an array" },
	{ "{\"sha256\":[" ENTRY "],\"sha256\":[]}", -1, "a bank is given twice" },
	{ "{\"sha256\":[" ENTRY "]} x", -1, "something follows" },
	{ "{\"sha256\":[" ENTRY "]", -1, "neither ','" },
	{ "{\"sha256\":[" ENTRY ENTRY "]}", -1, "neither ','" },
	{ "{\"sha256\":[" ENTRY ",]}", -1, "an object" },
	{ "{\"sha256\":[{\"pcrs\":[11,11]}]}", -1, "a PCR is listed twice" },
	{ "{\"sha256\":[{\"pcrs\":[]}]}", -1, "it lists no PCR" },
	{ "{\"sha256\":[{\"pcrs\":[24]}]}", -1, "too large" },
	{ "{\"sha256\":[{\"pcrs\":[-1]}]}", -1, "too large" },
	{ "{\"sha256\":[{\"pkfp\":\"00\"}]}", -1, "SHA-256" },
	{ "{\"sha256\":[{\"pol\":\"" POL "00\"}]}", -1, "SHA-256" },
	{ "{\"sha256\":[{\"sig\":\"\"}]}", -1, "Base64" },
	{ "{\"sha256\":[{\"sig\":\"AQI\"}]}", -1, "Base64" },
	{ "{\"sha256\":[{\"sig\":\"AQID\",\"sig\":\"AQID\"}]}", -1, "given twice" },
	{ "{\"sha256\":[{\"imagate-epoch\":0}]}", -1, "from 1 on" },
	{ "{\"sha256\":[{\"imagate-epoch\":1}]}", -1, "go together" },
	{ "{\"sha256\":[{\"imagate-sig\":\"AQID\"}]}", -1, "go together" },
	{ "{\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", -1, "nested" },
	{ "{\"x\":\"a\nb\"}", -1, "control character" },
	{ "{\"x\":\"a\\x\"}", -1, "escape" },
	{ "{\"x\":\"a\\u12", -1, "cut short" },
	{ "{\"x\":\"a", -1, "without an end" },
	{ "{\"x\"}", -1, "':'" },
	{ "{\"x\":}", -1, "a value" },
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(files); i++) {
		struct seen seen = { 0 };
		const char *error = NULL;
		unsigned line;
		bool ok = pcrsig_each(files[i].text, strlen(files[i].text), see, &seen, &line, &error);

		if (ok != (files[i].count >= 0) || (ok && (error || seen.count != (unsigned)files[i].count)))
			fail_msg("%s: %s, %u", files[i].text, error ? error : "taken", seen.count);
		if (!ok && (!error || !strstr(error, files[i].error) || line == 0))
			fail_msg("%s: line %u: %s", files[i].text, line, error ? error : "no word");
	}
}

static void test_line_and_padding(void **state)
{
	static const char padded[] = "{\"sha256\":[" ENTRY "]}\0\0\0";
	struct seen seen = { 0 };
	const char *error;
	unsigned line;

	(void)state;
	assert_false(pcrsig_each("{\n\"sha256\":\n[7]}", 16, see, &seen, &line, &error));
	assert_int_equal(line, 3);
	assert_true(pcrsig_each(padded, sizeof(padded), see, &seen, &line, &error)); /* a PE section */
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.pcrs.bank, PCR_BANK_SHA256);
	assert_int_equal(seen.last.pcrs.mask, 1u << 11);
	assert_int_equal(seen.last.key[0], 0xde);
	assert_int_equal(seen.last.plain.len, 3);
	assert_int_equal(seen.last.plain.bytes[2], 3);
}

/* systemd-measure and tpm2_policypcr say so, too */
static void test_policy(void **state)
{
	const struct pcr_selection pcrs = { PCR_BANK_SHA256, 1u << 11 };
	uint8_t value[32], digest[32], policy[32], want[32];
	const struct part part = { value, 32 };
	size_t n;

	(void)state;
	assert_true(hex_decode("6cad810133b025ac55634630bb4454a3afe25a72760aa1fa1674044d0c52da9c", 64, value, 32, &n));
	assert_true(hex_decode(POL, 64, want, 32, &n));
	assert_int_equal(digest_parts(&part, 1, digest, NULL), OUTCOME_OK);
	assert_true(pcrsig_policy(&pcrs, digest, digest_hash, NULL, policy));
	assert_memory_equal(policy, want, 32);
}

/* -- keys ----------------------------------------------------------------------------------- */

static char dir[] = "/tmp/imagate-pcrsig-XXXXXX";

static const char *put_key(const char *name, EVP_PKEY *key)
{
	static char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	return path;
}

static size_t public_pem(EVP_PKEY *key, char *ret, size_t size)
{
	BIO *b = BIO_new(BIO_s_mem());
	const char *text;
	long n;

	assert_int_equal(PEM_write_bio_PUBKEY(b, key), 1);
	n = BIO_get_mem_data(b, (char **)&text);
	assert_true(n > 0 && (size_t)n <= size);
	memcpy(ret, text, (size_t)n);
	BIO_free(b);
	return (size_t)n;
}

static void sign_and_verify(EVP_PKEY *key, size_t coordinate)
{
	static const uint8_t policy[32] = { 1, 2, 3 }, other[32] = { 1, 2, 4 };
	struct signer_wish w = { .key = put_key("key", key) };
	struct policysigner *s = NULL;
	struct policykey of_private, of_public;
	struct signature sig, epochal;
	struct seal_approval approval;
	char pem[2048];
	struct why why = { 0 };
	size_t len = public_pem(key, pem, sizeof(pem));

	assert_int_equal(policysigner_open(&w, &s, &of_private, &why), OUTCOME_OK);
	assert_int_equal(policykey_read("pem", pem, len, &of_public, &why), OUTCOME_OK);
	assert_int_equal(of_public.public_len, of_private.public_len);
	assert_memory_equal(of_public.public_part, of_private.public_part, of_public.public_len);
	assert_memory_equal(of_public.fingerprint, of_private.fingerprint, 32);
	assert_int_equal(of_public.coordinate, coordinate);
	assert_int_equal(of_public.public_part[0] << 8 | of_public.public_part[1], of_public.public_len - 2);
	assert_int_equal(policysigner_sign(s, policy, 0, &sig, &why), OUTCOME_OK);
	assert_int_equal(policysigner_sign(s, policy, 4, &epochal, &why), OUTCOME_OK);
	assert_int_equal(policykey_verify("pem", pem, len, policy, 0, &sig, &why), OUTCOME_OK);
	assert_int_equal(policykey_verify("pem", pem, len, policy, 4, &epochal, &why), OUTCOME_OK);
	assert_int_equal(policykey_verify("pem", pem, len, policy, 5, &epochal, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_verify("pem", pem, len, policy, 0, &epochal, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_verify("pem", pem, len, policy, 4, &sig, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_verify("pem", pem, len, other, 0, &sig, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_approval(&of_public, 4, &sig, &approval, &why), OUTCOME_OK);
	assert_int_equal(approval.signature_len, coordinate ? 4 + 2 * (2 + coordinate) : 6 + sig.len);
	assert_memory_equal(approval.by.ref, "imagate epoch 4", approval.by.ref_len);
	sig.bytes[0] ^= 0xff;
	assert_int_equal(policykey_approval(&of_public, 0, &sig, &approval, &why), coordinate ? OUTCOME_REFUSED : OUTCOME_OK);
	assert_int_equal(approval.by.ref_len, 0);
	policysigner_close(&s);
	EVP_PKEY_free(key);
}

static void test_keys(void **state)
{
	(void)state;
	sign_and_verify(EVP_RSA_gen(2048), 0);
	sign_and_verify(EVP_EC_gen("P-256"), 32);
	sign_and_verify(EVP_EC_gen("P-384"), 48);
}

static void test_keys_refused(void **state)
{
	EVP_PKEY *keys[] = { EVP_RSA_gen(1024), EVP_RSA_gen(4096), EVP_EC_gen("P-521"), EVP_EC_gen("secp256k1"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	struct policykey k;
	struct why why = { 0 };
	char pem[2048];

	(void)state;
	for (size_t i = 0; i < ROWS(keys); i++) {
		size_t len = public_pem(keys[i], pem, sizeof(pem));

		assert_int_equal(policykey_read("pem", pem, len, &k, &why), OUTCOME_REFUSED);
		EVP_PKEY_free(keys[i]);
	}
	assert_int_equal(policykey_read("x", "no key", 6, &k, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_read("x", "", 0, &k, &why), OUTCOME_REFUSED);
}

static void test_certificate(void **state)
{
	static const uint8_t id[] = { 1, 2, 3, 4 };
	EVP_PKEY *key = EVP_RSA_gen(2048);
	struct policykey a, b;
	struct why why = { 0 };
	uint8_t der[4096];
	char pem[2048];
	size_t len = cert_make(key, id, sizeof(id), der, sizeof(der)), pem_len = public_pem(key, pem, sizeof(pem));

	(void)state;
	assert_int_equal(policykey_read("der", der, len, &a, &why), OUTCOME_OK);
	assert_int_equal(policykey_read("pem", pem, pem_len, &b, &why), OUTCOME_OK);
	assert_memory_equal(a.name, b.name, sizeof(a.name));
	EVP_PKEY_free(key);
}

static void test_several(void **state)
{
	EVP_PKEY *a = EVP_RSA_gen(2048), *b = EVP_EC_gen("P-256");
	struct policykey keys[2], one;
	struct why why = { 0 };
	char pem[4096];
	size_t first = public_pem(a, pem, sizeof(pem)), len = first + public_pem(b, pem + first, sizeof(pem) - first), n;

	(void)state;
	assert_int_equal(policykey_read_all("pem", pem, len, keys, 2, &n, &why), OUTCOME_OK);
	assert_int_equal(n, 2);
	assert_int_equal(policykey_read("pem", pem + first, len - first, &one, &why), OUTCOME_OK);
	assert_memory_equal(one.name, keys[1].name, PCRSIG_NAME_LEN);
	assert_int_equal(policykey_read_all("pem", pem, first, keys, 2, &n, &why), OUTCOME_OK);
	assert_int_equal(n, 1);
	assert_int_equal(policykey_read_all("pem", pem, len, keys, 1, &n, &why), OUTCOME_REFUSED);
	assert_int_equal(policykey_read_all("pem", pem, len - 60, keys, 2, &n, &why), OUTCOME_OK); /* the second has no end: none */
	assert_int_equal(n, 1);
	assert_int_equal(policykey_read_all("pem", "", 0, keys, 2, &n, &why), OUTCOME_REFUSED);
	pem[first + 40] = '!';
	assert_int_equal(policykey_read_all("pem", pem, len, keys, 2, &n, &why), OUTCOME_REFUSED);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64), cmocka_unit_test(test_files), cmocka_unit_test(test_line_and_padding),
	 cmocka_unit_test(test_policy), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_keys_refused), cmocka_unit_test(test_certificate), cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
