/* What lint tells of a policy: each finding has one that gets it, and one nearly the same that does not. */
#include "test.h"

#include "base/file.h"
#include "core/lint.h"
#include "core/policy.h"
#include "label/labelscope.h"

#include <fcntl.h>

#define R KERNEL_RELEASE
#define EXEMPT "dont_appraise fsname=rootfs\n"
#define EXEC "appraise func=BPRM_CHECK\n"
#define MAP "appraise func=MMAP_CHECK\n"
#define GOOD EXEMPT EXEC MAP

struct about {
	const char *text;
	enum tri ima_key;
	bool by_path;
	unsigned release; /* 0: 6.1 */
};

static struct lint lint;

struct wanted {
	const char *id;
	unsigned count, line, column;
	enum lint_severity severity;
	char what[LINT_TEXT];
	bool told[LINT_SEVERITIES];
};

static void take(const struct lint_finding *f, void *arg)
{
	struct wanted *w = arg;

	assert_true(f->id && *f->id && *f->what && f->remedy && *f->remedy);
	assert_true((size_t)f->severity < LINT_SEVERITIES);
	assert_int_equal(f->line == 0, f->column == 0);
	w->told[f->severity] = true;
	if (strcmp(f->id, w->id) != 0)
		return;
	if (w->count++ == 0) { /* the first one's place */
		w->line = f->line;
		w->column = f->column;
		w->severity = f->severity;
		memcpy(w->what, f->what, sizeof(w->what));
	}
}

static struct wanted look_for(const char *id, const struct about *a)
{
	struct lint_about about = { .ima_key = a->ima_key, .by_path = a->by_path };
	struct wanted w = { .id = id };

	rule_kernel_debian(a->release ? a->release : R(6, 1), &about.kernel);
	policy_lint(a->text, strlen(a->text), &about, &lint, take, &w);
	for (int s = 0; s < LINT_SEVERITIES; s++)
		assert_int_equal(lint.found[s] != 0, w.told[s]);
	return w;
}

#define NO_KEY .ima_key = TRI_NO
#define KEY .ima_key = TRI_YES

static const struct {
	const char *id;
	unsigned line; /* of the first one */
	enum lint_severity severity;
	struct about gets, not;
} rows[] = {
	{ "refused", 2, LINT_ERROR, { .text = "# c\nmeasure fun=X\n" }, { .text = "# c\nmeasure func=BPRM_CHECK\n" } },
	{ "refused", 1, LINT_ERROR, { .text = "dont_audit\n", .release = R(6, 12) }, { .text = "dont_audit\n", .release = R(7, 2) } },
	{ "magic", 2, LINT_WARNING, { .text = "# securityfs\ndont_measure fsmagic=0x62656572\n" }, { .text = "# sysfs\ndont_measure fsmagic=0x62656572\n" } },
	{ "magic", 1, LINT_WARNING, { .text = "measure fsmagic=0x53ef\n" }, { .text = "measure fsmagic=0xef53\n" } },
	{ "magic", 1, LINT_WARNING, { .text = "measure fsmagic=0x94190201\n" }, { .text = "measure fsmagic=0x01021994\n" } },
	{ "magic", 1, LINT_WARNING, { .text = "measure fsmagic=0x12345\n" }, { .text = "measure fsname=ext4\n" } },
	/* words are no name, and a name is about the next line only */
	{ "magic", 2, LINT_WARNING, { .text = "# proc\nmeasure fsmagic=0x62656572\n" }, { .text = "# not proc\nmeasure fsmagic=0x62656572\n" } },
	{ "magic", 2, LINT_WARNING, { .text = "## proc\r\nmeasure fsmagic=0x62656572\n" }, { .text = "# proc\n\nmeasure fsmagic=0x62656572\n" } },
	{ "magic", 2, LINT_WARNING, { .text = "# tmpfs\nmeasure fsmagic=0x9fa0\n" }, { .text = "# devtmpfs\nmeasure fsmagic=0x01021994\n" } },
	{ "magic", 3, LINT_WARNING, { .text = "# proc\nmeasure fsmagic=0x9fa0\nmeasure fsmagic=0x9fa1\n" },
	  { .text = "# proc\nmeasure fsmagic=0x9fa0\nmeasure fsmagic=0x62656572\n" } },
	{ "carriage-return", 1, LINT_WARNING, { .text = "measure fsname=ext4\r\n" }, { .text = "measure fsname=ext4\n" } },
	{ "empty", 0, LINT_ERROR, { .text = "# nothing\n\n" }, { .text = "measure\n" } },
	{ "empty", 0, LINT_ERROR, { .text = "" }, { .text = "measure fun=X\n" } }, /* refused is enough */
	{ "newline", 2, LINT_WARNING, { .text = "measure\nmeasure uid=0" }, { .text = "measure\nmeasure uid=0\n" } },
	{ "newline", 1, LINT_ERROR, { .text = "measure", .by_path = true }, { .text = "measure\n", .by_path = true } },
	{ "initramfs", 1, LINT_WARNING, { .text = EXEC MAP }, { .text = EXEMPT EXEC MAP } },
	{ "initramfs", 1, LINT_WARNING, { .text = EXEC EXEMPT }, { .text = "appraise func=BPRM_CHECK fsuuid=01234567-89ab-cdef-0123-456789abcdef\n" } },
	/* one of the two kinds of initramfs only */
	{ "initramfs", 2, LINT_WARNING, { .text = "dont_appraise fsmagic=0x858458f6\n" EXEC },
	  { .text = "dont_appraise fsmagic=0x858458f6\ndont_appraise fsmagic=0x01021994\n" EXEC } },
	{ "initramfs", 1, LINT_WARNING, { .text = "appraise func=FILE_CHECK mask=MAY_READ uid=0\n" }, { .text = "appraise func=FILE_CHECK mask=MAY_READ uid=1000\n" } },
	{ "initramfs", 1, LINT_WARNING, { .text = MAP }, { .text = "measure func=MMAP_CHECK\n" } },
	{ "pseudo", 2, LINT_WARNING, { .text = EXEMPT "appraise func=FILE_CHECK fowner=0\n" }, { .text = EXEMPT EXEC } },
	{ "pseudo", 2, LINT_WARNING, { .text = EXEMPT "appraise fsname=proc\n" }, { .text = EXEMPT "appraise fsname=ext4\n" } },
	{ "hole", 2, LINT_WARNING, { .text = EXEMPT "dont_appraise fsmagic=0x01021994\n" EXEC MAP }, { .text = EXEMPT "dont_measure fsmagic=0x01021994\n" EXEC MAP } },
	{ "hole", 1, LINT_WARNING, { .text = "dont_appraise fsname=overlay\n" GOOD }, { .text = "dont_appraise fsname=sysfs\n" GOOD } },
	{ "hole", 2, LINT_WARNING, { .text = EXEC "dont_appraise func=MMAP_CHECK fsmagic=0x4d44\n" MAP }, { .text = EXEC MAP "dont_appraise func=MMAP_CHECK fsmagic=0x4d44\n" } },
	/* where nothing is appraised, nothing is exempt */
	{ "hole", 1, LINT_WARNING, { .text = "dont_appraise fsname=tmpfs\n" EXEC }, { .text = "dont_appraise fsname=tmpfs\nmeasure\n" } },
	{ "unreachable", 2, LINT_WARNING, { .text = "measure\nmeasure uid=0\n" }, { .text = "measure uid=0\nmeasure\n" } },
	{ "unreachable", 2, LINT_WARNING, { .text = "dont_measure fsname=ext4\nmeasure fsname=ext4 uid=0\n" }, { .text = "dont_measure fsname=ext4\nappraise fsname=ext4 uid=0\n" } },
	{ "unreachable", 2, LINT_WARNING, { .text = "measure mask=^MAY_READ\nmeasure mask=MAY_READ\n" }, { .text = "measure mask=MAY_READ\nmeasure mask=^MAY_READ\n" } },
	{ "unreachable", 2, LINT_WARNING, { .text = "measure uid=0\nmeasure uid=0\n" }, { .text = "measure uid=0\nmeasure euid=0\n" } },
	{ "unreachable", 2, LINT_WARNING, { .text = "measure uid<5\nmeasure uid<5\n" }, { .text = "measure uid<5\nmeasure uid>5\n" } },
	{ "unreachable", 3, LINT_WARNING, { .text = "measure func=KEY_CHECK\nmeasure\nmeasure func=KEY_CHECK keyrings=a\n" },
	  { .text = "measure\nmeasure func=KEY_CHECK keyrings=a\n" } }, /* rules without a hook are about files */
	{ "unreachable", 2, LINT_WARNING, { .text = "measure subj_role=unconfined\nmeasure subj_role=unconfined uid=0\n" }, { .text = "measure subj_role=unconfined\nmeasure uid=0\n" } },
	/* SETXATTR_CHECK is no hook of files: the first one counts, and nothing before it covers it */
	{ "unreachable", 2, LINT_WARNING, { .text = "appraise func=SETXATTR_CHECK appraise_algos=sha256\nappraise func=SETXATTR_CHECK appraise_algos=sha1\n" },
	  { .text = "appraise\nappraise func=SETXATTR_CHECK appraise_algos=sha256\n" } },
	{ "mask", 1, LINT_WARNING, { .text = "measure func=BPRM_CHECK mask=MAY_READ\n" }, { .text = "measure func=BPRM_CHECK mask=MAY_EXEC\n" } },
	{ "mask", 1, LINT_WARNING, { .text = "measure func=MODULE_CHECK mask=^MAY_EXEC\n" }, { .text = "measure func=MODULE_CHECK mask=^MAY_READ\n" } },
	{ "mask", 1, LINT_WARNING, { .text = "measure func=FILE_CHECK mask=MAY_READ\n" }, { .text = "measure func=FILE_CHECK mask=^MAY_READ\n" } },
	{ "mask", 1, LINT_WARNING, { .text = "measure mask=MAY_WRITE\n" }, { .text = "measure mask=MAY_EXEC\n" } },
	{ "label", 1, LINT_WARNING, { .text = "measure subj_role=unconfined\n" }, { .text = "measure uid=0\n" } },
	{ "policy-check", 1, LINT_WARNING, { .text = "appraise func=POLICY_CHECK\n" }, { .text = "appraise func=POLICY_CHECK\n", .by_path = true } },
	{ "policy-check", 1, LINT_WARNING, { .text = "appraise func=POLICY_CHECK\n" }, { .text = "measure func=POLICY_CHECK\n" } },
	{ "no-key", 2, LINT_WARNING, { .text = EXEMPT "appraise func=BPRM_CHECK appraise_type=imasig\n", NO_KEY },
	  { .text = EXEMPT "appraise func=BPRM_CHECK appraise_type=imasig\n", KEY } },
	{ "no-key", 1, LINT_WARNING, { .text = "appraise appraise_type=imasig\n", NO_KEY }, { .text = "appraise\n", NO_KEY } },
	{ "no-key", 1, LINT_WARNING, { .text = "appraise appraise_type=imasig\n", NO_KEY }, { .text = "appraise appraise_type=imasig\n" } }, /* not judged */
	{ "verity", 1, LINT_WARNING, { .text = "measure digest_type=verity\n" }, { .text = "appraise digest_type=verity appraise_type=sigv3\n" } },
	{ "pcr", 1, LINT_WARNING, { .text = "measure pcr=24\n" }, { .text = "measure pcr=23\n" } },
	{ "half", 2, LINT_WARNING, { .text = EXEMPT EXEC }, { .text = EXEMPT EXEC MAP } },
	{ "half", 2, LINT_WARNING, { .text = EXEMPT MAP }, { .text = EXEMPT MAP EXEC } },
	{ "logins", 1, LINT_WARNING, { .text = "appraise func=FILE_CHECK appraise_type=imasig\n" }, { .text = "appraise func=BPRM_CHECK appraise_type=imasig\n" } },
	{ "logins", 1, LINT_WARNING, { .text = "appraise fowner=0 appraise_type=imasig\n" }, { .text = "appraise fowner=0\n" } },
	{ "packages", 2, LINT_NOTE, { .text = GOOD }, { .text = GOOD "appraise func=FILE_CHECK mask=MAY_WRITE\n" } },
};

static void test_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wanted gets = look_for(rows[i].id, &rows[i].gets), not;

		if (!gets.count || gets.line != rows[i].line || gets.severity != rows[i].severity)
			fail_msg("row %zu, %s: %u times, line %u, %s: %s", i, rows[i].id, gets.count, gets.line,
			         lint_severity_name(gets.severity), gets.what);
		not = look_for(rows[i].id, &rows[i].not);
		if (not.count)
			fail_msg("row %zu, %s, where it should not: line %u: %s", i, rows[i].id, not.line, not.what);
	}
}

/* Every id that lint.c can send has a row. */
static void test_ids(void **state)
{
	static const char *const ids[] = {
		"refused", "magic", "carriage-return", "empty", "newline", "initramfs", "pseudo", "hole", "unreachable", "mask",
		"label", "policy-check", "no-key", "verity", "pcr", "half", "logins", "packages",
	};

	(void)state;
	for (size_t n = 0; n < ROWS(ids); n++) {
		size_t i = 0;

		while (i < ROWS(rows) && strcmp(rows[i].id, ids[n]) != 0)
			i++;
		if (i == ROWS(rows))
			fail_msg("no row for %s", ids[n]);
	}
}

static void test_words(void **state)
{
	struct wanted w = look_for("refused", &(struct about){ .text = "measure\n  dont_audit\n", .release = R(6, 12) });

	(void)state;
	assert_int_equal(w.line, 2);
	assert_int_equal(w.column, 3);
	assert_non_null(strstr(w.what, "came in with 6.19, this is 6.12"));
	assert_non_null(strstr(w.what, "dont_audit"));
	w = look_for("magic", &(struct about){ .text = "# securityfs\nmeasure fsmagic=0x62656572\n" });
	assert_non_null(strstr(w.what, "securityfs (0x73636673)"));
	assert_non_null(strstr(w.what, "0x62656572 is sysfs"));
	w = look_for("hole", &(struct about){ .text = "dont_appraise fsmagic=0x01021994\n" GOOD });
	assert_int_equal(w.count, 1); /* tmpfs and devtmpfs are one rule */
	assert_non_null(strstr(w.what, "memfd"));
	w = look_for("pseudo", &(struct about){ .text = EXEMPT "appraise func=FILE_CHECK\n" });
	assert_int_equal(w.count, 1); /* one rule, however many file systems */
	w = look_for("initramfs", &(struct about){ .text = "dont_appraise fsmagic=0x858458f6\n" EXEC });
	assert_non_null(strstr(w.what, "a tmpfs without root="));
	w = look_for("initramfs", &(struct about){ .text = "dont_appraise fsmagic=0x01021994\n" EXEC });
	assert_non_null(strstr(w.what, "a ramfs"));
	w = look_for("label", &(struct about){ .text = "measure subj_role=unconfined\n" });
	assert_non_null(strstr(w.what, "AppArmor"));
	for (int s = 0; s < LINT_SEVERITIES; s++)
		assert_true(strlen(lint_severity_name((enum lint_severity)s)) >= 4);
}

static void test_too_many(void **state)
{
	static char text[(RULES_MAX + 2) * 32];
	struct wanted w;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < RULES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "measure fowner=%d\n", i);
	w = look_for("too-many", &(struct about){ .text = text });
	assert_int_equal(w.count, 0);
	assert_int_equal(lint.count, RULES_MAX);
	(void)snprintf(text + n, sizeof(text) - n, "measure uid=0\n");
	w = look_for("too-many", &(struct about){ .text = text });
	assert_int_equal(w.count, 1);
	assert_int_equal(w.line, RULES_MAX + 1);
	assert_int_equal(lint.count, RULES_MAX);
}

/* The rules that were read are there, in order, with their lines; those refused are not. */
static void test_rules(void **state)
{
	struct wanted w = look_for("refused", &(struct about){ .text = "\n# c\nmeasure\nnothing\nappraise uid=0\n" });

	(void)state;
	assert_int_equal(w.count, 1);
	assert_int_equal(lint.count, 2);
	assert_int_equal(lint.rules[0].line, 3);
	assert_int_equal(lint.rules[1].line, 5);
	assert_int_equal(lint.rules[1].action, ACT_APPRAISE);
}

/* What a policy is there for, and says in its own comments. */
static const struct {
	const char *path, *id;
} meant[] = {
	{ "policy/container-host.policy", "hole" }, /* what runs in containers is not appraised */
};

static bool is_meant(const char *path, const char *id)
{
	for (size_t i = 0; i < ROWS(meant); i++)
		if (!strcmp(meant[i].path, path) && !strcmp(meant[i].id, id))
			return true;
	return false;
}

static void complain(const struct lint_finding *f, void *arg)
{
	if (f->severity != LINT_NOTE && !is_meant(arg, f->id))
		fail_msg("%s:%u: %s: %s", (const char *)arg, f->line, f->id, f->what);
}

/* What is shipped is taken by every kernel, and nobody regrets it. */
static void test_shipped(void **state)
{
	static const unsigned releases[] = { R(5, 10), R(6, 1), R(6, 12), R(7, 2) };
	static char names[16][256];
	int count = dir_list(AT_FDCWD, "policy", ".policy", names, 16);

	(void)state;
	assert_true(count >= 2);
	for (int i = 0; i < count; i++) {
		CLEAN_FREE char *text = NULL;
		char path[512];
		size_t len;

		(void)snprintf(path, sizeof(path), "policy/%s", names[i]);
		assert_int_equal(file_read(AT_FDCWD, path, POLICY_FILE_MAX, &text, &len), 0);
		for (size_t r = 0; r < ROWS(releases) * 2; r++) {
			struct lint_about about = { .ima_key = TRI_YES, .by_path = r % 2 };

			rule_kernel_debian(releases[r / 2], &about.kernel);
			policy_lint(text, len, &about, &lint, complain, path);
			assert_true(lint.count > 5);
		}
	}
}

/* Under which of them a library that root writes anew is denied till somebody labels it: there dpkg must not replace libc. */
static void test_new_library(void **state)
{
	static const struct {
		const char *policy, *fs;
		bool denied;
	} written[] = {
		{ "policy/server.policy", "ext4", false },   { "policy/bastion.policy", "ext4", false },
		{ "policy/measure.policy", "ext4", false },  { "policy/server.policy", "vfat", true },
		{ "policy/signed.policy", "ext4", true },    { "policy/container-host.policy", "ext4", true },
		{ "policy/container-host.policy", "overlay", false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(written); i++) {
		CLEAN_FREE char *text = NULL;
		struct lint_about about = { .ima_key = TRI_YES };
		struct inode_fs fs = { .magic = 0xef53 };
		const struct inode inode = { .fs = &fs, .mode = 0100755 };
		struct examine_about judge = { .cred = &match_root };
		size_t len;

		(void)snprintf(fs.name, sizeof(fs.name), "%s", written[i].fs);
		assert_int_equal(file_read(AT_FDCWD, written[i].policy, POLICY_FILE_MAX, &text, &len), 0);
		rule_kernel_debian(R(6, 12), &about.kernel);
		policy_lint(text, len, &about, &lint, complain, (void *)(uintptr_t)written[i].policy);
		judge.rules = lint.rules;
		judge.rules_count = lint.count;
		if (label_scope_denies_new(&judge, "/usr/lib/libc.so.6", &inode, true) != written[i].denied)
			fail_msg("%s on %s", written[i].policy, written[i].fs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings), cmocka_unit_test(test_ids),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_rules), cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_new_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
