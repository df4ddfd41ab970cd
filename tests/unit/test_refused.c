/* Why the TPM refused, in words: with both logs, with one, with none; other values than were sealed to say nothing. */
#include "eventlogs.h"

#include "core/refused.h"

#define MASK 0x95u /* 0, 2, 4, 7 */

static struct file sealed_log, next_log;

/* A slot for what a log replays to. */
static void slot_of(const struct file *f, uint32_t mask, struct seal_slot *ret)
{
	uint8_t values[SEAL_VALUES_MAX];
	struct pcr_values v;
	struct part all = { values, 0 };

	*ret = (struct seal_slot){ .object.pcrs = { PCR_BANK_SHA256, mask }, .object.pcr_digest_len = 32 };
	replayed(f, BANK_SHA256, &v);
	for (int n = 0; n < EVENTLOG_PCRS; n++) {
		if (!(mask & UINT32_C(1) << n))
			continue;
		memcpy(values + all.len, v.value[n], v.size);
		all.len += v.size;
	}
	assert_true(digest_hash(NULL, BANK_SHA256, &all, 1, ret->object.pcr_digest));
	assert_true(seal_values_take(&ret->object.pcrs, values, all.len, &ret->values));
}

struct world {
	struct seal_slot slot, now;
	struct eventlog then_log, now_log;
	struct refused_about about;
	struct refused r;
	char remedy[REFUSED_REMEDY];
};

static void world(uint32_t mask, struct world *w)
{
	file_load("ovmf-grub.bin", &sealed_log);
	file_load("ovmf-grub-next.bin", &next_log);
	slot_of(&sealed_log, mask, &w->slot);
	slot_of(&next_log, mask, &w->now);
	w->then_log = opened(&sealed_log);
	w->now_log = opened(&next_log);
	w->about = (struct refused_about){ &w->slot, w->now.values.bytes, (size_t)__builtin_popcount(mask) * 32, &w->then_log,
	                                   &w->now_log, digest_hash, NULL };
}

static void explain(struct world *w)
{
	refused_explain(&w->about, &w->r);
	refused_remedy(&w->r, w->remedy, sizeof(w->remedy));
}

static void test_by_the_logs(void **state)
{
	static struct world w;

	(void)state;
	world(MASK, &w);
	explain(&w);
	assert_int_equal(w.r.state, REFUSED_DIFFER);
	assert_int_equal(w.r.differ, 1u << 4);
	assert_int_equal(w.r.lines, 1);
	assert_string_equal(w.r.line[0], "PCR 4: the EFI program /EFI/BOOT/BOOTX64.EFI changed (firmware)");
	assert_string_equal(w.remedy, "If you updated the boot loader (GRUB, shim) or the kernel: type the recovery key, then run 'imagate "
	                              "recover' and do what it says; if you did not, find out who did.");
	assert_true(refused_log_fits(&w.about, w.r.differ));
}

/* Strict: the same once more, with what GRUB measured; three lines for a PCR, and the rest is counted. */
static void test_strict(void **state)
{
	static struct world w;

	(void)state;
	world(MASK | 0x300, &w);
	explain(&w);
	assert_int_equal(w.r.differ, 1u << 4 | 1u << 8 | 1u << 9);
	assert_int_equal(w.r.lines, 5);
	assert_string_equal(w.r.line[4], "PCR 9: the boot loader's configuration: (hd1)/boot/grub/grub.cfg changed (GRUB)");
	for (size_t i = 1; i < 4; i++)
		assert_true(!strncmp(w.r.line[i], "PCR 8: ", 7));
	assert_non_null(strstr(w.remedy, "updated the boot loader"));
	assert_non_null(strstr(w.remedy, ", or updated the initramfs"));
}

static void test_without_logs(void **state)
{
	static struct world w;

	(void)state;
	world(MASK, &w);
	w.about.log_now = NULL;
	explain(&w);
	assert_int_equal(w.r.lines, 1);
	assert_string_equal(w.r.line[0], "PCR 4 (the programs that boot: boot loader, UKI) is not the one that was sealed to");
	w.about.log_then = NULL;
	explain(&w);
	assert_int_equal(w.r.lines, 1);
	/* a copy of another boot: what it says changed would be wrong */
	w.about.log_then = w.about.log_now = &w.now_log;
	assert_false(refused_log_fits(&w.about, 1u << 4));
	explain(&w);
	assert_string_equal(w.r.line[0], "PCR 4 (the programs that boot: boot loader, UKI) is not the one that was sealed to");
}

/* The TPM has what this boot's log does not give. */
static void test_behind_the_log(void **state)
{
	static struct world w;

	(void)state;
	world(MASK, &w);
	w.now.values = w.slot.values;
	w.now.values.bytes[3 * 32] ^= 1; /* PCR 7 */
	explain(&w);
	assert_int_equal(w.r.differ, 1u << 7);
	assert_int_equal(w.r.lines, 1);
	assert_string_equal(w.r.line[0], "PCR 7 (Secure Boot: on or off, its keys, who vouched): something was measured that the firmware's "
	                                 "log does not show");
	assert_non_null(strstr(w.remedy, "switched Secure Boot"));
}

static void test_same(void **state)
{
	static struct world w;

	(void)state;
	world(MASK, &w);
	w.now.values = w.slot.values;
	explain(&w);
	assert_true(w.r.state == REFUSED_SAME && w.r.lines == 0 && w.r.differ == 0);
	assert_non_null(strstr(w.remedy, "another TPM"));
}

/* No values, those of another slot, or too few from the TPM: then nothing is said. */
static void test_unknown(void **state)
{
	static struct world w;

	(void)state;
	for (int i = 0; i < 4; i++) {
		world(MASK, &w);
		if (i == 0)
			w.slot.values = (struct seal_values){ 0 };
		else if (i == 1)
			w.slot.values.bytes[0] ^= 1;
		else if (i == 2)
			w.about.now_len = 3 * 32;
		else
			w.slot.values.mask = 0x96;
		explain(&w);
		if (w.r.state != REFUSED_UNKNOWN || w.r.lines || *w.remedy)
			fail_msg("row %d", i);
	}
}

static const struct {
	const char *text, *again; /* NULL: refused */
} values[] = {
	{ "0=00ff 7=1122", "0=00ff 7=1122" },
	{ " 23=AB ", "23=ab" },
	{ "", NULL },
	{ "0=", NULL },
	{ "0", NULL },
	{ "=00", NULL },
	{ "24=00", NULL },
	{ "7=00 0=00", NULL },
	{ "7=00 7=00", NULL },
	{ "0=00 7=0011", NULL },
	{ "0=0g", NULL },
	{ "x=00", NULL },
	{ "007=00", NULL },
};

static void test_values(void **state)
{
	char text[SEAL_VALUES_TEXT];
	struct seal_values v;

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++) {
		bool ok = seal_values_parse(values[i].text, strlen(values[i].text), &v);

		if (ok != (values[i].again != NULL))
			fail_msg("row '%s'", values[i].text);
		if (!ok)
			continue;
		assert_int_equal(seal_values_format(&v, text, sizeof(text)), strlen(values[i].again));
		assert_string_equal(text, values[i].again);
		assert_int_equal(seal_values_format(&v, text, strlen(values[i].again)), 0);
	}
	/* as many as are kept, and one more */
	assert_true(seal_values_take(&(struct pcr_selection){ PCR_BANK_SHA256, 0xffffff }, next_log.bytes, 24 * 32, &v));
	assert_true(seal_values_format(&v, text, sizeof(text)) > 0);
	assert_ptr_equal(seal_values_of(&v, 23), v.bytes + 23 * 32);
	assert_null(seal_values_of(&v, 24));
	assert_false(seal_values_take(&(struct pcr_selection){ PCR_BANK_SHA512, 0x1fff }, next_log.bytes, 13 * 64, &v));
	assert_int_equal(v.mask, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_the_logs), cmocka_unit_test(test_strict), cmocka_unit_test(test_without_logs),
		cmocka_unit_test(test_behind_the_log), cmocka_unit_test(test_same), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
