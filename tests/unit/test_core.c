/* Facts, PCR selections, policies, labels, advice: tables of what goes in and what comes out. */
#include "test.h"

#include "core/text.h"

#include "core/advice.h"
#include "core/decide.h"
#include "core/facts.h"
#include "core/label.h"
#include "core/pcr.h"
#include "core/policy.h"

#define DEBIAN_6_1 "lockdown,capability,landlock,yama,apparmor,tomoyo,bpf"

static const struct {
	const char *release, *lsm;
	enum tri hazard;
} bpf[] = {
	{ "6.1.0-56-amd64", DEBIAN_6_1, TRI_YES },
	{ "6.1.0-56-amd64", "lockdown,capability,landlock,yama,apparmor", TRI_NO },
	{ "6.1.0-56-amd64", "capability,selinux,bpf", TRI_NO },
	{ "6.1.0-56-amd64", "capability,bpf,smack", TRI_NO },
	{ "6.1.0-56-amd64", "capability,bpfilter", TRI_NO },
	{ "6.1.0-56-amd64", "", TRI_UNKNOWN },
	{ "6.5.13", "bpf", TRI_YES },
	{ "6.6.0", "bpf", TRI_NO },
	{ "6.12.117+deb12-amd64", DEBIAN_6_1 ",ipe,ima,evm", TRI_NO },
	{ "5.6.19", "bpf", TRI_NO },
	{ "5.7", "bpf", TRI_YES },
	{ "10.1", "bpf", TRI_NO },
};

static void test_hazard_bpf(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(bpf); i++) {
		struct kernel_version v;

		assert_true(kernel_version_parse(bpf[i].release, &v));
		assert_int_equal(facts_hazard_bpf(&v, bpf[i].lsm), bpf[i].hazard);
	}
	assert_int_equal(facts_hazard_bpf(&(struct kernel_version){ 0 }, "bpf"), TRI_UNKNOWN);
}

static void test_hazard_integrity(void **state)
{
	const struct kernel_version old = { 6, 1, 0 }, new = { 6, 9, 0 };

	(void)state;
	assert_int_equal(facts_hazard_integrity(&old, NULL), TRI_NO);
	assert_int_equal(facts_hazard_integrity(&old, "yama,integrity"), TRI_NO);
	assert_int_equal(facts_hazard_integrity(&old, "yama"), TRI_YES);
	assert_int_equal(facts_hazard_integrity(&old, ""), TRI_YES);
	assert_int_equal(facts_hazard_integrity(&new, "yama"), TRI_NO);
	assert_int_equal(facts_hazard_integrity(&(struct kernel_version){ 0 }, NULL), TRI_UNKNOWN);
}

static void test_versions(void **state)
{
	static const char *const bad[] = { "", "6", "6.", ".1", "x.y", "v6.1" };
	struct kernel_version v;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_false(kernel_version_parse(bad[i], &v));
	assert_true(kernel_version_parse("6.12-rc3", &v));
	assert_true(v.major == 6 && v.minor == 12 && v.patch == 0);
}

static void test_safe_lsm(void **state)
{
	char ret[64];

	(void)state;
	assert_true(facts_safe_lsm(DEBIAN_6_1, ret, sizeof(ret)));
	assert_string_equal(ret, "lockdown,landlock,yama,apparmor,tomoyo,integrity");
	assert_true(facts_safe_lsm("integrity,bpf", ret, sizeof(ret)));
	assert_string_equal(ret, "integrity");
	assert_true(facts_safe_lsm("", ret, sizeof(ret)));
	assert_string_equal(ret, "integrity");
	assert_false(facts_safe_lsm(DEBIAN_6_1, ret, 20));
	assert_string_equal(ret, "");
}

static const struct {
	const char *word;
	enum tri secure_boot;
	enum appraise mode;
} modes[] = {
	{ NULL, TRI_NO, APPRAISE_ENFORCE },    { "enforce", TRI_NO, APPRAISE_ENFORCE },
	{ "fix", TRI_NO, APPRAISE_FIX },       { "fixed", TRI_NO, APPRAISE_FIX },
	{ "log", TRI_NO, APPRAISE_LOG },       { "off", TRI_NO, APPRAISE_OFF },
	{ "audit", TRI_NO, APPRAISE_ENFORCE }, { "fix", TRI_YES, APPRAISE_ENFORCE },
	{ "fix", TRI_UNKNOWN, APPRAISE_UNKNOWN }, { NULL, TRI_UNKNOWN, APPRAISE_ENFORCE },
};

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(modes); i++)
		assert_int_equal(facts_appraise(modes[i].word, modes[i].secure_boot), modes[i].mode);
}

static const struct {
	const char *text, *back; /* back NULL: refused */
} pcrs[] = {
	{ "sha256:0,2,4,7", "sha256:0,2,4,7" }, { " sha384 : 7 , 0 ", "sha384:0,7" }, { "sha512:23", "sha512:23" },
	{ "sha256:", NULL }, { "sha256", NULL },  { "sha1:0", NULL },     { "md5:0", NULL },
	{ "sha256:24", NULL }, { "sha256:10", NULL }, { "sha256:0,0", NULL }, { "sha256:0,,1", NULL },
	{ "sha256:-1", NULL }, { "sha256:0x1", NULL }, { "sha256:00", NULL }, { "", NULL },
};

static void test_pcrs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(pcrs); i++) {
		struct pcr_selection s;
		const char *error = NULL;
		char text[96];

		if (!pcrs[i].back) {
			assert_false(pcr_selection_parse(pcrs[i].text, &s, &error));
			assert_non_null(error);
			continue;
		}
		assert_true(pcr_selection_parse(pcrs[i].text, &s, &error));
		assert_true(pcr_selection_format(&s, text, sizeof(text)));
		assert_string_equal(text, pcrs[i].back);
		assert_false(pcr_selection_format(&s, text, 5));
	}
}

static void test_rules(void **state)
{
	static const char text[] = "\n# c\n  measure func=X \n\tappraise\n";
	static const char *const bad[] = { "", "/etc/policy", "allow all", "appraise_x", "measurefoo" };
	struct policy_iter it;
	const char *rule, *error;
	char longer[POLICY_RULE_MAX + 2];
	size_t len;

	(void)state;
	policy_begin(&it, text, sizeof(text) - 1);
	assert_true(policy_next(&it, &rule, &len));
	assert_int_equal(it.line, 3);
	assert_int_equal(len, strlen("measure func=X"));
	assert_true(policy_rule_ok(rule, len, &error));
	assert_true(policy_next(&it, &rule, &len));
	assert_int_equal(it.line, 4);
	assert_false(policy_next(&it, &rule, &len));
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_false(policy_rule_ok(bad[i], strlen(bad[i]), &error));
	assert_false(policy_rule_ok("measure\0x", 9, &error));
	memset(longer, ' ', sizeof(longer));
	memcpy(longer, "measure", 7);
	assert_false(policy_rule_ok(longer, sizeof(longer) - 1, &error));
	assert_true(policy_rule_ok(longer, POLICY_RULE_MAX, &error));
}

static void test_labels(void **state)
{
	static const struct {
		uint8_t bytes[64];
		size_t len;
		enum label_kind kind;
	} rows[] = {
		{ { 0 }, 0, LABEL_NONE },
		{ { 4, 4 }, 34, LABEL_HASH },      { { 4, 4 }, 33, LABEL_UNKNOWN }, { { 4, 4 }, 2, LABEL_UNKNOWN },
		{ { 4, 99 }, 34, LABEL_UNKNOWN },  { { 1 }, 21, LABEL_HASH },       { { 1 }, 17, LABEL_HASH },
		{ { 1 }, 20, LABEL_UNKNOWN },      { { 2 }, 21, LABEL_HMAC },       { { 2 }, 20, LABEL_UNKNOWN },
		{ { 3, 2, 4, 1, 2, 3, 4, 0, 2 }, 11, LABEL_SIGNATURE },
		{ { 3, 2, 4, 1, 2, 3, 4, 0, 3 }, 11, LABEL_UNKNOWN },
		{ { 3, 1, 4, 1, 2, 3, 4, 0, 2 }, 11, LABEL_UNKNOWN },
		{ { 5, 2, 4, 1, 2, 3, 4, 0, 2 }, 11, LABEL_PORTABLE },
		{ { 6, 3, 4, 1, 2, 3, 4, 0, 2 }, 11, LABEL_VERITY },
		{ { 7 }, 34, LABEL_UNKNOWN },      { { 4 }, 1, LABEL_UNKNOWN },
	};
	struct label l;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		label_parse(rows[i].bytes, rows[i].len, &l);
		assert_int_equal(l.kind, rows[i].kind);
	}
	label_parse(rows[10].bytes, rows[10].len, &l);
	assert_int_equal(l.keyid, 0x01020304);
}

static void test_advice(void **state)
{
	(void)state;
	for (int c = 0; c < CAUSE_COUNT; c++) {
		const char *lines[] = { cause_what((enum cause)c), cause_remedy((enum cause)c) };

		for (size_t i = 0; i < ROWS(lines); i++) {
			size_t len = strlen(lines[i]);

			assert_true(len > 10 && len < 240);
			assert_int_equal(lines[i][len - 1], '.');
			assert_null(strchr(lines[i], '\n'));
		}
		for (int other = 0; other < c; other++)
			assert_string_not_equal(cause_name((enum cause)c), cause_name((enum cause)other));
	}
	assert_string_equal(cause_name((enum cause)99), "undecided");
	assert_string_equal(verdict_name((enum verdict)-1), "?");
}

static void test_why(void **state)
{
	struct why w = { 0 };
	char text[128], tiny[8];

	(void)state;
	why_detail(why_set(&w, WHY_TPM, 0x99d, "Esys_Unseal", "a\nb\033"), "moved");
	why_format(&w, text, sizeof(text));
	assert_string_equal(text, "Esys_Unseal a?b?: TPM code 0x99d: moved");
	why_set(&w, WHY_TEXT, 7, "policy", "/p");
	why_format(&w, text, sizeof(text));
	assert_string_equal(text, "policy /p:7");
	why_set(&w, WHY_ERRNO, 28, "write", "/p");
	why_format(&w, text, sizeof(text));
	assert_string_equal(text, "write /p: no space left on device");
	why_format(&w, tiny, sizeof(tiny));
	assert_int_equal(strlen(tiny), 7);
	assert_null(why_set(NULL, WHY_TEXT, 0, "", ""));
}

static void test_plain(void **state)
{
	static const struct {
		const char *from, *shown, *json;
	} rows[] = {
		{ "", "", "" },
		{ "/usr/bin/a b", "/usr/bin/a b", "/usr/bin/a b" },
		{ "/\303\244\342\202\254\360\237\230\200", "/\303\244\342\202\254\360\237\230\200", "/\303\244\342\202\254\360\237\230\200" },
		{ "/a\n/b\033[2J\177", "/a?/b?[2J?", "/a\n/b\033[2J\177" },
		{ "/\302\233x", "/?x", "/\302\233x" },               /* a terminal's CSI in one character */
		{ "/\344x", "/?x", "/?x" },                           /* Latin-1 */
		{ "/\303", "/?", "/?" },
		{ "/\342\202", "/??", "/??" },
		{ "/\300\257\355\240\200", "/?????", "/?????" },    /* longer than need be; half a pair */
		{ "/123456789012345678901234567890", "/1234567890123456789012", "/1234567890123456789012" },
		{ "/123456789012345678901\303\244", "/123456789012345678901", "/123456789012345678901" },
	};
	char to[24];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		text_plain(rows[i].from, false, to, sizeof(to));
		assert_string_equal(to, rows[i].shown);
		text_plain(rows[i].from, true, to, sizeof(to));
		assert_string_equal(to, rows[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_hazard_bpf), cmocka_unit_test(test_hazard_integrity),
		cmocka_unit_test(test_versions),   cmocka_unit_test(test_safe_lsm),
		cmocka_unit_test(test_modes),      cmocka_unit_test(test_pcrs),
		  cmocka_unit_test(test_rules),
		cmocka_unit_test(test_labels),     cmocka_unit_test(test_advice),
		cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
