/* Event logs of other makers' machines (eventlogs/foreign): our replay is what the machines' own TPMs had and what
 * tpm2_eventlog computes; what is no log of PCRs is refused with a reason; each record has words. */
#include "eventlogs.h"

#include "core/predict.h"
#include "core/story.h"

#define FOREIGN "foreign/"

static const struct {
	const char *name;
	unsigned events, tpm; /* tpm: how many values of the machine's own TPM are known */
	unsigned tool;        /* how many tpm2_eventlog computes; 0: it refuses the log, or dies of it (5.4) */
	uint32_t tool_wrong;  /* PCRs that it gets wrong, and we do not by the machine's TPM: it takes no startup locality */
	uint32_t later;       /* PCRs that the system extended after the log ended */
	const char *reads;    /* "PCR by: words" of one of its records */
} logs[] = {
	{ "arch-linux-workstation", 25, 18, 18, 0, 0, "4 firmware: the EFI program /EFI/SYSTEMD/SYSTEMD-BOOTX64.EFI" },
	{ "coreos-36-shielded-vm-no-secure-boot", 76, 0, 33, 0, 0, "4 shim: the EFI program /EFI/fedora/grubx64.efi" },
	{ "cos-101-amd-sev", 49, 22, 33, 0, 0, "4 shim: the EFI program from memory, without a path" },
	{ "cos-85-amd-sev", 46, 20, 30, 0, 0, "0 firmware: the firmware GCE Virtual Firmware v1" },
	{ "cos-93-amd-sev", 46, 20, 30, 0, 0, "7 firmware: the Secure Boot variable dbx" },
	{ "crypto-agile", 27, 0, 8, 0, 0, "1 firmware: the boot variable Boot0001: ubuntu VenHw(99e275e7-75a0-4b37-a2e6-c5385e6c00cb)" },
	{ "debian-10", 25, 8, 8, 0, 0, "7 firmware: the Secure Boot variable SecureBoot" },
	{ "ebs-event-missing", 38, 0, 8, 0, 0, "1 firmware: the boot variable Boot0012: debian /EFI/debian/grubx64.efi" },
	{ "glinux-alex", 29, 16, 16, 1u << 0, 0, "0 firmware: the firmware FIT Type 0x07 Measured S-CRTM" },
	{ "linux-tpm12", 40, 24, 8, 0, 1u << 10, "1 firmware: the hardware's configuration LenovoConfig" },
	{ "option-rom", 61, 0, 0, 0, 0, "12 Windows: something not understood tag 0x40010001" },
	{ "rhel8-uefi", 83, 22, 33, 0, 0, "8 GRUB: the kernel command line (hd0,gpt2)/boot/vmlinuz-4.18.0-240.22.1.el8_3.x86_64 root=UUID=" },
	{ "sb-cert", 15, 0, 12, 0, 0, "7 firmware: the Secure Boot variable db" },
	{ "short-no-action", 1, 0, 0, 0, 0, "0 firmware: a note, which measures nothing" },
	{ "tss-hcrtm", 204, 0, 30, 0, 0, "0 firmware: the firmware HCRTM" },
	{ "tss-nuc", 17, 0, 8, 0, 0, "4 firmware: the EFI program /EFI/ubuntu/shimx64.efi" },
	{ "tss-pc-client", 33, 0, 16, 0, 0, "7 firmware: the Secure Boot variable KEK" },
	{ "ubuntu-1804-amd-sev", 88, 20, 30, 0, 0, "9 GRUB: the initramfs " },
	{ "ubuntu-2104-no-dbx", 112, 22, 33, 0, 0, "14 shim: the machine owner's keys, MokList" },
	{ "ubuntu-2104-no-secure-boot", 106, 22, 33, 0, 0, "8 GRUB: the boot loader's configuration: " },
	{ "ubuntu-2404-amd-sevsnp", 117, 22, 33, 0, 0, "7 shim: the key that vouched for an image, from SbatLevel" },
	{ "windows-gcp-shielded-vm", 21, 24, 8, 0, 0, "4 firmware: the EFI program /EFI/Microsoft/Boot/bootmgfw.efi" },
};

static const struct {
	const char *name, *reason;
} others[] = {
	{ "ccel-table", "it does not begin with a record of a TCG event log" },
	{ "ccel-cos-113-intel-tdx", "the log is not of PCRs, but of a confidential machine's own registers (CCEL)" },
};

static void load(const char *name, struct file *f)
{
	char path[128];

	(void)snprintf(path, sizeof(path), FOREIGN "%s.bin", name);
	file_load(path, f);
}

/* NAME.pcrs: "sha256 0 <hex>" a line. */
static unsigned against_tpm(const char *name, const struct file *f, uint32_t later)
{
	char path[256], bank[16], hex[129], is[131];
	unsigned pcr, n = 0;
	FILE *p;

	(void)snprintf(path, sizeof(path), EVENTLOGS FOREIGN "%s.pcrs", name);
	p = fopen(path, "r");
	if (!p)
		return 0;
	while (fscanf(p, "%15s %u %128s", bank, &pcr, hex) == 3) {
		struct pcr_values v;

		replayed(f, bank_from_name(bank), &v);
		hex_encode(v.value[pcr], v.size, is);
		if ((strcmp(is, hex) != 0) != (later >> pcr & 1))
			fail_msg("%s %s %u: the TPM had %s, the log gives %s", name, bank, pcr, hex, is);
		n++;
	}
	(void)fclose(p);
	return n;
}

static void test_tpm(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(logs); i++) {
		struct eventlog log;
		struct eventlog_error error;
		unsigned events, n;

		load(logs[i].name, &f);
		log = opened(&f);
		if (!eventlog_check(&log, &events, &error))
			fail_msg("%s: at %zu: %s", logs[i].name, error.offset, error.reason);
		n = against_tpm(logs[i].name, &f, logs[i].later);
		if (events != logs[i].events || n != logs[i].tpm)
			fail_msg("%s: %u events, %u values compared", logs[i].name, events, n);
	}
}

static void test_tool(void **state)
{
	static struct file f;

	(void)state;
	if (!tool_is_there())
		skip();
	for (size_t i = 0; i < ROWS(logs); i++) {
		char path[192];
		unsigned n;

		if (!logs[i].tool)
			continue;
		load(logs[i].name, &f);
		(void)snprintf(path, sizeof(path), EVENTLOGS FOREIGN "%s.bin", logs[i].name);
		n = against_tool(path, &f, logs[i].tool_wrong);
		if (n != logs[i].tool)
			fail_msg("%s: tpm2_eventlog computed %u values", logs[i].name, n);
	}
}

static void test_refused(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(others); i++) {
		struct eventlog log;
		struct eventlog_error error;

		load(others[i].name, &f);
		assert_false(eventlog_open(f.bytes, f.len, &log, &error));
		assert_string_equal(error.reason, others[i].reason);
	}
}

/* One record reads as it should; and none has a name that a terminal would take for more than text. */
static bool one_reads(size_t row, const struct file *f)
{
	struct eventlog log = opened(f);
	struct story_teller teller = { 0 };
	struct event_cursor c;
	struct event e;
	bool found = false;

	event_begin(&c, &log);
	while (event_next(&c, &e)) {
		struct story s;
		char words[600], line[700];

		event_story(&teller, &log, &e, log.algorithm[0].alg, digest_hash, NULL, &s);
		story_words(&s, words, sizeof(words));
		(void)snprintf(line, sizeof(line), "%u %s: %s", e.pcr, measurer_name(s.by), words);
		found |= strncmp(line, logs[row].reads, strlen(logs[row].reads)) == 0;
		for (const char *p = words; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
	return found;
}

static void test_words(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(logs); i++) {
		load(logs[i].name, &f);
		if (!one_reads(i, &f))
			fail_msg("%s: no record reads '%s'", logs[i].name, logs[i].reads);
	}
}

static void doubted(const struct doubt *d, void *arg)
{
	*(unsigned *)arg += d->blocks;
}

static void foretell(const char *name, const struct forecast *f, const struct pcr_values *v)
{
	struct eventlog_error error;
	struct prediction p;

	if (!predict(f, &p, &error) || p.applied != f->count || memcmp(&p.values, v, sizeof(*v)) != 0)
		fail_msg("%s %s: not predicted", name, bank_name(f->alg));
}

/* Nothing changes, or a variable is set to what it is: the next boot has what the TPM had. So what the variable's digest is
 * over, on this maker's machine, is understood. */
static unsigned predicted(const char *name, const struct file *f)
{
	static const char *const variables[] = { "SecureBoot", "PK", "KEK", "db", "dbx", "BootOrder" };
	const struct eventlog log = opened(f);
	unsigned blocked = 0, n = 0;

	for (size_t a = 0; a < log.algorithms; a++) {
		struct forecast forecast = { &log, log.algorithm[a].alg, 0x3ff, NULL, 0, digest_hash, NULL, doubted, &blocked };
		struct pcr_values v;

		replayed(f, forecast.alg, &v);
		foretell(name, &forecast, &v);
		for (size_t i = 0; i < ROWS(variables); i++) {
			struct efi_variable variable;
			struct change change = { .kind = CHANGE_VARIABLE };
			struct part measured;
			struct event e;

			if (!predict_find_variable(&log, strcmp(variables[i], "BootOrder") ? 7 : 1, variables[i], 0, &e) ||
			    !event_measured(&e, forecast.alg, digest_hash, NULL, &measured) || !efi_variable_parse(e.data, e.len, &variable))
				continue;
			change.event = e.number;
			change.bytes = variable.data;
			change.len = variable.len;
			forecast.changes = &change;
			forecast.count = 1;
			foretell(name, &forecast, &v);
			n++;
		}
	}
	assert_int_equal(blocked, 0);
	return n;
}

static void test_predict(void **state)
{
	static struct file f;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(logs); i++) {
		load(logs[i].name, &f);
		n += predicted(logs[i].name, &f);
	}
	assert_int_equal(n, 265);
}

/* Cut anywhere, it is refused or a shorter log; never is there a read behind the end (ASan). */
static void test_cut(void **state)
{
	static struct file f;

	(void)state;
	for (size_t i = 0; i < ROWS(logs); i++) {
		load(logs[i].name, &f);
		for (size_t len = 0; len < f.len; len += 1 + len / 64) {
			uint8_t *copy = malloc(len ? len : 1);
			struct eventlog log;
			struct eventlog_error error;
			unsigned n;

			assert_non_null(copy);
			memcpy(copy, f.bytes, len);
			if (!eventlog_open(copy, len, &log, &error) || !eventlog_check(&log, &n, &error))
				assert_non_null(error.reason);
			else
				assert_true(n <= logs[i].events);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tpm),     cmocka_unit_test(test_tool), cmocka_unit_test(test_refused), cmocka_unit_test(test_words),
		cmocka_unit_test(test_predict), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
