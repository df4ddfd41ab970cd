/* GRUB's block, evidence, what may come next, audit records. */
#include "test.h"

#include "core/rollout.h"
#include "kernel/auditwatch.h"

static void empty(char block[static GRUBENV_LEN])
{
	static const char head[] = "# GRUB Environment Block\n";

	memset(block, '#', GRUBENV_LEN);
	memcpy(block, head, sizeof(head) - 1);
}

/* As grub-editenv 2.06 wrote it. */
static void test_grubenv(void **state)
{
	char block[GRUBENV_LEN], before[GRUBENV_LEN], value[32];

	(void)state;
	empty(block);
	assert_true(grubenv_valid(block, GRUBENV_LEN));
	assert_false(grubenv_valid(block, GRUBENV_LEN - 1));
	assert_false(grubenv_get(block, "a", value, sizeof(value)));
	assert_true(grubenv_set(block, "saved_entry", "0"));
	assert_true(grubenv_set(block, "imagate_stage", "fix"));
	assert_true(grubenv_set(block, "imagate", "x"));
	assert_true(grubenv_set(block, "imagate_stage", "enforce")); /* the old one goes */
	assert_true(grubenv_get(block, "imagate_stage", value, sizeof(value)));
	assert_string_equal(value, "enforce");
	assert_true(grubenv_get(block, "saved_entry", value, sizeof(value)));
	assert_string_equal(value, "0");
	assert_true(grubenv_get(block, "imagate", value, sizeof(value)));
	assert_true(grubenv_valid(block, GRUBENV_LEN));
	assert_null(memchr(strstr(block, "imagate_stage=enforce\n") + 22, '\n', (size_t)(block + GRUBENV_LEN - strstr(block, "imagate_stage=enforce\n") - 22)));
	assert_false(grubenv_get(block, "imagate_stage", value, 7)); /* it would not fit */
	assert_true(grubenv_set(block, "imagate_stage", NULL));
	assert_false(grubenv_get(block, "imagate_stage", value, sizeof(value)));
	memcpy(before, block, GRUBENV_LEN);
	assert_false(grubenv_set(block, "x", "a b"));
	assert_false(grubenv_set(block, "x", "a\nb=c"));
	assert_false(grubenv_set(block, "", "a"));
	assert_memory_equal(block, before, GRUBENV_LEN);
	/* quoting, as GRUB does it */
	memcpy(block + 25, "q=a\\\\b\\\nc\nimagate_once=audit\n####", 34);
	assert_true(grubenv_get(block, "q", value, sizeof(value)));
	assert_string_equal(value, "a\\b\nc");
	assert_true(grubenv_get(block, "imagate_once", value, sizeof(value)));
	assert_string_equal(value, "audit");
	/* full: it stays as it was */
	empty(block);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(value, sizeof(value), "name_%d", i);
		memcpy(before, block, GRUBENV_LEN);
		if (!grubenv_set(block, value, "0123456789"))
			break;
		assert_int_not_equal(i, 99);
	}
	assert_memory_equal(block, before, GRUBENV_LEN);
}

static void test_rollout_block(void **state)
{
	struct rollout r = { .stage = STAGE_AUDIT, .trial = STAGE_ENFORCE, .once = STAGE_FIX, .tries = 2, .blessed = 1 }, back;
	char block[GRUBENV_LEN];

	(void)state;
	empty(block);
	rollout_read(block, &back);
	assert_int_equal(back.stage, STAGE_UNSET);
	assert_true(rollout_write(&r, block));
	rollout_read(block, &back);
	assert_memory_equal(&back, &r, sizeof(r));
	/* edited offline: no stage is none, no number is no try */
	assert_true(grubenv_set(block, ROLLOUT_TRIAL, "superuser") && grubenv_set(block, ROLLOUT_TRIES, "99"));
	rollout_read(block, &back);
	assert_int_equal(back.trial, STAGE_UNSET);
	assert_int_equal(back.tries, 0);
}

static void test_bless(void **state)
{
	struct rollout r = { .stage = STAGE_AUDIT, .trial = STAGE_ENFORCE, .tries = 1 };
	struct config c;
	bool raise;

	(void)state;
	config_defaults(&c);
	rollout_bless(&r, STAGE_AUDIT, &c, &raise); /* it fell back: no blessing */
	assert_int_equal(r.blessed, 0);
	for (unsigned i = 1; i < 3; i++) {
		rollout_bless(&r, STAGE_ENFORCE, &c, &raise);
		assert_false(raise);
		assert_int_equal(r.blessed, i);
		assert_int_equal(r.tries, 3); /* a good boot refills them */
	}
	rollout_bless(&r, STAGE_ENFORCE, &c, &raise);
	assert_true(raise);
	assert_int_equal(r.stage, STAGE_ENFORCE);
	assert_int_equal(r.trial, STAGE_UNSET);
	rollout_bless(&r, STAGE_ENFORCE, &c, &raise);
	assert_false(raise);
}

/* What GRUB could not write, the gate does; what it wrote, nobody does twice. */
static void test_catch_up(void **state)
{
	static const struct {
		struct rollout r;
		enum stage stage;
		bool trial;
		unsigned left;
		bool done;
		unsigned tries;
		enum stage once;
	} rows[] = {
		{ { .trial = STAGE_ENFORCE, .tries = 3 }, STAGE_ENFORCE, true, 2, true, 2, STAGE_UNSET },
		{ { .trial = STAGE_ENFORCE, .tries = 2 }, STAGE_ENFORCE, true, 2, false, 2, STAGE_UNSET },
		{ { .trial = STAGE_ENFORCE, .tries = 3 }, STAGE_ENFORCE, true, 10, false, 3, STAGE_UNSET },
		{ { .trial = STAGE_ENFORCE, .tries = 3 }, STAGE_AUDIT, false, 0, false, 3, STAGE_UNSET },
		{ { .trial = STAGE_ENFORCE, .tries = 3 }, STAGE_ENFORCE, true, 0, false, 3, STAGE_UNSET }, /* edited by hand */
		{ { .tries = 1 }, STAGE_ENFORCE, true, 0, false, 1, STAGE_UNSET },
		{ { .once = STAGE_FIX }, STAGE_FIX, false, 0, true, 0, STAGE_UNSET },
		{ { .once = STAGE_FIX }, STAGE_ENFORCE, false, 0, false, 0, STAGE_FIX }, /* set after GRUB read it */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rollout r = rows[i].r;

		assert_int_equal(rollout_catch_up(&r, rows[i].stage, rows[i].trial, rows[i].left), rows[i].done);
		assert_int_equal(r.tries, rows[i].tries);
		assert_int_equal(r.once, rows[i].once);
	}
}

static const struct {
	const char *text;
	unsigned clean;
} evidence[] = {
	{ "", 0 },
	{ "boot=a stage=audit denials=0 lost=0 good=yes\n", 1 },
	{ "boot=a stage=audit denials=0 lost=0 good=no\n", 0 },
	{ "boot=a stage=audit denials=1 lost=0 good=yes\n", 0 },
	{ "boot=a stage=audit denials=0 lost=1 good=yes\n", 0 },
	{ "boot=a stage=audit denials=0 lost=0 good=yes\nboot=b stage=fix denials=9 lost=0 good=yes\n"
	  "boot=c stage=audit denials=0 lost=0 good=yes\n", 2 },
	{ "boot=a stage=audit denials=0 lost=0 good=yes\nboot=b stage=audit denials=2 lost=0 good=yes\n"
	  "boot=c stage=audit denials=0 lost=0 good=yes\n", 1 },
	{ "boot=a stage=audit denials=0 lost=0 good=yes\nnonsense\n", 0 },
	{ "boot=a stage=audit denials=0 lost=0 good=yes more\n", 0 },
	{ "boot=a stage=audit denials=-1 lost=0 good=yes\n", 0 },
};

static void test_evidence(void **state)
{
	struct boot_evidence e = { .boot = "0f", .stage = STAGE_AUDIT, .denials = 3, .lost = 1, .good = true }, back;
	char line[EVIDENCE_LINE];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ROWS(evidence); i++)
		assert_int_equal(evidence_clean(evidence[i].text, strlen(evidence[i].text)), evidence[i].clean);
	n = evidence_format(&e, line, sizeof(line));
	assert_true(n > 0 && evidence_parse(line, n - 1, &back));
	assert_memory_equal(&back, &e, sizeof(e));
}

static void test_next(void **state)
{
	struct promotion p;
	struct config c;

	(void)state;
	config_defaults(&c);
	rollout_next(STAGE_FIX, 4, 0, &c, &p);
	assert_false(p.allowed);
	assert_non_null(strstr(p.missing, "4 files"));
	rollout_next(STAGE_FIX, 0, 0, &c, &p);
	assert_true(p.allowed && p.to == STAGE_AUDIT && !p.trial);
	rollout_next(STAGE_AUDIT, 0, 2, &c, &p);
	assert_false(p.allowed);
	assert_non_null(strstr(p.missing, "2 of 3"));
	rollout_next(STAGE_AUDIT, 0, 3, &c, &p);
	assert_true(p.allowed && p.to == STAGE_ENFORCE && p.trial);
	rollout_next(STAGE_ENFORCE, 0, 9, &c, &p);
	assert_true(!p.allowed && p.to == STAGE_UNSET && *p.missing);
	rollout_next(STAGE_UNSET, 0, 9, &c, &p);
	assert_false(p.allowed);
}

/* As a kernel 6.12 logged them. */
static void test_audit_records(void **state)
{
	struct audit_watch w = { .fd = -1 };
	static const char denial[] = "audit(1700000000.123:41): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=unconfined "
		"op=appraise_data cause=missing-hash comm=\"sh\" name=\"/usr/bin/x\" dev=\"vda\" ino=12 res=0 errno=0";

	(void)state;
	audit_watch_record(&w, denial);
	audit_watch_record(&w, denial); /* both sources have it */
	assert_int_equal(w.denials, 1);
	assert_string_equal(w.first, "\"/usr/bin/x\"");
	audit_watch_record(&w, "audit(1700000000.123:42): pid=1 op=appraise_data cause=ok name=\"/y\" res=1 errno=0");
	audit_watch_record(&w, "audit(1700000000.123:43): op=update_policy cause=completed res=1");
	audit_watch_record(&w, "no record");
	assert_int_equal(w.denials, 1);
	audit_watch_record(&w, "audit(1700000000.999:44): pid=1 op=appraise_data cause=invalid-HMAC name=\"/z\" res=0 errno=0");
	assert_int_equal(w.denials, 2);
	assert_string_equal(w.first, "\"/usr/bin/x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grubenv),  cmocka_unit_test(test_rollout_block), cmocka_unit_test(test_bless), cmocka_unit_test(test_catch_up),
		cmocka_unit_test(test_evidence), cmocka_unit_test(test_next), cmocka_unit_test(test_audit_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
