/* Event logs for tests: those in eventlogs/, and a builder for those that no machine here makes. */
#ifndef IMAGATE_TESTS_UNIT_EVENTLOGS_H
#define IMAGATE_TESTS_UNIT_EVENTLOGS_H

#include "test.h"

#include "core/eventlog.h"
#include "core/seal.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <unistd.h>

#define EVENTLOGS "tests/unit/eventlogs/"

struct file {
	uint8_t bytes[131072];
	size_t len;
};

static inline void file_load(const char *name, struct file *ret)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), EVENTLOGS "%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	ret->len = fread(ret->bytes, 1, sizeof(ret->bytes), f);
	assert_true(ret->len && ret->len < sizeof(ret->bytes));
	(void)fclose(f);
}

static inline void put(struct file *f, const void *p, size_t len)
{
	assert_true(len <= sizeof(f->bytes) - f->len);
	memcpy(f->bytes + f->len, p, len);
	f->len += len;
}

static inline void put_number(struct file *f, uint64_t n, size_t size)
{
	uint8_t b[8];

	for (size_t i = 0; i < size; i++)
		b[i] = (uint8_t)(n >> 8 * i);
	put(f, b, size);
}

static inline void put_utf16(struct file *f, const char *text)
{
	for (; *text; text++)
		put_number(f, (uint8_t)*text, 2);
}

static inline void put_header_of(struct file *f, const uint16_t *algs, const uint16_t *sizes, size_t count)
{
	static const uint8_t zeros[20];

	put_number(f, 0, 4);
	put_number(f, EV_NO_ACTION, 4);
	put(f, zeros, 20);
	put_number(f, 29 + 4 * count, 4);
	put(f, "Spec ID Event03", 16);
	put_number(f, 0, 4);
	put(f, "\0\2\0\2", 4);
	put_number(f, count, 4);
	for (size_t i = 0; i < count; i++) {
		put_number(f, algs[i], 2);
		put_number(f, sizes[i], 2);
	}
	put_number(f, 0, 1);
}

/* sha1 and sha256 */
static inline void put_header(struct file *f)
{
	put_header_of(f, (const uint16_t[]){ BANK_SHA1, BANK_SHA256 }, (const uint16_t[]){ 20, 32 }, 2);
}

/* Its digests are those of `hashed`. */
static inline void put_event(struct file *f, uint32_t pcr, uint32_t type, const void *data, size_t len, const void *hashed,
                             size_t hashed_len)
{
	static const uint16_t algs[] = { BANK_SHA1, BANK_SHA256 };
	const struct part p = { hashed, hashed_len };
	uint8_t digest[BANK_DIGEST_MAX];

	put_number(f, pcr, 4);
	put_number(f, type, 4);
	put_number(f, 2, 4);
	for (size_t i = 0; i < 2; i++) {
		assert_true(digest_hash(NULL, algs[i], &p, 1, digest));
		put_number(f, algs[i], 2);
		put(f, digest, bank_size(algs[i]));
	}
	put_number(f, len, 4);
	put(f, data, len);
}

static inline void put_plain(struct file *f, uint32_t pcr, uint32_t type, const void *data, size_t len)
{
	put_event(f, pcr, type, data, len, data, len);
}

/* An UEFI_VARIABLE_DATA (TCG PC Client PFP) by itself, with a GUID that is nobody's. */
static inline void put_variable_data(struct file *f, const char *name, const void *data, size_t len)
{
	put(f, "0123456789abcdef", 16);
	put_number(f, strlen(name), 8);
	put_number(f, len, 8);
	put_utf16(f, name);
	put(f, data, len);
}

static inline void put_variable(struct file *f, uint32_t pcr, uint32_t type, const char *name, const void *data, size_t len)
{
	struct file v = { .len = 0 };

	put_variable_data(&v, name, data, len);
	put_plain(f, pcr, type, v.bytes, v.len);
}

/* An image from the first partition of a disk; hashed: what stands for the program. */
static inline void put_image(struct file *f, const char *path, const char *hashed)
{
	struct file v = { .len = 0 };
	size_t path_len = 4 + 2 * (strlen(path) + 1);

	put_number(&v, 0x1000, 8);
	put_number(&v, 4096, 8);
	put_number(&v, 0, 8);
	put_number(&v, 42 + path_len + 4, 8);
	put(&v, "\4\1\x2a\0\1\0\0\0", 8); /* HD(1), its GUID below */
	put_number(&v, 2048, 8);
	put_number(&v, 4096, 8);
	put(&v, "0123456789abcdef\2\2", 18);
	put(&v, "\4\4", 2);
	put_number(&v, path_len, 2);
	put_utf16(&v, path);
	put_number(&v, 0, 2);
	put(&v, "\x7f\xff\4\0", 4);
	put_event(f, 4, EV_EFI_BOOT_SERVICES_APPLICATION, v.bytes, v.len, hashed, strlen(hashed));
}

/* The kernel in a UKI, as systemd-stub has the firmware load it. */
static inline void put_payload(struct file *f)
{
	struct file v = { .len = 0 };

	put_number(&v, 0x1000, 8);
	put_number(&v, 4096, 8);
	put_number(&v, 0, 8);
	put_number(&v, 24, 8);
	put(&v, "\4\3\x14\0\xf8\xd1\xc5\x55\xcd\x04\xb5\x46\x8a\x20\xe5\x6c\xbb\x30\x52\xd0\x7f\xff\4\0", 24);
	put_event(f, 4, EV_EFI_BOOT_SERVICES_APPLICATION, v.bytes, v.len, "kernel", 6);
}

static inline void put_grub(struct file *f, const char *prefix, const char *string)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%s", prefix, string);
	put_event(f, 8, EV_IPL, text, strlen(text) + 1, string, strlen(string));
}

static inline struct eventlog opened(const struct file *f)
{
	struct eventlog log;
	struct eventlog_error error;

	if (!eventlog_open(f->bytes, f->len, &log, &error))
		fail_msg("at %zu: %s", error.offset, error.reason);
	return log;
}

static inline void replayed(const struct file *f, uint16_t alg, struct pcr_values *ret)
{
	struct eventlog log = opened(f);
	struct eventlog_error error;

	if (!eventlog_replay(&log, alg, digest_hash, NULL, ret, &error))
		fail_msg("at %zu: %s", error.offset, error.reason);
}

static inline bool tool_is_there(void)
{
	return system("command -v tpm2_eventlog >/dev/null 2>&1") == 0;
}

/* What tpm2_eventlog says the PCRs are: "pcrs:", then "  sha256:", then "    7  : 0x65ca...". How many were compared, but for
 * those. */
static inline unsigned against_tool(const char *path, const struct file *f, uint32_t but)
{
	char command[256], line[512], bank[16] = "", hex[129], is[131];
	bool pcrs = false;
	unsigned pcr, n = 0;
	FILE *p;

	(void)snprintf(command, sizeof(command), "tpm2_eventlog %s 2>/dev/null", path);
	p = popen(command, "r");
	assert_non_null(p);
	while (fgets(line, sizeof(line), p)) {
		struct pcr_values v;

		if (!strcmp(line, "pcrs:\n"))
			pcrs = true;
		else if (pcrs && sscanf(line, "  %u : 0x%128s", &pcr, hex) == 2) {
			replayed(f, bank_from_name(bank), &v);
			hex_encode(v.value[pcr], v.size, is);
			if (!(but & 1u << pcr))
				assert_string_equal(is, hex);
			assert_true(v.extended & 1u << pcr);
			n++;
		} else if (pcrs && sscanf(line, "  %15[a-z0-9_]:", bank) != 1)
			fail_msg("tpm2_eventlog says %s", line);
	}
	assert_int_equal(pclose(p), 0);
	return n;
}

#endif
