/* Event records in words, two logs compared, and the next boot's PCRs predicted: against what the TPM then had. */
#include "eventlogs.h"

#include "core/predict.h"
#include "core/seal.h"
#include "core/story.h"

/* An EFI_SIGNATURE_LIST of one entry. */
static void list_with(struct file *f, const char *entry)
{
	f->len = 0;
	put(f, "tttttttttttttttt", 16);
	put_number(f, 28 + strlen(entry), 4);
	put_number(f, 0, 4);
	put_number(f, strlen(entry), 4);
	put(f, entry, strlen(entry));
}

/* A boot by shim, GRUB and Secure Boot, then one by systemd-boot and a UKI, as one log: each record and what is made
 * of it. */
static void build(struct file *f)
{
	static const char stub_initrd[] = "\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd", stub_options[] = "\xed\x22\x3b\x8f\4\0\0\0opts";
	static const uint8_t gpt[92 + 8]; /* header, no partition */
	struct file utf16 = { .len = 0 }, db = { .len = 0 };

	list_with(&db, "0123456789abcdefcert");
	f->len = 0;
	put_header(f);
	put_plain(f, 0, EV_NO_ACTION, "StartupLocality\0\3", 17);
	put_plain(f, 0, EV_S_CRTM_VERSION, "1\0.\0" "2\0\0\0", 8);
	put_event(f, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, "\0\0\x82\0\0\0\0\0\0\1\0\0\0\0\0\0", 16, "the blob", 8);
	put_variable(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", "\1", 1);
	put_variable(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "db", db.bytes, db.len);
	put_event(f, 1, EV_EFI_HANDOFF_TABLES, "xx", 2, "tables", 6);
	put_variable(f, 1, EV_EFI_VARIABLE_BOOT2, "BootOrder", "\1\0", 2);
	put_plain(f, 5, EV_EFI_GPT_EVENT, gpt, sizeof(gpt));
	put_plain(f, 4, EV_SEPARATOR, "\0\0\0\0", 4);
	put_variable(f, 7, EV_EFI_VARIABLE_AUTHORITY, "db", "0123456789abcdefcert", 20);
	put_image(f, "\\EFI\\debian\\shimx64.efi", "shim");
	put_variable(f, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", "sbat", 4);
	put_plain(f, 14, EV_IPL, "MokList\0", 8);
	put_image(f, "\\EFI\\debian\\grubx64.efi", "grub");
	put_event(f, 9, EV_IPL, "(hd0,gpt2)/boot/grub/grub.cfg\0", 30, "cfg", 3);
	put_grub(f, "grub_cmd: ", "linux /boot/vmlinuz root=/dev/vda");
	put_event(f, 9, EV_IPL, "/boot/vmlinuz-6.12\0", 19, "kernel", 6);
	put_grub(f, "kernel_cmdline: ", "/boot/vmlinuz root=/dev/vda");
	put_event(f, 9, EV_IPL, "/boot/initrd.img-6.12\0", 22, "initrd", 6);
	put_event(f, 9, EV_EVENT_TAG, stub_initrd, 21, "initrd", 6);
	put_event(f, 9, EV_EVENT_TAG, stub_options, 12, "options", 7);
	put_utf16(&utf16, "root=/dev/vda quiet");
	put_number(&utf16, 0, 2);
	put_plain(f, 12, EV_IPL, utf16.bytes, utf16.len);
	utf16.len = 0;
	put_utf16(&utf16, ".linux");
	put_number(&utf16, 0, 2);
	put_event(f, 11, EV_IPL, utf16.bytes, utf16.len, "payload", 7);
	put_plain(f, 12, EV_IPL, utf16.bytes, utf16.len);
	put_event(f, 5, EV_EVENT_TAG, "\x2a\x58\xbc\xf5\4\0\0\0conf", 12, "conf", 4);
	put_event(f, 2, 0x80000077, "?", 1, "??", 2);
}

static const struct {
	enum measurer by;
	enum subject subject;
	bool proven;
	const char *name;
} stories[] = {
	{ BY_FIRMWARE, SUBJECT_NOTE, false, "StartupLocality" },
	{ BY_FIRMWARE, SUBJECT_FIRMWARE, true, "1.2" },
	{ BY_FIRMWARE, SUBJECT_FIRMWARE, false, "at 0x820000, 256 bytes" },
	{ BY_FIRMWARE, SUBJECT_SECURE_BOOT, true, "SecureBoot" },
	{ BY_FIRMWARE, SUBJECT_SECURE_BOOT, true, "db" },
	{ BY_FIRMWARE, SUBJECT_HARDWARE, false, "" },
	{ BY_FIRMWARE, SUBJECT_BOOT_VARIABLE, true, "BootOrder" },
	{ BY_FIRMWARE, SUBJECT_PARTITIONS, true, "" },
	{ BY_FIRMWARE, SUBJECT_SEPARATOR, true, "" },
	{ BY_FIRMWARE, SUBJECT_AUTHORITY, true, "db" },
	{ BY_FIRMWARE, SUBJECT_IMAGE, false, "/EFI/debian/shimx64.efi" },
	{ BY_SHIM, SUBJECT_AUTHORITY, true, "SbatLevel" },
	{ BY_SHIM, SUBJECT_OWNER_KEYS, true, "MokList" },
	{ BY_SHIM, SUBJECT_IMAGE, false, "/EFI/debian/grubx64.efi" },
	{ BY_GRUB, SUBJECT_BOOT_CONFIG, false, "(hd0,gpt2)/boot/grub/grub.cfg" },
	{ BY_GRUB, SUBJECT_BOOT_CONFIG, true, "linux /boot/vmlinuz root=/dev/vda" },
	{ BY_GRUB, SUBJECT_KERNEL, false, "/boot/vmlinuz-6.12" },
	{ BY_GRUB, SUBJECT_CMDLINE, true, "/boot/vmlinuz root=/dev/vda" },
	{ BY_GRUB, SUBJECT_INITRD, false, "/boot/initrd.img-6.12" },
	{ BY_KERNEL_STUB, SUBJECT_INITRD, false, "as the kernel got it" },
	{ BY_KERNEL_STUB, SUBJECT_CMDLINE, false, "as the kernel got it" },
	{ BY_SYSTEMD_BOOT, SUBJECT_CMDLINE, true, "root=/dev/vda quiet" },
	{ BY_SYSTEMD_STUB, SUBJECT_UKI, false, ".linux" },
	{ BY_SYSTEMD_STUB, SUBJECT_CMDLINE, true, ".linux" },
	{ BY_SYSTEMD_BOOT, SUBJECT_BOOT_CONFIG, true, "loader.conf" },
	{ BY_UNKNOWN, SUBJECT_OTHER, false, "? (0x80000077)" },
};

static void test_stories(void **state)
{
	static struct file f;
	struct story_teller teller = { 0 };
	struct eventlog log;
	struct event_cursor c;
	struct event e;
	size_t i = 0;

	(void)state;
	build(&f);
	log = opened(&f);
	event_begin(&c, &log);
	for (; event_next(&c, &e); i++) {
		struct story s;
		char words[600];

		assert_true(i < ROWS(stories));
		event_story(&teller, &log, &e, BANK_SHA256, digest_hash, NULL, &s);
		story_words(&s, words, sizeof(words));
		if (s.by != stories[i].by || s.subject != stories[i].subject || s.proven != stories[i].proven ||
		    strcmp(s.name, stories[i].name) != 0)
			fail_msg("row %zu: by %s, %s, %s, proven %d", i, measurer_name(s.by), words, s.name, s.proven);
	}
	assert_null(c.error.reason);
	assert_int_equal(i, ROWS(stories));
}

/* But PCR 0: tpm2_eventlog 5.4 extends it by EV_NO_ACTION records, which measure nothing, and takes no locality from them.
 * test_eventlog.c has PCR 0 by the specification. */
static void test_tool(void **state)
{
	static struct file f;
	char path[] = "/tmp/imagate-log-XXXXXX";
	int fd;

	(void)state;
	if (!tool_is_there())
		skip();
	build(&f);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f.bytes, f.len), f.len);
	assert_int_equal(against_tool(path, &f, 1), 2 * 11);
	(void)close(fd);
	(void)unlink(path);
}

/* -- comparing ------------------------------------------------------------------------------ */

struct seen {
	unsigned count;
	char text[2048];
};

static void note(const struct difference *d, void *arg)
{
	static const char mark[] = { '~', '+', '-' };
	struct seen *s = arg;
	size_t used = strlen(s->text);

	s->count++;
	(void)snprintf(s->text + used, sizeof(s->text) - used, "%u%c%s;", d->pcr, mark[d->kind],
	               d->kind == DIFFERENCE_ADDED ? d->b.name : d->a.name);
}

static void compare(const struct file *a, const struct file *b, uint32_t mask, struct seen *ret)
{
	struct eventlog x = opened(a), y = opened(b);
	const struct comparison c = { &x, &y, BANK_SHA256, mask, digest_hash, NULL, note, ret };

	unsigned n;

	*ret = (struct seen){ 0 };
	n = eventlog_compare(&c);
	assert_int_equal(n, ret->count);
}

static void test_compare_real(void **state)
{
	static struct file a, b;
	struct seen s;

	(void)state;
	file_load("ovmf-grub.bin", &a);
	file_load("ovmf-grub-next.bin", &b);
	compare(&a, &a, 0xffffff, &s);
	assert_int_equal(s.count, 0);
	compare(&a, &b, 0x3ff & ~0x100u, &s);
	assert_string_equal(s.text, "4~/EFI/BOOT/BOOTX64.EFI;9~(hd1)/boot/grub/grub.cfg;");
	compare(&a, &b, 0x100, &s);
	assert_int_equal(s.count, 3);
}

static const struct {
	const char *a, *b, *is; /* each letter: one record of that content in PCR 8 */
} edits[] = {
	{ "abc", "abc", "" },       { "abc", "axc", "8~b;" },        { "abc", "abxc", "8+x;" },  { "abc", "ac", "8-b;" },
	{ "", "ab", "8+a;8+b;" },   { "ab", "", "8-a;8-b;" },        { "abcd", "xbcy", "8~a;8~d;" }, { "abc", "cab", "8+c;8-c;" },
	{ "aab", "ab", "8-a;" },
};

static void test_compare(void **state)
{
	static struct file f[2];
	struct seen s;

	(void)state;
	for (size_t i = 0; i < ROWS(edits); i++) {
		for (int side = 0; side < 2; side++) {
			f[side].len = 0;
			put_header(&f[side]);
			for (const char *p = side ? edits[i].b : edits[i].a; *p; p++)
				put_grub(&f[side], "grub_cmd: ", (const char[]){ *p, '\0' });
			put_plain(&f[side], 4, EV_SEPARATOR, "\0\0\0\0", 4);
		}
		compare(&f[0], &f[1], 1u << 8, &s);
		assert_string_equal(s.text, edits[i].is);
	}
	/* another kind of thing at the same place has not changed into it */
	f[0].len = f[1].len = 0;
	put_header(&f[0]);
	put_header(&f[1]);
	put_grub(&f[0], "grub_cmd: ", "x");
	put_grub(&f[1], "kernel_cmdline: ", "y");
	compare(&f[0], &f[1], 1u << 8, &s);
	assert_string_equal(s.text, "8-x;8+y;");
}

/* -- predicting ------------------------------------------------------------------------------ */

struct doubts {
	unsigned count, blocking;
	uint32_t pcrs;
};

static void doubted(const struct doubt *d, void *arg)
{
	struct doubts *s = arg;

	assert_non_null(d->reason);
	s->count++;
	s->blocking += d->blocks;
	s->pcrs |= 1u << d->pcr;
}

/* The digest of a record of the log after. */
static const uint8_t *digest_in(const struct eventlog *log, const char *image, uint16_t alg)
{
	static struct event e;

	assert_true(predict_find_image(log, image, 0, &e));
	return event_digest(&e, alg);
}

static unsigned number_of_string(const struct eventlog *log, bool cmdline, const char *begins)
{
	struct event_cursor c;
	struct event e;
	const char *is;
	size_t len;
	bool is_cmdline;

	event_begin(&c, log);
	while (event_next(&c, &e))
		if (event_grub_string(&e, &is_cmdline, &is, &len) && is_cmdline == cmdline && !strncmp(is, begins, strlen(begins)))
			return e.number;
	fail_msg("no record of '%s'", begins);
	return 0;
}

/* Parameters in, next boot's PCRs out: compared with what the TPM had in the next boot, bank by bank. What is put in is
 * the new program's digest, the new grub.cfg and the new command line. */
static void predict_bank(uint16_t alg)
{
	static const char after[] = " audit=1";
	static struct file a, b, cfg;
	static char entry[1024], command[512], cmdline[512];
	struct eventlog now, next;
	struct eventlog_error error;
	struct prediction p;
	struct pcr_values want;
	struct doubts d = { 0 };
	struct event e;
	uint8_t file[BANK_DIGEST_MAX];
	const struct part text = { cfg.bytes, 0 };
	struct part whole = text;
	char *line;

	file_load("ovmf-grub.bin", &a);
	file_load("ovmf-grub-next.bin", &b);
	file_load("ovmf-grub-next.cfg", &cfg);
	now = opened(&a);
	next = opened(&b);
	whole.len = cfg.len;
	assert_true(digest_hash(NULL, alg, &whole, 1, file));
	/* GRUB's commands are the lines of grub.cfg, the menu entry as one */
	cfg.bytes[cfg.len] = '\0';
	line = strstr((char *)cfg.bytes, "linuxefi ");
	(void)snprintf(command, sizeof(command), "%.*s", (int)strcspn(line, "\n"), line);
	assert_non_null(strstr(command, after));
	*strstr(command, after) = '\0';
	(void)strncat(command, after, sizeof(command) - strlen(command) - 1);
	(void)snprintf(cmdline, sizeof(cmdline), "%s", command + strlen("linuxefi "));
	(void)snprintf(entry, sizeof(entry), "menuentry Debian {%s", strchr(strstr((char *)cfg.bytes, "menuentry"), '\n'));
	entry[strlen(entry) - 1] = '\0'; /* the newline behind the brace */
	assert_true(predict_find_file(&now, "/boot/grub/grub.cfg", 0, &e));
	{
		const struct change changes[] = {
			{ CHANGE_DIGEST, 0, 0, digest_in(&next, "/EFI/BOOT/BOOTX64.EFI", alg), bank_size(alg) },
			{ CHANGE_DIGEST, e.number, 0, file, bank_size(alg) },
			{ CHANGE_STRING, number_of_string(&now, false, "menuentry"), 0, entry, strlen(entry) },
			{ CHANGE_STRING, number_of_string(&now, false, "linuxefi"), 0, command, strlen(command) },
			{ CHANGE_STRING, number_of_string(&now, true, "/boot"), 0, cmdline, strlen(cmdline) },
		};
		struct change with[ROWS(changes)];
		const struct forecast f = { &now, alg, 0x3ff, with, ROWS(with), digest_hash, NULL, doubted, &d };

		memcpy(with, changes, sizeof(with));
		assert_true(predict_find_image(&now, "/EFI/BOOT/BOOTX64.EFI", 0, &e));
		with[0].event = e.number;
		if (!predict(&f, &p, &error))
			fail_msg("at %zu: %s", error.offset, error.reason);
	}
	assert_int_equal(p.applied, 5);
	assert_int_equal(p.blocked, 0);
	assert_int_equal(d.blocking, 0);
	assert_true(eventlog_replay(&next, alg, digest_hash, NULL, &want, &error));
	for (int pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
		if (memcmp(p.values.value[pcr], want.value[pcr], want.size) != 0)
			fail_msg("%s, PCR %d", bank_name(alg), pcr);
	/* and the next boot's replay is the TPM's: test_eventlog.c */
}

static void test_predict_real(void **state)
{
	(void)state;
	predict_bank(BANK_SHA1);
	predict_bank(BANK_SHA256);
	predict_bank(BANK_SHA384);
}

static struct doubts run(const struct file *f, uint32_t mask, const struct change *changes, size_t count, bool ok,
                         struct prediction *ret)
{
	struct eventlog log = opened(f);
	struct doubts d = { 0 };
	const struct forecast c = { &log, BANK_SHA256, mask, changes, count, digest_hash, NULL, doubted, &d };
	struct eventlog_error error;

	assert_int_equal(predict(&c, ret, &error), ok);
	assert_int_equal(error.reason == NULL, ok);
	return d;
}

static unsigned find_variable(const struct file *f, uint32_t pcr, const char *name)
{
	struct eventlog log = opened(f);
	struct event e;

	assert_true(predict_find_variable(&log, pcr, name, 0, &e));
	return e.number;
}

static void test_predict_variables(void **state)
{
	static struct file f, same, list;
	struct prediction p, q;
	struct doubts d;
	struct pcr_values want;
	struct eventlog_error error;
	struct eventlog log;

	(void)state;
	/* the same log as if db were another: predicted from the one is the replay of the other */
	f.len = same.len = 0;
	list_with(&list, "0123456789abcdefcert");
	for (struct file *x = &f;; x = &same) {
		put_header(x);
		if (x == &f)
			put_variable(x, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "db", "old", 3);
		else
			put_variable(x, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "db", list.bytes, list.len);
		put_variable(x, 7, EV_EFI_VARIABLE_AUTHORITY, "db", "0123456789abcdefcert", 20);
		if (x == &same)
			break;
	}
	{
		const struct change c = { CHANGE_VARIABLE, find_variable(&f, 7, "db"), 0, list.bytes, list.len };

		d = run(&f, 1u << 7, &c, 1, true, &p);
	}
	assert_int_equal(d.count, 0);
	log = opened(&same);
	assert_true(eventlog_replay(&log, BANK_SHA256, digest_hash, NULL, &want, &error));
	assert_memory_equal(p.values.value[7], want.value[7], 32);
	/* without that certificate nobody knows which will be measured */
	list_with(&list, "0123456789abcdefCERT");
	{
		const struct change c = { CHANGE_VARIABLE, find_variable(&f, 7, "db"), 0, list.bytes, list.len };

		d = run(&f, 1u << 7, &c, 1, true, &q);
		assert_int_equal(d.blocking, 1);
		assert_int_equal(q.blocked, 1u << 7);
		d = run(&f, 1u << 4, &c, 1, true, &q); /* nobody asked about PCR 7 */
		assert_int_equal(d.count, 0);
		assert_int_equal(q.blocked, 0);
	}
}

static void test_predict_boot_variable(void **state)
{
	static struct file f;
	struct prediction p;
	struct file v = { .len = 0 };
	const struct part data = { "new", 3 }, chain[] = { { (const uint8_t[32]){ 0 }, 32 }, { v.bytes, 32 } };
	uint8_t is[BANK_DIGEST_MAX];

	(void)state;
	/* EDK2: the data alone is hashed */
	f.len = 0;
	put_header(&f);
	put_variable_data(&v, "Boot", "old", 3);
	put_event(&f, 1, EV_EFI_VARIABLE_BOOT, v.bytes, v.len, "old", 3);
	{
		const struct change c = { CHANGE_VARIABLE, find_variable(&f, 1, "Boot"), 0, "new", 3 };

		(void)run(&f, 2, &c, 1, true, &p);
	}
	assert_true(digest_hash(NULL, BANK_SHA256, &data, 1, v.bytes) && digest_hash(NULL, BANK_SHA256, chain, 2, is));
	assert_memory_equal(p.values.value[1], is, 32);
	assert_int_equal(p.blocked, 0);
	/* hashed in a way that nobody knows: not predicted */
	f.len = v.len = 0;
	put_header(&f);
	put_variable_data(&v, "Boot", "old", 3);
	put_event(&f, 1, EV_EFI_VARIABLE_BOOT, v.bytes, v.len, "else", 4);
	{
		const struct change c = { CHANGE_VARIABLE, find_variable(&f, 1, "Boot"), 0, "new", 3 };

		assert_int_equal(run(&f, 2, &c, 1, true, &p).blocking, 1);
	}
	assert_int_equal(p.blocked, 2);
}

static const struct {
	struct change change;
	bool ok;
	unsigned doubts; /* over all PCRs */
} single[] = {
	{ { CHANGE_DIGEST, 11, 0, "0123456789abcdef0123456789abcdef", 32 }, true, 3 }, /* two authorities, one unknown type */
	{ { CHANGE_DROP, 11, 0, NULL, 0 }, true, 1 },
	{ { CHANGE_DROP, 26, 0, NULL, 0 }, true, 0 }, /* the one that is not understood */
	{ { CHANGE_INSERT, 999, 8, "0123456789abcdef0123456789abcdef", 32 }, true, 1 },
	{ { CHANGE_INSERT, 5, 8, "0123456789abcdef0123456789abcdef", 32 }, true, 1 },
	{ { CHANGE_INSERT, 5, 24, "0123456789abcdef0123456789abcdef", 32 }, false, 0 },
	{ { CHANGE_INSERT, 5, 8, "x", 1 }, false, 0 },
	{ { CHANGE_DIGEST, 11, 0, "x", 1 }, false, 0 },
	{ { CHANGE_DIGEST, 1, 0, "0123456789abcdef0123456789abcdef", 32 }, false, 0 }, /* EV_NO_ACTION */
	{ { CHANGE_DIGEST, 999, 0, "0123456789abcdef0123456789abcdef", 32 }, false, 1 },
	{ { CHANGE_DIGEST, 0, 0, "0123456789abcdef0123456789abcdef", 32 }, false, 1 },
	{ { CHANGE_VARIABLE, 11, 0, "x", 1 }, false, 0 },
	{ { CHANGE_STRING, 11, 0, "x", 1 }, false, 0 },
};

static void test_predict_single(void **state)
{
	static struct file f;
	struct prediction p;

	(void)state;
	build(&f);
	for (size_t i = 0; i < ROWS(single); i++) {
		struct doubts d = run(&f, 0xffffff, &single[i].change, 1, single[i].ok, &p);

		if (single[i].ok && d.count != single[i].doubts)
			fail_msg("row %zu: %u doubts", i, d.count);
	}
	/* two changes of one record */
	{
		const struct change twice[] = { { CHANGE_DROP, 11, 0, NULL, 0 }, { CHANGE_DROP, 11, 0, NULL, 0 } };

		(void)run(&f, 0, twice, 2, false, &p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),           cmocka_unit_test(test_tool),
		cmocka_unit_test(test_compare_real),
		cmocka_unit_test(test_compare),           cmocka_unit_test(test_predict_real),
		cmocka_unit_test(test_predict_variables), cmocka_unit_test(test_predict_boot_variable),
		cmocka_unit_test(test_predict_single),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
