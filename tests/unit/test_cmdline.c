/* The command line as lib/cmdline.c next_arg() and kernel/params.c read it. */
#include "test.h"

#include "core/cmdline.h"

static const struct {
	const char *line;
	const char *words[6]; /* "name" or "name=value" */
} words[] = {
	{ "", { NULL } },
	{ "   \t\n", { NULL } },
	{ "quiet root=/dev/vda\n", { "quiet", "root=/dev/vda" } },
	{ "a=b=c", { "a=b=c" } },
	{ "a=\"x y\" b", { "a=x y", "b" } },
	{ "\"a=x y\" b", { "a=x y", "b" } },
	{ "a=x\"y z\"w", { "a=x\"y z\"w" } },
	{ "a=\"open to the end", { "a=open to the end" } },
	{ "a=\"", { "a=" } },
	{ "\"quoted word\" b", { "quoted word", "b" } },
	{ "=x", { "=x" } },
	{ "a=", { "a=" } },
	{ "-- a", { "--", "a" } },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(words); i++) {
		struct cmdline_iter it;
		struct cmdline_word w;
		char got[128];
		size_t n = 0;

		cmdline_begin(&it, words[i].line, strlen(words[i].line));
		for (; cmdline_next(&it, &w); n++) {
			(void)snprintf(got, sizeof(got), "%.*s%s%.*s", (int)w.name_len, w.name, w.value ? "=" : "",
			               (int)w.value_len, w.value ? w.value : "");
			assert_non_null(words[i].words[n]);
			assert_string_equal(got, words[i].words[n]);
		}
		assert_null(words[i].words[n]);
	}
}

static const struct {
	const char *line;
	enum stage stage;
	bool bad;
} stages[] = {
	{ "quiet", STAGE_UNSET, false },
	{ "imagate.stage=fix", STAGE_FIX, false },
	{ "imagate.stage=\"audit\"", STAGE_AUDIT, false },
	{ "imagate.stage=fix imagate.stage=enforce", STAGE_ENFORCE, false },
	{ "imagate.stage=enforce imagate.stage=off", STAGE_OFF, false },
	{ "imagate.stage=FIX", STAGE_UNSET, true },
	{ "imagate.stage=", STAGE_UNSET, true },
	{ "imagate.stage", STAGE_UNSET, true },
	{ "imagate.stage=fix imagate.stage=tall", STAGE_UNSET, true },
	{ "imagate.stage=fixxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", STAGE_UNSET, true },
	{ "-- imagate.stage=fix", STAGE_UNSET, false },
	{ "imagate_stage=fix", STAGE_UNSET, false },
};

static void test_stages(void **state)
{
	struct cmdline c;

	(void)state;
	for (size_t i = 0; i < ROWS(stages); i++) {
		cmdline_parse(stages[i].line, strlen(stages[i].line), &c);
		assert_int_equal(c.stage, stages[i].stage);
		assert_int_equal(c.stage_bad, stages[i].bad);
	}
}

static void parse(const char *line, struct cmdline *c)
{
	cmdline_parse(line, strlen(line), c);
}

static void test_kernel_words(void **state)
{
	struct cmdline c;
	char line[1024] = "lsm=";

	(void)state;
	parse("ima_appraise=fix ima-appraise=log lsm=a,b evm=fix ima_policy=tcb init=/bin/sh", &c);
	assert_string_equal(c.appraise, "log");
	assert_true(c.has_lsm && c.evm_fix && c.ima_policy && !c.truncated);
	assert_string_equal(c.lsm, "a,b");
	assert_string_equal(c.init, "/bin/sh");
	parse("lsm= evm=off", &c);
	assert_true(c.has_lsm && !*c.lsm && !c.evm_fix);
	memset(line + 4, 'x', 600);
	parse(line, &c);
	assert_true(c.truncated);
}

/* What is sealed: the words that matter, as the kernel reads them. */
static const struct {
	const char *line, *words, *normal;
} normals[] = {
	{ "", "", "\n" },
	{ "quiet splash loglevel=3 console=ttyS0,115200 BOOT_IMAGE=/vmlinuz ro", "", "\n" },
	{ "imagate.stage=fix ima_appraise=fix imagate.trial=2 panic=10", "", "\n" },
	{ "root=/dev/vda  rd.luks=1\n", "", "root=/dev/vda\nrd.luks=1\n" },
	{ "ROOT-x=a root_x=\"b c\"", "", "ROOT_x=a\nroot_x=b c\n" },
	{ "a b", "", "a\nb\n" },
	{ "b a", "", "b\na\n" }, /* the order may matter */
	{ "crashkernel=256M mitigations=auto root=x", "crashkernel mitigations", "root=x\n" },
	{ "rd-x=1 rd_x=2", "rd.x rd_x", "\n" },
	{ "root=x -- quiet single", "", "root=x\n__\nquiet\nsingle\n" }, /* behind "--" all is init's */
	{ "init=/bin/sh", "", "init=/bin/sh\n" },
	{ "quietly", "", "quietly\n" },
};

static void test_normal(void **state)
{
	char ret[128];

	(void)state;
	for (size_t i = 0; i < ROWS(normals); i++) {
		size_t n = cmdline_normal(normals[i].line, strlen(normals[i].line), normals[i].words, ret, sizeof(ret));

		assert_int_equal(n, strlen(normals[i].normal));
		assert_memory_equal(ret, normals[i].normal, n);
		if (n > 1)
			assert_int_equal(cmdline_normal(normals[i].line, strlen(normals[i].line), normals[i].words, ret, n - 1), 0);
	}
}

static void test_hostile(void **state)
{
	static const struct {
		const char *line, *word;
	} rows[] = {
		{ "root=x quiet", NULL }, { "root=x init=/bin/sh", "init" }, { "rd.systemd.mask=imagate-gate.service", "rd.systemd.mask" },
		{ "systemd.debug-shell", "systemd.debug-shell" }, { "rd.break=pre-mount", "rd.break" }, { "initrd=x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cmdline_word w;
		const char *what = NULL;

		assert_int_equal(cmdline_hostile(rows[i].line, strlen(rows[i].line), &w, &what), rows[i].word != NULL);
		if (rows[i].word) {
			assert_int_equal(w.name_len, strlen(rows[i].word));
			assert_memory_equal(w.name, rows[i].word, w.name_len);
			assert_true(what && *what);
		}
	}
}

static void test_trial(void **state)
{
	struct cmdline c;

	(void)state;
	cmdline_parse("imagate.trial=2 imagate.rescue", 30, &c);
	assert_true(c.trial && c.trial_left == 2 && c.rescue);
	cmdline_parse("imagate.trial", 13, &c);
	assert_true(c.trial && c.trial_left > 9 && !c.rescue);
	cmdline_parse("imagate.trial=23", 16, &c);
	assert_true(c.trial && c.trial_left > 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal), cmocka_unit_test(test_hostile), cmocka_unit_test(test_trial),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_kernel_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
