/* The configuration: every key, every refusal with file and line, the example file. */
#include "test.h"

#include "base/file.h"
#include "base/ini.h"

#include <fcntl.h>

static const struct {
	const char *text;
	int line;            /* 0: the file as a whole; -1: it is good */
	const char *says;    /* part of the error */
} files[] = {
	{ "", -1, NULL },
	{ "# nothing\n[gate]\n", -1, NULL },
	{ "[gate]\nstage = audit\nfloor = fix\nstop = poweroff\npreflight = labels\n", -1, NULL },
	{ "[tpm]\nwait = 0\npcrs = sha384: 7, 11\n", -1, NULL },
	{ "[key]\nsource = none\nx509-evm = /etc/x\nx509-ima = /etc/y\n", -1, NULL },
	{ "[key]\nsource = file\nfile = /k\nevm-key = /b\n[gate]\nstage = fix\n", -1, NULL },
	{ "[policy]\nfile = /p\nmeasure = /q\n[key]\nseal = /s\n", -1, NULL },
	{ "[recovery]\nkey-absent = degrade\nkey-refused = degrade\npreflight = degrade\npolicy = degrade\n", -1, NULL },
	{ "[catalogue]\ndir = /c\nx509 = /x\nrevoked = 12\n", -1, NULL },
	{ "[catalogue]\nrevoked = 10000\n", 2, "0 to 9999" },
	{ "[catalogue]\ndir = catalogues\n", 2, "absolute" },
	{ "[gate]\nstage = tall\n", 2, "off, measure, fix, audit, enforce" },
	{ "[gate]\n\nstop = reboot\n", 3, "rescue, poweroff" },
	{ "[gate]\nstage = fix\nstage = fix\n", 3, "twice" },
	{ "[gate]\ncolour = red\n", 2, "imagate.conf(5)" },
	{ "stage = fix\n", 1, "imagate.conf(5)" },
	{ "[gate]\nnonsense\n", 2, "key = value" },
	{ "[gate\nstage = fix\n", 1, "" },
	{ "[tpm]\nwait = 121\n", 2, "0 to 120" },
	{ "[tpm]\nwait = 007\n", 2, "0 to 120" },
	{ "[tpm]\nwait = -1\n", 2, "0 to 120" },
	{ "[tpm]\npcrs = sha256:10\n", 2, "PCR 10" },
	{ "[tpm]\npcrs = sha1:0\n", 2, "sha1" },
	{ "[key]\nseal = seal.pem\n", 2, "absolute" },
	{ "[key]\nseal = /etc/../x\n", 2, "absolute" },
	{ "[key]\nseal = /\n", 2, "absolute" },
	{ "[gate]\nstage = fix\nfloor = enforce\n", 0, "floor" },
	{ "[key]\nsource = file\nfile = /k\nevm-key = /b\n", 0, "floor = fix" },
	{ "[key]\nsource = file\n[gate]\nstage = fix\n", 0, "evm-key" },
	{ "[key]\nfile = /k\n", 0, "source = file" },
	{ "[key]\nsource = none\n", 0, "x509-evm" },
	{ "[tpm]\npcr-public-key = /f\npcr-epoch = 3\npcr-signature = /s\n", -1, NULL },
	{ "[tpm]\npcr-epoch = 3\n", 0, "pcr-public-key" },
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(files); i++) {
		struct why why = { 0 };
		struct config c;
		enum outcome o = ini_config("f", files[i].text, &c, &why);

		if (files[i].line < 0) {
			assert_string_equal(why.detail, "");
			assert_int_equal(o, OUTCOME_OK);
			continue;
		}
		assert_int_equal(o, OUTCOME_BROKEN);
		assert_string_equal(why.subject, "f");
		assert_int_equal(why.code, files[i].line);
		assert_non_null(strstr(why.detail, files[i].says));
	}
}

static void test_defaults(void **state)
{
	struct config c;
	struct why why = { 0 };

	(void)state;
	assert_int_equal(ini_config("f", "", &c, &why), OUTCOME_OK);
	assert_int_equal(c.stage, STAGE_ENFORCE);
	assert_int_equal(c.floor, STAGE_ENFORCE);
	assert_int_equal(c.pcrs.mask, 0x95);
	assert_int_equal(c.on_key_refused, ON_FAILURE_STOP);
	assert_int_equal(c.tpm_wait, 10);
	assert_string_equal(c.catalogues, "/etc/imagate/catalogues");
	assert_string_equal(c.x509_catalogue, "/etc/imagate/x509-catalogue");
	assert_int_equal(c.revoked, 0);
	/* the floor follows the stage, whichever comes first */
	assert_int_equal(ini_config("f", "[gate]\nstage = audit\n", &c, &why), OUTCOME_OK);
	assert_int_equal(c.floor, STAGE_AUDIT);
	assert_int_equal(ini_config("f", "[gate]\nfloor = fix\nstage = audit\n", &c, &why), OUTCOME_OK);
	assert_int_equal(c.floor, STAGE_FIX);
}

/* A rejected value may be a secret in the wrong place. */
static void test_values_are_not_echoed(void **state)
{
	struct config c;
	struct why why = { 0 };

	(void)state;
	assert_int_equal(ini_config("f", "[gate]\nstage = hunter2\n", &c, &why), OUTCOME_BROKEN);
	assert_null(strstr(why.detail, "hunter2"));
}

static void test_odd_bytes(void **state)
{
	char text[600] = "[gate]\n# ";
	struct config c;
	struct why why = { 0 };

	(void)state;
	memset(text + 9, 'x', 500);
	assert_int_equal(ini_config("f", text, &c, &why), OUTCOME_BROKEN);
	assert_int_equal(why.code, 2);
	assert_int_equal(ini_config_load(AT_FDCWD, "/nonexistent/imagate.conf", &c, &why), OUTCOME_ABSENT);
	assert_int_equal(ini_config_load(AT_FDCWD, "/", &c, &why), OUTCOME_BROKEN);
}

static const char *const keys[] = {
	"stage", "floor", "stop", "preflight", "wait", "pcrs", "source", "seal", "x509-evm", "x509-ima", "file",
	"evm-key", "dir", "revoked", "measure", "x509", "fallback-to", "key-absent", "key-refused", "policy",
	"pcr-public-key", "pcr-signature", "pcr-epoch",
};

static void test_example_and_manual(void **state)
{
	struct config c;
	struct why why = { 0 };
	CLEAN_FREE char *manual = NULL;
	size_t len;

	(void)state;
	assert_int_equal(ini_config_load(AT_FDCWD, "src/imagate.conf", &c, &why), OUTCOME_OK);
	assert_int_equal(c.stage, STAGE_FIX);
	assert_int_equal(file_read(AT_FDCWD, "src/man/imagate.conf.5", 65536, &manual, &len), 0);
	for (size_t i = 0; i < ROWS(keys); i++) {
		char wanted[64];

		(void)snprintf(wanted, sizeof(wanted), ".It Cm %s", keys[i]);
		if (!strstr(manual, wanted))
			print_error("imagate.conf.5 does not describe %s\n", keys[i]);
		assert_non_null(strstr(manual, wanted));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values_are_not_echoed),
		cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_example_and_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
