/* seal.pem: headers, PEM block, payload, and the EVM key's blob opened in user space. */
#include "test.h"

#include "core/seal.h"
#include "crypto/crypto.h"

static const char blob[] =
	"default user:imagate-master 64 "
	"000102030405060708090a0b0c0d0e0f00"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f";

static struct seal sample(void)
{
	struct seal s = { .srk_name = { 0, 11, 1, 2, 3 }, .srk_name_len = 34 };

	(void)snprintf(s.evm_blob, sizeof(s.evm_blob), "%s", blob);
	s.object = (struct seal_object){
		.parent = 0x40000001, .pcrs = { PCR_BANK_SHA256, 0x95 }, .pcr_digest = { 1, 2, 3 },
		.pcr_digest_len = 32, .public_part = { 0, 3, 7, 8, 9 }, .public_len = 5,
		.private_part = { 0, 2, 5, 6 }, .private_len = 4,
	};
	return s;
}

static void test_roundtrip(void **state)
{
	struct seal s = sample(), back;
	char text[SEAL_FILE_MAX];
	struct why why = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
	assert_int_equal(seal_file_parse("f", text, len, &back, &why), OUTCOME_OK);
	assert_memory_equal(back.srk_name, s.srk_name, s.srk_name_len);
	assert_string_equal(back.evm_blob, s.evm_blob);
	assert_int_equal(back.object.parent, s.object.parent);
	assert_int_equal(back.object.pcrs.mask, s.object.pcrs.mask);
	assert_memory_equal(back.object.public_part, s.object.public_part, 5);
	assert_memory_equal(back.object.private_part, s.object.private_part, 4);
	for (size_t i = 0; i < len; i += 7) /* never more than fits */
		assert_int_not_equal(seal_file_format(&s, text, i, &len, &why), OUTCOME_OK);
}

/* Each byte changed, each prefix: refused or the same, never a crash. */
static void test_damage(void **state)
{
	struct seal s = sample(), back;
	char text[SEAL_FILE_MAX];
	struct why why = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
	for (size_t i = 0; i + 1 < len; i++)
		assert_int_equal(seal_file_parse("f", text, i < len - 1 ? i : 0, &back, &why), OUTCOME_BROKEN);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 0x15;
		(void)seal_file_parse("f", text, len, &back, &why);
		text[i] ^= 0x15;
	}
}

static const struct {
	const char *find, *put; /* the first is replaced by the second */
	unsigned line;
} refused[] = {
	{ "Imagate-Seal: 1", "Imagate-Seal: 2", 1 },
	{ "Srk-Name: 000b", "Srk-Name: 0", 2 },
	{ "Srk-Name:", "Pcr-Digest:", 3 },
	{ "Pcr-Digest:", "Colour:", 3 },
	{ "user:imagate-master 64", "user:imagate-master 32", 4 },
	{ "default user", "enc32 user", 4 },
	{ "user:imagate-master", "trusted:imagate-ma", 4 },
	{ "Imagate-Seal: 1\n", "", 4 },
	{ "-----BEGIN TSS2 PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----", 0 },
	{ "-----END TSS2", "-----END", 0 },
};

static void test_refusals(void **state)
{
	struct seal s = sample(), back;
	char text[SEAL_FILE_MAX], bad[SEAL_FILE_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct why why = { 0 };
		const char *hit;

		assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
		hit = strstr(text, refused[i].find);
		assert_non_null(hit);
		(void)snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(hit - text), text, refused[i].put,
		               hit + strlen(refused[i].find));
		assert_int_equal(seal_file_parse("f", bad, strlen(bad), &back, &why), OUTCOME_BROKEN);
		assert_int_equal(why.code, refused[i].line);
		assert_true(*why.detail != '\0');
	}
}

static void test_payload(void **state)
{
	uint8_t master[MASTER_KEY_LEN], payload[PAYLOAD_LEN];
	const uint8_t *back;

	(void)state;
	memset(master, 7, sizeof(master));
	payload_build(master, payload);
	assert_true(payload_master(payload, sizeof(payload), &back));
	assert_memory_equal(back, master, sizeof(master));
	assert_false(payload_master(payload, sizeof(payload) - 1, &back));
	payload[3] = 2;
	assert_false(payload_master(payload, sizeof(payload), &back));
}

/* Made by a kernel (6.1, add_key encrypted "new default user:imagate-master 64"), see the VM
 * tests for the other direction; here: a wrong key and a damaged blob are refused. */
static void test_unwrap_refuses(void **state)
{
	struct secret master = { .len = MASTER_KEY_LEN }, key = { 0 };
	struct why why = { 0 };

	(void)state;
	assert_int_equal(evm_blob_unwrap(&master, blob, &key, &why), OUTCOME_REFUSED);
	assert_int_equal(evm_blob_unwrap(&master, "default", &key, &why), OUTCOME_BROKEN);
	master.len = 5;
	assert_int_equal(evm_blob_unwrap(&master, blob, &key, &why), OUTCOME_BROKEN);
	assert_int_equal(key.len, 0);
}

static void test_hex(void **state)
{
	uint8_t bytes[4];
	char text[9];
	size_t n;

	(void)state;
	assert_true(hex_decode("00aBfF10", 8, bytes, sizeof(bytes), &n));
	hex_encode(bytes, n, text);
	assert_string_equal(text, "00abff10");
	assert_false(hex_decode("0", 1, bytes, sizeof(bytes), &n));
	assert_false(hex_decode("0g", 2, bytes, sizeof(bytes), &n));
	assert_false(hex_decode("0011223344", 10, bytes, sizeof(bytes), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_payload),
		cmocka_unit_test(test_unwrap_refuses), cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
