/* What PCRs cover, for each kind of boot chain. */
#include "eventlogs.h"

#include "core/coverage.h"

/* One letter, one record. */
static void put_step(struct file *f, char step)
{
	static const char initrd[] = "\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd", options[] = "\xed\x22\x3b\x8f\4\0\0\0opts";
	static const char *const sections[] = { ['l'] = ".linux", ['i'] = ".initrd", ['c'] = ".cmdline" };
	struct file text = { .len = 0 };

	switch (step) {
	case 'F': put_event(f, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, "0123456789abcdef", 16, "blob", 4); break;
	case 'R': put_plain(f, 2, EV_SEPARATOR, "\0\0\0\0", 4); break;
	case 'S': put_variable(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", "\1", 1); break;
	case 's': put_variable(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", "\0", 1); break;
	case 'B': put_image(f, "\\EFI\\debian\\grubx64.efi", "grub"); break;
	case 'U': put_image(f, "\\EFI\\Linux\\debian.efi", "uki"); break;
	case 'K': put_image(f, "\\vmlinuz-6.12", "kernel"); break;
	case 'V': put_payload(f); break;
	case 'C': put_grub(f, "kernel_cmdline: ", "/boot/vmlinuz"); break;
	case 'k': put_event(f, 9, EV_IPL, "/boot/vmlinuz\0", 14, "kernel", 6); break;
	case 'I': put_event(f, 9, EV_IPL, "/boot/initrd.img\0", 17, "initrd", 6); break;
	case 'e': put_event(f, 9, EV_EVENT_TAG, initrd, sizeof(initrd), "initrd", 6); break;
	case 'o': put_event(f, 9, EV_EVENT_TAG, options, sizeof(options) - 1, "options", 7); break;
	default:
		assert_true(step == 'l' || step == 'i' || step == 'c');
		put_utf16(&text, sections[(int)step]);
		put_number(&text, 0, 2);
		put_event(f, 11, EV_IPL, text.bytes, text.len, "payload", 7);
	}
}

#define P(n) (1u << (n))
#define DEFAULT (P(0) | P(2) | P(4) | P(7))
#define A(a) (1u << ASPECT_##a)
#define BASE (A(FIRMWARE) | A(DRIVERS) | A(SECURE_BOOT) | A(LOADER))
#define ALL (BASE | A(KERNEL) | A(INITRD) | A(CMDLINE))

static const struct {
	const char *chain;
	uint32_t mask;
	unsigned holds;
	uint32_t add;
} rows[] = {
	{ "FRsBCkI", DEFAULT, BASE, P(8) | P(9) },
	{ "FRsBCkI", DEFAULT | P(8), BASE | A(CMDLINE), P(9) },
	{ "FRsBCkI", DEFAULT | P(8) | P(9), ALL, 0 },
	/* GRUB vouches for nothing if nobody vouches for GRUB */
	{ "FRsBCkI", P(8) | P(9), 0, P(4) },
	/* beside a UKI: credentials, into PCR 12, and extensions, into 13 */
	{ "FRSUlic", DEFAULT, ALL & ~A(INITRD), P(12) | P(13) },
	{ "FRSUlic", DEFAULT | P(12) | P(13), ALL, 0 },
	{ "FRSUlic", P(11), 0, P(4) | P(12) | P(13) },
	/* Secure Boot off: another command line may be given, into PCR 12 */
	{ "FRsUlic", DEFAULT, ALL & ~(A(CMDLINE) | A(INITRD)), P(12) | P(13) },
	{ "FRsUlic", DEFAULT | P(13), ALL & ~(A(CMDLINE) | A(INITRD)), P(12) },
	{ "FRsUlic", DEFAULT | P(12) | P(13), ALL, 0 },
	/* the kernel in the UKI measures what it got, whoever brought it: 12 and 13, or 9 */
	{ "FRsUVliceo", DEFAULT, ALL & ~(A(CMDLINE) | A(INITRD)), P(12) | P(13) },
	{ "FRsUVliceo", DEFAULT | P(9), ALL, 0 },
	{ "FRsUVliceo", P(9), 0, P(4) },
	/* a UKI without a command line of its own */
	{ "FRSUli", DEFAULT | P(12) | P(13), ALL & ~A(CMDLINE), 0 },
	/* the firmware boots the kernel */
	{ "FRsKeo", DEFAULT, BASE | A(KERNEL), P(9) },
	{ "FRsKeo", DEFAULT | P(9), ALL, 0 },
	/* a boot loader that measures nothing */
	{ "FRsB", DEFAULT, BASE, 0 },
	{ "", 0xffffff, 0, 0 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct file f;
		struct eventlog log;
		struct coverage c;
		unsigned holds = 0;

		f.len = 0;
		put_header(&f);
		for (const char *p = rows[i].chain; *p; p++)
			put_step(&f, *p);
		log = opened(&f);
		coverage_of(&log, BANK_SHA256, digest_hash, NULL, &c);
		for (int a = 0; a < ASPECT_COUNT; a++) {
			holds |= coverage_holds(&c, (enum aspect)a, rows[i].mask) ? 1u << a : 0;
			assert_non_null(coverage_open_words(&c, (enum aspect)a, rows[i].mask));
		}
		if (holds != rows[i].holds || coverage_recommend(&c, rows[i].mask) != rows[i].add)
			fail_msg("row %zu: covers 0x%x, add 0x%x", i, holds, (unsigned)coverage_recommend(&c, rows[i].mask));
		assert_int_equal(c.secure_boot, strchr(rows[i].chain, 'S') != NULL);
		assert_int_equal(c.uki, strchr(rows[i].chain, 'U') != NULL);
	}
}

/* A variable whose digest is another's proves nothing. */
static void test_lie(void **state)
{
	struct file v = { .len = 0 };
	static struct file f;
	struct eventlog log;
	struct coverage c;

	(void)state;
	f.len = 0;
	put_header(&f);
	put_variable_data(&v, "SecureBoot", "\1", 1);
	put_event(&f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, v.bytes, v.len, "off, in truth", 13);
	log = opened(&f);
	coverage_of(&log, BANK_SHA256, digest_hash, NULL, &c);
	assert_false(c.secure_boot);
}

static void test_words(void **state)
{
	char text[64];

	(void)state;
	measurers_words(1u << BY_GRUB, text, sizeof(text));
	assert_string_equal(text, "GRUB");
	measurers_words(1u << BY_GRUB | 1u << BY_FIRMWARE | 1u << BY_SHIM, text, sizeof(text));
	assert_string_equal(text, "firmware, shim and GRUB");
	measurers_words(0xff, text, 10);
	assert_int_equal(strlen(text), 9);
	measurers_words(0, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lie),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
