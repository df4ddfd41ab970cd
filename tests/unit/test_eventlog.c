/* The event log: real ones replayed to the TPM's values and compared with tpm2_eventlog; forms that no machine here
 * makes; damaged ones refused. */
#include "eventlogs.h"

#include "core/efi.h"
#include "core/seal.h"

#include <stdlib.h>

static const char *const real[] = { "ovmf-grub", "ovmf-grub-next", "debian-shim" };

/* NAME.pcrs: what the TPM had, "sha256 0 <hex>" a line. All but what IMA and the system extended after the log ended. */
static unsigned against_tpm(const char *name, const struct file *f)
{
	char path[256], bank[16], hex[129], is[129];
	unsigned pcr, n = 0;
	FILE *p;

	(void)snprintf(path, sizeof(path), EVENTLOGS "%s.pcrs", name);
	p = fopen(path, "r");
	assert_non_null(p);
	while (fscanf(p, "%15s %u %128s", bank, &pcr, hex) == 3) {
		struct pcr_values v;

		if (pcr == 10)
			continue;
		replayed(f, bank_from_name(bank), &v);
		hex_encode(v.value[pcr], v.size, is);
		assert_string_equal(is, hex);
		n++;
	}
	(void)fclose(p);
	return n;
}

static void test_real(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(real); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s.bin", real[i]);
		file_load(name, &f);
		assert_int_equal(against_tpm(real[i], &f), 3 * 23);
	}
}

static void test_tool(void **state)
{
	static struct file f;

	(void)state;
	if (!tool_is_there())
		skip();
	for (size_t i = 0; i < ROWS(real); i++) {
		char name[64], path[128];

		(void)snprintf(name, sizeof(name), "%s.bin", real[i]);
		(void)snprintf(path, sizeof(path), EVENTLOGS "%s", name);
		file_load(name, &f);
		assert_int_equal(against_tool(path, &f, 0), 3 * (i == 2 ? 11 : 10)); /* shim: PCR 14 */
	}
}

static void test_records(void **state)
{
	static struct file f;
	struct eventlog log;
	struct eventlog_error error;
	struct event_cursor c;
	struct event e;
	unsigned n;

	(void)state;
	file_load("ovmf-grub.bin", &f);
	log = opened(&f);
	assert_true(log.agile && log.major == 2 && log.minor == 0 && log.uintn == 8 && log.algorithms == 3);
	assert_true(eventlog_check(&log, &n, &error));
	assert_int_equal(n, 36); /* as tpm2_eventlog counts */
	event_begin(&c, &log);
	assert_true(event_next(&c, &e));
	assert_true(e.number == 1 && e.pcr == 0 && e.type == EV_S_CRTM_VERSION && e.digests == 3);
	assert_null(event_digest(&e, BANK_SHA512));
	/* firmware hands over an area larger than its log */
	for (int i = 0; i < 100; i++)
		f.bytes[f.len++] = 0xff;
	log = opened(&f);
	assert_true(eventlog_check(&log, &n, &error));
	assert_int_equal(n, 36);
}

/* A log that ends anywhere but between records is refused; never is there a read behind its end (ASan). */
static void test_cut(void **state)
{
	static struct file f;
	unsigned whole = 0;

	(void)state;
	file_load("ovmf-grub.bin", &f);
	for (size_t len = 0; len < f.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct eventlog log;
		struct eventlog_error error;
		unsigned n;

		assert_non_null(copy);
		memcpy(copy, f.bytes, len);
		if (eventlog_open(copy, len, &log, &error) && eventlog_check(&log, &n, &error))
			whole++;
		else
			assert_non_null(error.reason);
		free(copy);
	}
	/* behind the header and behind each record but the last; and, where the next one is for PCR 0, up to four bytes
	 * further, which are zeros and so padding */
	assert_in_range(whole, 35, 35 + 35 * 4);
}

static void test_old_form(void **state)
{
	static const uint8_t data[] = "hello";
	static struct file f;
	const struct part p = { data, 5 }, chain[] = { { (const uint8_t[20]){ 0 }, 20 }, { f.bytes + 8, 20 } };
	uint8_t digest[BANK_DIGEST_MAX], is[BANK_DIGEST_MAX];
	struct pcr_values v;
	struct eventlog log;
	struct eventlog_error error;

	(void)state;
	f.len = 0;
	put_number(&f, 4, 4);
	put_number(&f, EV_EFI_ACTION, 4);
	assert_true(digest_hash(NULL, BANK_SHA1, &p, 1, digest));
	put(&f, digest, 20);
	put_number(&f, 5, 4);
	put(&f, data, 5);
	log = opened(&f);
	assert_true(!log.agile && log.algorithms == 1 && eventlog_has(&log, BANK_SHA1));
	replayed(&f, BANK_SHA1, &v);
	assert_true(digest_hash(NULL, BANK_SHA1, chain, 2, is));
	assert_memory_equal(v.value[4], is, 20);
	assert_int_equal(v.extended, 1u << 4);
	assert_false(eventlog_replay(&log, BANK_SHA256, digest_hash, NULL, &v, &error));
	assert_non_null(error.reason);
}

static const struct {
	const char *data;
	size_t len;
	bool counts;
	uint8_t last; /* of PCR 0 before anything is extended */
} localities[] = {
	{ "StartupLocality\0\3", 17, true, 3 }, { "StartupLocality\0\4", 17, true, 4 }, { "StartupLocality\0", 17, true, 0 },
	{ "StartupLocality", 16, false, 0 },    { "StartupLocalitz\0\3", 17, false, 0 }, { "", 0, false, 0 },
};

static void test_locality(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(localities); i++) {
		uint8_t old[32] = { 0 }, is[BANK_DIGEST_MAX], locality = 9;
		const struct part data = { "x", 1 }, chain[] = { { old, 32 }, { is, 32 } };
		struct pcr_values v;
		struct event_cursor c;
		struct event e;
		struct eventlog log;

		f.len = 0;
		put_header(&f);
		put_plain(&f, 0, EV_NO_ACTION, localities[i].data, localities[i].len);
		put_plain(&f, 0, EV_POST_CODE, "x", 1);
		log = opened(&f);
		event_begin(&c, &log);
		assert_true(event_next(&c, &e));
		assert_int_equal(event_startup_locality(&e, &locality), localities[i].counts);
		replayed(&f, BANK_SHA256, &v);
		old[31] = localities[i].last;
		assert_true(digest_hash(NULL, BANK_SHA256, &data, 1, is) && digest_hash(NULL, BANK_SHA256, chain, 2, is));
		assert_memory_equal(v.value[0], is, 32);
	}
}

/* What makes a log of one good record bad: bytes at a place. */
static const struct {
	const char *what;
	size_t at, size;
	uint64_t value;
	bool opens; /* the header is good; the record is not */
} damages[] = {
	{ "header: data longer than the log", 28, 4, 10000, false },
	{ "header: UINTN of 3", 32 + 23, 1, 3, false },
	{ "header: no algorithm", 32 + 24, 4, 0, false },
	{ "header: 17 algorithms", 32 + 24, 4, 17, false },
	{ "header: more algorithms than are there", 32 + 24, 4, 5, false },
	{ "header: SHA-1 of 32 bytes", 32 + 30, 2, 32, false },
	{ "header: an algorithm twice", 32 + 32, 4, 20u << 16 | BANK_SHA1, false },
	{ "header: an unknown one of 65 bytes", 32 + 32, 4, 65u << 16 | 0x77, false },
	{ "header: vendor information that is not there", 32 + 36, 1, 1, false },
	{ "record: PCR 24", 69, 4, 24, true },
	{ "record: no digest", 69 + 8, 4, 0, true },
	{ "record: three digests", 69 + 8, 4, 3, true },
	{ "record: 2^32-1 digests", 69 + 8, 4, 0xffffffff, true },
	{ "record: an algorithm that is not listed", 69 + 12, 2, BANK_SHA384, true },
	{ "record: one algorithm twice", 69 + 34, 2, BANK_SHA1, true },
	{ "record: data longer than the log", 69 + 68, 4, 2, true },
	{ "record: data of 2^32-1", 69 + 68, 4, 0xffffffff, true },
};

static void test_damaged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(damages); i++) {
		static struct file f;
		struct eventlog log;
		struct eventlog_error error;
		unsigned n;
		bool opens;

		f.len = 0;
		put_header(&f);
		assert_int_equal(f.len, 69);
		put_plain(&f, 7, EV_SEPARATOR, "\1", 1);
		log = opened(&f);
		assert_true(eventlog_check(&log, &n, &error));
		for (size_t b = 0; b < damages[i].size; b++)
			f.bytes[damages[i].at + b] = (uint8_t)(damages[i].value >> 8 * b);
		opens = eventlog_open(f.bytes, f.len, &log, &error);
		if (opens != damages[i].opens || (opens && eventlog_check(&log, &n, &error)) || !error.reason)
			fail_msg("%s: taken", damages[i].what);
		assert_int_equal(error.offset, opens ? 69 : 0);
	}
}

/* A record need not have all algorithms; then that bank has no replay. A PCR of none is allowed where nothing is measured. */
static void test_odd_but_good(void **state)
{
	static const uint16_t unknown[] = { 0x1234, BANK_SHA256 }, sizes[] = { 7, 32 };
	static struct file f;
	struct eventlog log;
	struct eventlog_error error;
	struct pcr_values v;
	unsigned n;

	(void)state;
	f.len = 0;
	put_header_of(&f, unknown, sizes, 2);
	put_number(&f, 0xffffffff, 4);
	put_number(&f, EV_NO_ACTION, 4);
	put_number(&f, 1, 4);
	put_number(&f, BANK_SHA256, 2);
	put(&f, (const uint8_t[32]){ 1 }, 32);
	put_number(&f, 0, 4);
	log = opened(&f);
	assert_true(eventlog_check(&log, &n, &error));
	replayed(&f, BANK_SHA256, &v);
	assert_int_equal(v.extended, 0);
	assert_int_equal(v.value[17][0], 0xff);
	assert_false(eventlog_replay(&log, 0x1234, digest_hash, NULL, &v, &error));
	put_number(&f, 3, 4);
	put_number(&f, EV_SEPARATOR, 4);
	put_number(&f, 1, 4);
	put_number(&f, 0x1234, 2);
	put(&f, "1234567", 7);
	put_number(&f, 0, 4);
	log = opened(&f);
	assert_false(eventlog_replay(&log, BANK_SHA256, digest_hash, NULL, &v, &error));
	assert_true(error.offset > 69);
}

static void test_empty(void **state)
{
	static struct file f;
	struct eventlog log;
	struct eventlog_error error;

	(void)state;
	assert_false(eventlog_open(f.bytes, 0, &log, &error));
	assert_false(eventlog_open(f.bytes, 4096, &log, &error));
	assert_non_null(error.reason);
}

static void test_type_names(void **state)
{
	(void)state;
	assert_string_equal(event_type_name(EV_SEPARATOR), "EV_SEPARATOR");
	assert_string_equal(event_type_name(EV_EFI_SPDM_DEVICE_AUTHORITY), "EV_EFI_SPDM_DEVICE_AUTHORITY");
	assert_string_equal(event_type_name(EV_PREBOOT_CERT), "EV_PREBOOT_CERT");
	assert_string_equal(event_type_name(0x80000077), "?");
}

/* -- EFI ---------------------------------------------------------------------------------- */

static const struct {
	const char *utf16;
	size_t len;
	const char *text;
} texts[] = {
	{ "a\0b\0", 4, "ab" },   { "a\0b\0\0\0c\0", 8, "ab" }, { "\xe9\0", 2, "\xc3\xa9" }, { "\xac\x20", 2, "\xe2\x82\xac" },
	{ "\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80" },          { "\x3d\xd8", 2, "?" },      { "\x3d\xd8" "a\0", 4, "?a" },
	{ "\x00\xde", 2, "?" },  { "\x1b\0a\0", 4, "?a" },      { "a", 1, "" },              { "", 0, "" },
};

static void test_utf16(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		assert_int_equal(efi_utf16_text((const uint8_t *)texts[i].utf16, texts[i].len, text, sizeof(text)),
		                 strlen(texts[i].text));
		assert_string_equal(text, texts[i].text);
	}
	assert_int_equal(efi_utf16_text((const uint8_t *)"a\0\xac\x20", 4, text, 4), 1);
	assert_string_equal(text, "a"); /* whole characters only */
	assert_int_equal(efi_text((const uint8_t *)"a\xc3\xa9\xff\n\xc0\x80", 7, text, sizeof(text)), 7);
	assert_string_equal(text, "a\xc3\xa9? ??");
	assert_true(efi_is_utf16((const uint8_t *)"a\0b\0\0\0", 6));
	assert_false(efi_is_utf16((const uint8_t *)"ab", 2));
	assert_false(efi_is_utf16((const uint8_t *)"\0\0", 2));
}

static const struct {
	const char *bytes;
	size_t len;
	bool ok;
	enum efi_source source;
	const char *file, *text;
} paths[] = {
	{ "\x04\x04\x0c\0\\\0a\0\\\0\0\0\x04\x04\x08\0b\0\0\0\x7f\xff\4\0", 24, true, EFI_SOURCE_DISK, "/a/b", "a//b" },
	{ "\x02\x01\x0c\0\xd0\x41\x03\x0a\0\0\0\0\x01\x01\x06\0\x02\x1f\x7f\xff\4\0", 22, true, EFI_SOURCE_UNKNOWN, "",
	  "PciRoot(0x0)/Pci(0x1f,0x2)" },
	{ "\x04\x08\x18\0\0\0\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0\0\0\0", 24, true, EFI_SOURCE_ROM, "", "Offset(0x200,0x400)" },
	{ "\x04\x07\x14\0\x33\x22\x11\0\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 20, true, EFI_SOURCE_FIRMWARE, "",
	  "Fv(00112233-4455-6677-8899-aabbccddeeff)" },
	{ "\x04\x03\x14\0\x33\x22\x11\0\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 20, true, EFI_SOURCE_UNKNOWN, "",
	  "VenMedia(00112233-4455-6677-8899-aabbccddeeff)" },
	{ "\x09\x09\x04\0", 4, true, EFI_SOURCE_UNKNOWN, "", "Path(9,9)" },
	{ "\x03\x18\x04\0", 4, true, EFI_SOURCE_NETWORK, "", "Uri" },
	{ "", 0, true, EFI_SOURCE_UNKNOWN, "", "" },
	{ "\x04\x04\x03\0", 4, false, 0, NULL, NULL },
	{ "\x04\x04\x05\0", 4, false, 0, NULL, NULL },
	{ "\x04\x04", 2, false, 0, NULL, NULL },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(paths); i++) {
		struct efi_path p;

		assert_int_equal(efi_path_parse((const uint8_t *)paths[i].bytes, paths[i].len, &p), paths[i].ok);
		if (!paths[i].ok)
			continue;
		assert_int_equal(p.source, paths[i].source);
		assert_string_equal(p.file, paths[i].file);
		assert_string_equal(p.text, paths[i].text);
	}
}

static void test_long_path(void **state)
{
	static uint8_t long_path[4000] = { 4, 4, 4000 & 0xff, 4000 >> 8 };
	struct efi_path p;

	(void)state;
	for (size_t i = 4; i < sizeof(long_path); i += 2)
		long_path[i] = 'x';
	assert_true(efi_path_parse(long_path, sizeof(long_path), &p));
	assert_int_equal(strlen(p.file), EFI_PATH_MAX - 1); /* cut */
}

static void test_variable(void **state)
{
	static struct file f;
	struct efi_variable v;
	struct part parts[EFI_VARIABLE_PARTS];
	uint8_t store[16], a[BANK_DIGEST_MAX], b[BANK_DIGEST_MAX];
	struct event_cursor c;
	struct event e;
	struct eventlog log;

	(void)state;
	f.len = 0;
	put_header(&f);
	put_variable(&f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", "\1", 1);
	log = opened(&f);
	event_begin(&c, &log);
	assert_true(event_next(&c, &e));
	assert_true(efi_variable_parse(e.data, e.len, &v));
	assert_string_equal(v.name, "SecureBoot");
	assert_true(v.len == 1 && v.data[0] == 1);
	efi_variable_parts(&v, v.data, v.len, store, parts);
	assert_true(event_digest_is(&e, BANK_SHA256, parts, EFI_VARIABLE_PARTS, digest_hash, NULL));
	efi_variable_parts(&v, "\0", 1, store, parts);
	assert_false(event_digest_is(&e, BANK_SHA256, parts, EFI_VARIABLE_PARTS, digest_hash, NULL));
	for (size_t len = 0; len < e.len; len++)
		assert_false(efi_variable_parse(e.data, len, &v));
	assert_true(digest_hash(NULL, BANK_SHA3_256, parts, 1, a) && digest_hash(NULL, BANK_SHA3_256, parts, 1, b));
	assert_false(digest_hash(NULL, 0x77, parts, 1, a));
}

/* A list of two entries of 16 + 4 bytes, and one of three of 16 + 1. */
static void test_signatures(void **state)
{
	static struct file f;

	(void)state;
	f.len = 0;
	put(&f, "tttttttttttttttt", 16);
	put_number(&f, 28 + 2 * 20, 4);
	put_number(&f, 0, 4);
	put_number(&f, 20, 4);
	put(&f, "oooooooooooooooo1111", 20);
	put(&f, "oooooooooooooooo2222", 20);
	put(&f, "uuuuuuuuuuuuuuuu", 16);
	put_number(&f, 28 + 3 + 17 * 3, 4);
	put_number(&f, 3, 4);
	put_number(&f, 17, 4);
	put(&f, "hdr", 3);
	put(&f, "ppppppppppppppppAppppppppppppppppBppppppppppppppppC", 51);
	assert_int_equal(efi_signatures_count(f.bytes, f.len), 5);
	assert_true(efi_signatures_hold(f.bytes, f.len, (const uint8_t *)"oooooooooooooooo2222", 20));
	assert_true(efi_signatures_hold(f.bytes, f.len, (const uint8_t *)"ppppppppppppppppC", 17));
	assert_false(efi_signatures_hold(f.bytes, f.len, (const uint8_t *)"ppppppppppppppppD", 17));
	assert_int_equal(efi_signatures_count(f.bytes, f.len - 1), -1);
	assert_int_equal(efi_signatures_count(f.bytes, 0), 0);
	f.bytes[16] = 20; /* shorter than its own header */
	assert_int_equal(efi_signatures_count(f.bytes, f.len), -1);
}

static void test_load_option(void **state)
{
	static const char option[] = "\1\0\0\0\x0e\0H\0i\0\0\0\4\4\x0a\0\\\0x\0\0\0\x7f\xff\4\0 and more";
	struct efi_path p;
	char name[16];

	(void)state;
	assert_true(efi_load_option_parse((const uint8_t *)option, sizeof(option), name, sizeof(name), &p));
	assert_string_equal(name, "Hi");
	assert_string_equal(p.file, "/x");
	for (size_t len = 0; len < 26; len++)
		assert_false(efi_load_option_parse((const uint8_t *)option, len, name, sizeof(name), &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),       cmocka_unit_test(test_tool),     cmocka_unit_test(test_records),
		cmocka_unit_test(test_cut),        cmocka_unit_test(test_old_form), cmocka_unit_test(test_locality),
		cmocka_unit_test(test_damaged),    cmocka_unit_test(test_odd_but_good), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_type_names), cmocka_unit_test(test_utf16),    cmocka_unit_test(test_paths),
		cmocka_unit_test(test_long_path),  cmocka_unit_test(test_variable), cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_load_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
