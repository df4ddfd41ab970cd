/* seal.pem: headers, PEM block, payload, and the EVM key's blob opened in user space. */
#include "test.h"

#include "core/recoverykey.h"
#include "core/seal.h"
#include "crypto/crypto.h"

static const char blob[] =
	"default user:imagate-master 64 "
	"000102030405060708090a0b0c0d0e0f00"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f";

static struct seal_slot sample_slot(int n)
{
	struct seal_slot s = { .stage = n ? STAGE_FIX : STAGE_UNSET, .floor = n ? STAGE_FIX : STAGE_ENFORCE, .once = n,
	                       .cmdline_bound = true, .cmdline = { 9, 8, (uint8_t)n } };

	s.object = (struct seal_object){
		.parent = 0x40000001, .pcrs = { PCR_BANK_SHA256, 0x95 }, .pcr_digest = { 1, 2, 3 }, .pcr_digest_len = 32,
		.counter = 0x01810000, .generation = 0x1122334455667788 + (unsigned)n,
		.public_part = { 0, 3, 7, 8, 9 }, .public_len = 5, .private_part = { 0, 2, 5, 6 }, .private_len = 4,
	};
	return s;
}

static struct seal sample(void)
{
	struct seal s = { .srk_name = { 0, 11, 1, 2, 3 }, .srk_name_len = 34, .key_id = { 4, 5 }, .recovery = { 6, 7 }, .slots = 2 };

	(void)snprintf(s.evm_blob, sizeof(s.evm_blob), "%s", blob);
	for (int i = 0; i < 2; i++)
		s.slot[i] = sample_slot(i);
	/* one of today's, and one from before values were kept */
	assert_true(seal_values_parse("0=0a 2=0b 4=0c 7=0d", 19, &s.slot[1].values));
	return s;
}

static void test_roundtrip(void **state)
{
	struct seal s = sample(), back;
	char text[SEAL_FILE_MAX], again[SEAL_FILE_MAX];
	struct why why = { 0 };
	size_t len, n;

	(void)state;
	assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
	assert_int_equal(seal_file_parse("f", text, len, &back, &why), OUTCOME_OK);
	assert_memory_equal(back.srk_name, s.srk_name, s.srk_name_len);
	assert_memory_equal(back.key_id, s.key_id, KEY_ID_LEN);
	assert_memory_equal(back.recovery, s.recovery, RECOVERY_WRAP_LEN);
	assert_string_equal(back.evm_blob, s.evm_blob);
	assert_int_equal(back.slots, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(back.slot[i].stage, s.slot[i].stage);
		assert_int_equal(back.slot[i].floor, s.slot[i].floor);
		assert_int_equal(back.slot[i].once, s.slot[i].once);
		assert_memory_equal(back.slot[i].cmdline, s.slot[i].cmdline, CMDLINE_DIGEST_LEN);
		assert_memory_equal(&back.slot[i].values, &s.slot[i].values, sizeof(s.slot[i].values));
		assert_int_equal(back.slot[i].object.parent, s.slot[i].object.parent);
		assert_int_equal(back.slot[i].object.counter, s.slot[i].object.counter);
		assert_true(back.slot[i].object.generation == s.slot[i].object.generation);
		assert_int_equal(back.slot[i].object.pcrs.mask, s.slot[i].object.pcrs.mask);
		assert_memory_equal(back.slot[i].object.public_part, s.slot[i].object.public_part, 5);
		assert_memory_equal(back.slot[i].object.private_part, s.slot[i].object.private_part, 4);
	}
	for (size_t i = 0; i < len; i += 7) /* never more than fits */
		assert_int_not_equal(seal_file_format(&s, again, i, &n, &why), OUTCOME_OK);
	s.slots = 0; /* a seal without a slot is none */
	assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
	assert_int_equal(seal_file_parse("f", text, len, &back, &why), OUTCOME_BROKEN);
	s = sample();
	s.slots = SEAL_SLOTS_MAX;
	for (size_t i = 0; i < SEAL_SLOTS_MAX; i++)
		s.slot[i] = sample_slot(0);
	assert_int_equal(seal_file_format(&s, text, sizeof(text), &len, &why), OUTCOME_OK);
	assert_int_equal(seal_file_parse("f", text, len, &back, &why), OUTCOME_OK);
	assert_int_equal(back.slots, SEAL_SLOTS_MAX);
	/* one more */
	assert_non_null(strstr(text, "Slot:"));
	n = strlen(strstr(text, "Slot:")) / SEAL_SLOTS_MAX;
	memcpy(again, text, len);
	memcpy(again + len, strstr(text, "Slot:"), n);
	assert_int_equal(seal_file_parse("f", again, len + n, &back, &why), OUTCOME_BROKEN);
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
	/* every prefix: all of it, the first slot alone (the line before the second's first), or nothing */
	for (size_t i = 0; i + 1 < len; i++)
		if (seal_file_parse("f", text, i, &back, &why) == OUTCOME_OK) {
			assert_int_equal(back.slots, 1);
			assert_memory_equal(text + i + (text[i] == '\n'), "Slot:", 5);
		}
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
	{ "Imagate-Seal: 2", "Imagate-Seal: 1", 1 },
	{ "Srk-Name: 000b", "Srk-Name: 0", 2 },
	{ "Key-Id:", "Srk-Name:", 3 },
	{ "Key-Id: 04", "Key-Id: ", 3 },
	{ "Key-Id:", "Colour:", 3 },
	{ "user:imagate-master 64", "user:imagate-master 32", 4 },
	{ "default user", "enc32 user", 4 },
	{ "user:imagate-master", "trusted:imagate-ma", 4 },
	{ "Recovery: 06", "Recovery: ", 5 },
	{ "Imagate-Seal: 2\n", "", 5 },
	{ "stage=any", "stage=all", 6 },
	{ "stage=any", "floor=fix", 6 },
	{ "once=no", "once=perhaps", 6 },
	{ "once=no", "once=no more=yes", 6 },
	{ "Cmdline: 09", "Cmdline: ", 7 },
	{ "Pcr-Digest: 0102", "Pcr-Digest: 01g2", 8 },
	{ "Pcr-Digest: 0102", "Pcr-Digest: 0103", 0 }, /* not the PEM block's */
	{ "Cmdline:", "Pcr-Digest:", 8 },
	{ "4=0c", "4=", 17 },
	{ "Pcr-Values: ", "Pcr-Values: 0=0a\nPcr-Values: ", 18 },
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
	struct seal_record r = { .generation = 0x0102030405060708, .floor = STAGE_AUDIT, .stage = STAGE_FIX, .once = true, .epoch = 0x01020304 }, back;
	uint8_t payload[PAYLOAD_LEN];

	(void)state;
	memset(r.master, 7, sizeof(r.master));
	memset(r.root, 9, sizeof(r.root));
	memset(r.cmdline, 10, sizeof(r.cmdline));
	payload_build(&r, payload);
	assert_true(payload_parse(payload, sizeof(payload), &back));
	assert_memory_equal(&back, &r, sizeof(r));
	assert_false(payload_parse(payload, sizeof(payload) - 1, &back));
	/* version, floor none and too high, stage too high, flags, zeros */
	static const struct {
		int at;
		uint8_t value;
	} bad[] = { { 3, 1 }, { 12, 0 }, { 12, STAGE_COUNT }, { 13, STAGE_COUNT }, { 14, 2 }, { 15, 1 }, { 52, 1 }, { 75, 1 } };
	for (size_t i = 0; i < ROWS(bad); i++) {
		payload_build(&r, payload);
		payload[bad[i].at] = bad[i].value;
		assert_false(payload_parse(payload, sizeof(payload), &back));
	}
}

/* Which slots are tried: stage, floor, command line; a permit last. */
static void test_candidates(void **state)
{
	const uint8_t mine[CMDLINE_DIGEST_LEN] = { 1 }, other[CMDLINE_DIGEST_LEN] = { 2 };
	size_t places[SEAL_SLOTS_MAX];
	struct seal s = { .slots = 4 };

	(void)state;
	s.slot[0] = (struct seal_slot){ .stage = STAGE_FIX, .floor = STAGE_FIX, .once = true };
	s.slot[1] = (struct seal_slot){ .floor = STAGE_ENFORCE, .cmdline_bound = true, .cmdline = { 1 } };
	s.slot[2] = (struct seal_slot){ .floor = STAGE_AUDIT, .cmdline_bound = true, .cmdline = { 1 } };
	s.slot[3] = (struct seal_slot){ .stage = STAGE_FIX, .floor = STAGE_FIX };
	assert_int_equal(seal_candidates(&s, STAGE_ENFORCE, mine, places), 2);
	assert_int_equal(places[0], 1);
	assert_int_equal(seal_candidates(&s, STAGE_ENFORCE, other, places), 1); /* below enforce it only warns */
	assert_int_equal(places[0], 2);
	assert_int_equal(seal_candidates(&s, STAGE_ENFORCE, NULL, places), 2);
	assert_int_equal(seal_candidates(&s, STAGE_FIX, mine, places), 2);
	assert_int_equal(places[0], 3);
	assert_int_equal(places[1], 0);
	assert_int_equal(seal_candidates(&s, STAGE_MEASURE, mine, places), 0);
	assert_int_equal(seal_floor(&s), STAGE_FIX);
	s.slot[1].object.generation = 2; /* the others are of an older one */
	assert_int_equal(seal_floor(&s), STAGE_ENFORCE);
	assert_true(seal_only_cmdline_differs(&s, STAGE_ENFORCE, other));
	assert_false(seal_only_cmdline_differs(&s, STAGE_ENFORCE, mine));
	assert_false(seal_only_cmdline_differs(&s, STAGE_FIX, other)); /* the floor, too */
	s.slot[1].object.generation = 0;
	s.slots = 2;
	assert_int_equal(seal_floor(&s), STAGE_ENFORCE); /* a permit's floor is not the machine's */
}

/* Which stage 'imagate stage set' warns of, under strict binding. */
static void test_lacks(void **state)
{
	static struct seal s;

	(void)state;
	assert_false(seal_lacks(&s, STAGE_ENFORCE));
	s.slots = 2;
	s.slot[0].stage = STAGE_AUDIT;
	s.slot[1].stage = STAGE_ENFORCE;
	assert_false(seal_lacks(&s, STAGE_AUDIT));
	assert_true(seal_lacks(&s, STAGE_FIX));
	assert_false(seal_lacks(&s, STAGE_MEASURE)); /* needs no key */
	s.slot[1].object.generation = 1; /* the floor rose: what is before is dead */
	assert_true(seal_lacks(&s, STAGE_AUDIT));
	assert_true(seal_is_strict(&s));
	s.slot[1].stage = STAGE_UNSET; /* for any */
	assert_false(seal_lacks(&s, STAGE_AUDIT));
	assert_false(seal_is_strict(&s)); /* whatever the dead one was */
}

static void test_recovery(void **state)
{
	struct secret recovery = { .len = RECOVERY_KEY_LEN }, master = { .len = MASTER_KEY_LEN }, back = { 0 };
	uint8_t wrap[RECOVERY_WRAP_LEN], id[KEY_ID_LEN], key[32];
	char text[RECOVERY_TEXT_LEN + 1];
	struct why why = { 0 };

	(void)state;
	memset(recovery.bytes, 0xa5, 32);
	memset(master.bytes, 3, 32);
	assert_int_equal(key_id_of(&master, id, &why), OUTCOME_OK);
	assert_int_equal(recovery_wrap(&recovery, &master, id, wrap, &why), OUTCOME_OK);
	assert_int_equal(recovery_open(&recovery, wrap, id, &back, &why), OUTCOME_OK);
	assert_true(secret_equal(&back, &master));
	for (size_t i = 0; i < sizeof(wrap); i++) {
		wrap[i] ^= 1;
		back.len = 0;
		assert_int_equal(recovery_open(&recovery, wrap, id, &back, &why), OUTCOME_REFUSED);
		assert_int_equal(back.len, 0);
		wrap[i] ^= 1;
	}
	recovery.bytes[31] ^= 1;
	assert_int_equal(recovery_open(&recovery, wrap, id, &back, &why), OUTCOME_REFUSED);
	/* a wrap of somebody's own: right by its own measure, of another key */
	master.bytes[0] = 9;
	assert_int_equal(recovery_wrap(&recovery, &master, id, wrap, &why), OUTCOME_OK);
	assert_int_equal(recovery_open(&recovery, wrap, id, &back, &why), OUTCOME_REFUSED);
	recovery_key_format(recovery.bytes, text);
	assert_int_equal(strlen(text), RECOVERY_TEXT_LEN);
	assert_true(recovery_key_parse(text, strlen(text), key));
	assert_memory_equal(key, recovery.bytes, 32);
	for (char *p = text; *p; p++)
		*p = (char)(*p >= 'a' ? *p - 32 : ' ');
	assert_true(recovery_key_parse(text, strlen(text), key)); /* typed in capitals, with blanks */
	assert_false(recovery_key_parse(text, strlen(text) - 1, key));
	text[0] = 'A';
	assert_false(recovery_key_parse(text, strlen(text), key));
}

static void test_request(void **state)
{
	struct secret master = { .len = MASTER_KEY_LEN }, key = { 0 };
	struct request r = { .generation = 41, .permit = STAGE_FIX }, back;
	char text[REQUEST_MAX], hex[65];
	const char *error;
	struct why why = { 0 };
	unsigned line;
	size_t n;

	(void)state;
	assert_int_equal(request_key(&master, 41, &key, &why), OUTCOME_OK);
	n = request_format(&r, text, sizeof(text));
	assert_int_equal(request_mac(&key, text, n, r.mac, &why), OUTCOME_OK);
	hex_encode(r.mac, 32, hex);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "Mac: %s\n", hex);
	assert_true(request_parse(text, n, &back, &line, &error));
	assert_int_equal(back.permit, STAGE_FIX);
	assert_int_equal(request_verify(&key, text, &back, &why), OUTCOME_OK);
	/* any byte changed: not parsed, or not verified */
	for (size_t i = 0; i < n; i++) {
		char was = text[i];

		text[i] = (char)(text[i] ^ 1);
		if (request_parse(text, n, &back, &line, &error))
			assert_int_equal(request_verify(&key, text, &back, &why), OUTCOME_REFUSED);
		text[i] = was;
	}
	assert_true(request_parse(text, n, &back, &line, &error));
	assert_int_equal(request_key(&master, 42, &key, &why), OUTCOME_OK); /* another generation's */
	assert_int_equal(request_verify(&key, text, &back, &why), OUTCOME_REFUSED);
	for (size_t i = 0; i < n - 1; i++)
		assert_false(request_parse(text, i, &back, &line, &error) && back.signed_len == 0);
}

/* A rise of the floor says which command line it was asked from; one without the other is none. */
static void test_request_floor(void **state)
{
	struct request r = { .generation = 7, .floor = STAGE_ENFORCE }, back;
	char text[REQUEST_MAX];
	const char *error;
	unsigned line;
	size_t n;

	(void)state;
	memset(r.cmdline, 0xa5, sizeof(r.cmdline));
	n = request_format(&r, text, sizeof(text));
	(void)snprintf(text + n, sizeof(text) - n, "Mac: %064d\n", 0);
	assert_true(request_parse(text, strlen(text), &back, &line, &error));
	assert_int_equal(back.floor, STAGE_ENFORCE);
	assert_memory_equal(back.cmdline, r.cmdline, sizeof(r.cmdline));
	assert_int_equal(back.signed_len, n);
	/* what was done, and left behind by a power cut, must neither hold up a permit nor stand for a renewal */
	assert_true(request_is_pending(text, strlen(text), 7, &back));
	assert_false(request_is_pending(text, strlen(text), 8, &back));
	assert_false(request_is_pending(text, n, 7, &back));
	(void)snprintf(text, sizeof(text), "Imagate-Request: 1\nGeneration: 7\nFloor: enforce\nMac: %064d\n", 0);
	assert_false(request_parse(text, strlen(text), &back, &line, &error));
	(void)snprintf(text, sizeof(text), "Imagate-Request: 1\nGeneration: 7\nPermit: fix\nCmdline: %064d\nMac: %064d\n", 0, 0);
	assert_false(request_parse(text, strlen(text), &back, &line, &error));
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
		cmocka_unit_test(test_candidates), cmocka_unit_test(test_lacks), cmocka_unit_test(test_recovery), cmocka_unit_test(test_request), cmocka_unit_test(test_request_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
