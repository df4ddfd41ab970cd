/* EFI programs: which bytes are hashed. The real thing, GRUB's and the kernel's digests as the firmware and
 * osslsigncode compute them, is in the VM tests; here, each byte of a small one. */
#include "test.h"

#include "core/pe.h"
#include "crypto/crypto.h"

#include <stdlib.h>

#define NEW_HEADER 0x40
#define OPTIONAL (NEW_HEADER + 24)

struct shape {
	bool wide;
	unsigned directories;
	struct {
		const char *name;
		uint32_t offset, size, used;
	} section[4];
	size_t sections;
	uint32_t headers, len, certificates, certificates_len;
};

static uint8_t file[8192];

static void set(size_t at, size_t size, uint64_t n)
{
	for (size_t i = 0; i < size; i++)
		file[at + i] = (uint8_t)(n >> 8 * i);
}

static size_t directories_at(const struct shape *s)
{
	return OPTIONAL + (s->wide ? 108 : 92);
}

static size_t optional_len(const struct shape *s)
{
	return directories_at(s) - OPTIONAL + 4 + 8 * s->directories;
}

/* Each byte is its own offset, but for the fields that are read. */
static void build(const struct shape *s)
{
	size_t table = OPTIONAL + optional_len(s);

	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(i ^ i >> 8);
	memcpy(file, "MZ", 2);
	set(0x3c, 4, NEW_HEADER);
	memcpy(file + NEW_HEADER, "PE\0", 4);
	set(NEW_HEADER + 4, 2, 0x8664);
	set(NEW_HEADER + 6, 2, s->sections);
	set(NEW_HEADER + 20, 2, optional_len(s));
	set(OPTIONAL, 2, s->wide ? 0x20b : 0x10b);
	set(OPTIONAL + 60, 4, s->headers);
	set(directories_at(s), 4, s->directories);
	if (s->directories > 4) {
		set(directories_at(s) + 4 + 32, 4, s->certificates);
		set(directories_at(s) + 4 + 36, 4, s->certificates_len);
	}
	for (size_t i = 0; i < s->sections; i++) {
		size_t at = table + 40 * i;

		memset(file + at, 0, 8);
		memcpy(file + at, s->section[i].name, strlen(s->section[i].name));
		set(at + 8, 4, s->section[i].used);
		set(at + 16, 4, s->section[i].size);
		set(at + 20, 4, s->section[i].offset);
	}
}

static const struct shape unsigned_wide = {
	true, 16, { { ".text", 1024, 512, 500 }, { ".data", 1536, 512, 512 } }, 2, 1024, 2048, 0, 0,
};
static const struct shape signed_wide = {
	/* the table is not in the file's order; bytes behind the last section; then the certificates */
	true, 16, { { ".data", 1536, 512, 512 }, { ".bss", 0, 0, 4096 }, { ".text", 1024, 512, 600 } }, 3, 1024, 3000, 2200, 800,
};
static const struct shape narrow = { false, 6, { { ".text", 512, 256, 256 } }, 1, 512, 768, 0, 0 };
static const struct shape no_directories = { true, 0, { { ".text", 512, 256, 256 } }, 1, 512, 800, 0, 0 };
static const struct shape gap = { true, 16, { { "a", 1024, 256, 256 }, { "b", 1536, 256, 256 } }, 2, 1024, 2048, 0, 0 };
static const struct shape uki = {
	true, 16, { { ".osrel", 1024, 512, 11 }, { ".cmdline", 1536, 512, 5 }, { ".linux", 2048, 512, 512 }, { ".initrd", 2560, 512, 400 } },
	4, 1024, 3072, 0, 0,
};

static const struct {
	const char *what;
	const struct shape *shape;
	bool is_signed;
	size_t from[6], to[6]; /* hashed, 0-0 ends; checksum at OPTIONAL+64, certificate entry skipped */
} good[] = {
	{ "unsigned", &unsigned_wide, false, { 0, 156, 240, 1024, 1536 }, { 152, 232, 1024, 1536, 2048 } },
	{ "signed", &signed_wide, true, { 0, 156, 240, 1024, 1536, 2048 }, { 152, 232, 1024, 1536, 2048, 2200 } },
	{ "32 bit", &narrow, false, { 0, 156, 224, 512 }, { 152, 216, 512, 768 } },
	{ "no directories", &no_directories, false, { 0, 156, 512, 768 }, { 152, 512, 768, 800 } },
	/* EDK2 counts what it hashed: behind 1536 bytes begins the rest */
	{ "gap", &gap, false, { 0, 156, 240, 1024, 1536, 1536 }, { 152, 232, 1024, 1280, 1792, 2048 } },
};

static void test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		struct pe p;
		size_t at, n = 0;
		const char *why;

		build(good[i].shape);
		if (!pe_parse(file, good[i].shape->len, &p, &at, &why))
			fail_msg("%s: at %zu: %s", good[i].what, at, why);
		assert_int_equal(p.is_signed, good[i].is_signed);
		for (; n < 6 && good[i].to[n]; n++)
			if (n >= p.ranges || (const uint8_t *)p.range[n].p != file + good[i].from[n] ||
			    p.range[n].len != good[i].to[n] - good[i].from[n])
				fail_msg("%s: range %zu is %td, %zu bytes", good[i].what, n,
				         (const uint8_t *)p.range[n].p - file, p.range[n].len);
		assert_int_equal(p.ranges, n);
	}
}

/* Signing changes neither checksum, certificates nor their entry into something that is hashed. */
static void test_digest(void **state)
{
	uint8_t before[BANK_DIGEST_MAX], after[BANK_DIGEST_MAX];
	struct pe p;
	size_t at;
	const char *why;

	(void)state;
	build(&signed_wide);
	assert_true(pe_parse(file, signed_wide.len, &p, &at, &why));
	assert_true(pe_digest(&p, BANK_SHA256, digest_hash, NULL, before));
	file[OPTIONAL + 64]++;
	file[2999]++;
	assert_true(pe_digest(&p, BANK_SHA256, digest_hash, NULL, after));
	assert_memory_equal(before, after, 32);
	file[2199]++;
	assert_true(pe_digest(&p, BANK_SHA256, digest_hash, NULL, after));
	assert_memory_not_equal(before, after, 32);
	/* the same without its certificates, their entry emptied */
	file[2199]--;
	set(directories_at(&signed_wide) + 4 + 32, 8, 0);
	assert_true(pe_parse(file, 2200, &p, &at, &why));
	assert_true(pe_digest(&p, BANK_SHA256, digest_hash, NULL, after));
	assert_memory_equal(before, after, 32);
}

static void test_sections(void **state)
{
	const uint8_t *bytes;
	struct pe p;
	size_t at, len;
	const char *why;

	(void)state;
	build(&uki);
	assert_true(pe_parse(file, uki.len, &p, &at, &why));
	assert_true(pe_is_uki(&p));
	assert_null(pe_section_find(&p, ".pcrsig"));
	assert_true(pe_section_bytes(file, uki.len, pe_section_find(&p, ".cmdline"), &bytes, &len));
	assert_true(bytes == file + 1536 && len == 5);
	assert_false(pe_section_bytes(file, 1538, pe_section_find(&p, ".cmdline"), &bytes, &len));
	build(&unsigned_wide);
	assert_true(pe_parse(file, unsigned_wide.len, &p, &at, &why));
	assert_false(pe_is_uki(&p));
}

static const struct {
	const char *what;
	size_t at, size;
	uint64_t value;
	size_t len; /* 0: as it is */
} bad[] = {
	{ "no MZ", 0, 1, 'X', 0 },
	{ "PE header outside", 0x3c, 4, 0x7fffffff, 0 },
	{ "PE header at the end", 0x3c, 4, 2998, 0 },
	{ "no PE", NEW_HEADER, 1, 'X', 0 },
	{ "97 sections", NEW_HEADER + 6, 2, 97, 0 },
	{ "more sections than headers", NEW_HEADER + 6, 2, 96, 0 },
	{ "optional header too short", NEW_HEADER + 20, 2, 67, 0 },
	{ "optional header without its directories", NEW_HEADER + 20, 2, 120, 0 },
	{ "optional header behind the end", NEW_HEADER + 20, 2, 60000, 0 },
	{ "ROM", OPTIONAL, 2, 0x107, 0 },
	{ "headers shorter than the section table", OPTIONAL + 60, 4, 300, 0 },
	{ "headers longer than the file", OPTIONAL + 60, 4, 100000, 0 },
	{ "headers into a section", OPTIONAL + 60, 4, 1025, 0 },
	{ "a section behind the end", OPTIONAL + 112 + 128 + 20, 4, 2900, 0 },
	{ "a section of 4 GiB", OPTIONAL + 112 + 128 + 16, 4, 0xffffffff, 0 },
	{ "sections overlap", OPTIONAL + 112 + 128 + 20, 4, 1400, 0 },
	{ "certificates into a section", OPTIONAL + 112 + 32, 4, 2000, 0 },
	{ "certificates not last", OPTIONAL + 112 + 36, 4, 700, 0 },
	{ "certificates behind the end", OPTIONAL + 112 + 36, 4, 0xffffff00, 0 },
	{ "cut in the certificates", 2, 1, 0, 2999 },
	{ "cut in a section", 2, 1, 0, 1600 },
	{ "empty", 2, 1, 0, 1 },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		struct pe p;
		size_t at, len = bad[i].len ? bad[i].len : signed_wide.len;
		const char *why;
		uint8_t *copy = malloc(len);

		build(&signed_wide);
		set(bad[i].at, bad[i].size, bad[i].value);
		assert_non_null(copy);
		memcpy(copy, file, len); /* its end is ASan's */
		if (pe_parse(copy, len, &p, &at, &why))
			fail_msg("%s: taken", bad[i].what);
		assert_non_null(why);
		free(copy);
	}
}

static void test_cut(void **state)
{
	(void)state;
	build(&signed_wide);
	for (size_t len = 0; len < signed_wide.len; len++) {
		struct pe p;
		size_t at;
		const char *why;
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, file, len);
		assert_false(pe_parse(copy, len, &p, &at, &why));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges), cmocka_unit_test(test_digest), cmocka_unit_test(test_sections),
		cmocka_unit_test(test_bad),    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
