/* Files: caps, atomic replacement, links; secrets; ELF files; preflight on a tree of its own. */
#include "test.h"

#include "base/file.h"
#include "base/secret.h"
#include "core/elf.h"
#include "crypto/keyset.h"
#include "label/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir_name[] = "/tmp/imagate-test-XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir_name))
		return -1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	return system(command);
}

static void put(const char *name, const void *bytes, size_t len)
{
	assert_int_equal(file_write_atomic(dir, name, bytes, len, 0600), 0);
}

static void test_read(void **state)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *other = NULL;
	size_t len;
	int fd = -1;

	(void)state;
	put("a", "12345", 5);
	assert_int_equal(file_read(dir, "/a", 5, &text, &len), 0);
	assert_int_equal(len, 5);
	assert_string_equal(text, "12345");
	assert_int_equal(file_read(dir, "a", 4, &other, &len), -EFBIG);
	assert_int_equal(file_read(dir, "missing", 4, &other, &len), -ENOENT);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(file_read(dir, "link", 5, &other, &len), -ELOOP);
	assert_int_equal(file_open(dir, ".", &fd), -EINVAL);
	/* sizes of /proc are 0 */
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 4096, &other, &len), 0);
	assert_true(len > 10);
}

static void test_in_root(void **state)
{
	int fd = -1;

	(void)state;
	put("inside", "x", 1);
	assert_int_equal(symlinkat("/inside", dir, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../inside", dir, "upward"), 0);
	assert_int_equal(file_open_in_root(dir, "/absolute", &fd), 0);
	(void)close(fd);
	assert_int_equal(file_open_in_root(dir, "upward", &fd), 0);
	(void)close(fd);
	assert_int_equal(symlinkat("/etc/passwd", dir, "outside"), 0);
	assert_int_equal(file_open_in_root(dir, "outside", &fd), -ENOENT);
}

static void test_replace(void **state)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *old = NULL;
	size_t len;

	(void)state;
	put("new1", "one", 3);
	assert_int_equal(file_replace(dir, "new1", "to", "to.old"), 0);
	assert_false(file_exists(dir, "to.old"));
	put("new2", "two", 3);
	assert_int_equal(file_replace(dir, "new2", "to", "to.old"), 0);
	assert_int_equal(file_read(dir, "to", 10, &text, &len), 0);
	assert_string_equal(text, "two");
	assert_int_equal(file_read(dir, "to.old", 10, &old, &len), 0);
	assert_string_equal(old, "one");
	assert_false(file_exists(dir, "new2"));
	assert_int_equal(file_replace(dir, "missing", "to", "to.old"), -ENOENT);
	assert_true(file_exists(dir, "to"));
	assert_int_equal(file_write_atomic(dir, "nodir/x", "x", 1, 0600), -ENOENT);
}

static void test_list(void **state)
{
	char names[4][256];

	(void)state;
	assert_int_equal(mkdirat(dir, "certs", 0700), 0);
	assert_int_equal(dir_list(dir, "certs", ".der", names, 4), 0);
	put("certs/b.der", "", 0);
	put("certs/a.der", "", 0);
	put("certs/c.txt", "", 0);
	put("certs/.d.der", "", 0);
	assert_int_equal(dir_list(dir, "certs", ".der", names, 4), 2);
	assert_string_equal(names[0], "a.der");
	assert_int_equal(dir_list(dir, "certs", ".der", names, 1), -E2BIG);
	assert_int_equal(dir_list(dir, "nothing", ".der", names, 4), -ENOENT);
}

static void test_secrets(void **state)
{
	struct secret a = { 0 }, b = { 0 };
	uint8_t big[SECRET_MAX + 1] = { 0 };

	(void)state;
	assert_true(secret_random(&a, 32));
	assert_true(secret_random(&b, 32));
	assert_false(secret_equal(&a, &b));
	assert_true(secret_set(&b, a.bytes, 32));
	assert_true(secret_equal(&a, &b));
	b.len = 31;
	assert_false(secret_equal(&a, &b));
	assert_false(secret_set(&a, big, sizeof(big)));
	assert_false(secret_random(&a, SECRET_MAX + 1));
	secret_wipe(&b);
	assert_memory_equal(&b, &(struct secret){ 0 }, sizeof(b));
}

static void test_elf(void **state)
{
	CLEAN_FREE char *bytes = NULL;
	struct elf_needs e;
	size_t len;
	bool libc = false;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/usr/bin/env", 1 << 20, &bytes, &len), 0);
	assert_true(elf_parse((uint8_t *)bytes, len, &e));
	assert_true(e.is_elf && e.interp);
	for (size_t i = 0; i < e.needed_count; i++)
		libc = libc || !strcmp(e.needed[i], "libc.so.6");
	assert_true(libc);
	for (size_t i = 0; i < len; i += i < 4096 ? 1 : 997)
		(void)elf_parse((uint8_t *)bytes, i, &e); /* no crash is what is tested */
	for (size_t i = 0; i < len && i < 8192; i++) {
		bytes[i] ^= 0x41;
		(void)elf_parse((uint8_t *)bytes, len, &e);
		bytes[i] ^= 0x41;
	}
	assert_true(elf_parse((const uint8_t *)"#!/bin/sh\n", 10, &e));
	assert_false(e.is_elf);
}

static struct preflight p;

static enum outcome preflight(const char *init, const char *critical, const struct rule *rules, size_t count)
{
	const struct examine_about examine = { .rules = rules, .rules_count = count, .cred = &match_root, .algo = HASH_SHA256 };
	const struct preflight_about about = { .examine = &examine, .init = init, .critical = critical,
		.critical_len = critical ? strlen(critical) : 0 };
	struct why why = { 0 };

	preflight_free(&p);
	return preflight_run(dir, &about, &p, &why);
}

#define CRITICAL_HEAD "Imagate-Critical: 1\nStamp: 0123456789abcdef\n"

/* No file of this tree carries a label. */
static void test_preflight(void **state)
{
	static const struct rule programs[] = { { .action = ACT_APPRAISE, .has = RULE_FUNC, .func = FUNC_BPRM_CHECK } };

	(void)state;
	assert_int_equal(preflight("", NULL, programs, 1), OUTCOME_REFUSED);
	assert_int_equal(p.file[0].state, LABEL_STATE_NO_FILE);
	assert_int_equal(mkdirat(dir, "sbin", 0755), 0);
	put("sbin/init", "#! /interp -x\n", 14);
	assert_int_equal(fchmodat(dir, "sbin/init", 0755, 0), 0);
	assert_int_equal(preflight("", NULL, programs, 1), OUTCOME_REFUSED);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.file[0].state, LABEL_STATE_MISSING_HASH);
	assert_int_equal(p.file[0].hook->func, FUNC_BPRM_CHECK);
	assert_string_equal(p.file[1].path, "/interp");
	assert_int_equal(p.file[1].state, LABEL_STATE_NO_FILE);
	assert_int_equal(preflight("/other", NULL, programs, 1), OUTCOME_REFUSED);
	assert_int_equal(p.file[0].state, LABEL_STATE_NO_FILE);
	put("interp", "data", 4);
	assert_int_equal(preflight("", NULL, NULL, 0), OUTCOME_OK); /* nothing is appraised */
	assert_false(p.has_list);
}

static void test_preflight_critical(void **state)
{
	static const struct rule sbin_not[] = {
		{ .action = ACT_DONT_APPRAISE, .has = RULE_FGROUP, .fgroup = { 0, '=' } },
		{ .action = ACT_APPRAISE, .has = RULE_FUNC, .func = FUNC_BPRM_CHECK },
	};

	(void)state;
	put("sbin/daemon", "#!/interp\n", 10);
	assert_int_equal(fchmodat(dir, "sbin/daemon", 0755, 0), 0);
	assert_int_equal(fchownat(dir, "sbin/daemon", 0, 7, 0), 0);
	assert_int_equal(preflight("", NULL, sbin_not, 2), OUTCOME_OK);
	/* what is not there was not there yesterday; what is there and unlabelled would be denied */
	assert_int_equal(preflight("", CRITICAL_HEAD "/sbin/gone\n", sbin_not, 2), OUTCOME_OK);
	assert_true(p.has_list && p.stale);
	assert_int_equal(preflight("", CRITICAL_HEAD "junk\n/sbin/daemon\n", sbin_not, 2), OUTCOME_REFUSED);
	assert_int_equal(p.bad, 1);
	assert_string_equal(p.file[p.count - 1].path, "/sbin/daemon");
	/* who may change one of these, root apart, does not decide whether the machine boots */
	assert_int_equal(fchmodat(dir, "sbin/daemon", 0775, 0), 0);
	assert_int_equal(preflight("", CRITICAL_HEAD "/sbin/daemon\n", sbin_not, 2), OUTCOME_OK);
	assert_int_equal(fchmodat(dir, "sbin/daemon", 0755, 0), 0);
	assert_int_equal(preflight("", CRITICAL_HEAD "/sbin/daemon\n", sbin_not, 2), OUTCOME_REFUSED);
	assert_int_equal(fchownat(dir, "sbin/daemon", 7, 7, 0), 0);
	assert_int_equal(preflight("", CRITICAL_HEAD "/sbin/daemon\n", sbin_not, 2), OUTCOME_OK);
	assert_int_equal(preflight("/sbin/daemon", NULL, sbin_not, 2), OUTCOME_REFUSED); /* but for init */
	assert_int_equal(preflight("", "Imagate-Critical: 2\n", sbin_not, 2), OUTCOME_BROKEN);
	preflight_free(&p);
}

static void test_digest(void **state)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d,
		0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
		0x15, 0xad };
	struct keyset *keys = keyset_new();
	struct prover prover = { 0 };
	uint8_t digest[64];
	struct why why = { 0 };
	size_t len;
	int fd;

	(void)state;
	put("abc", "abc", 3);
	assert_int_equal(file_open(dir, "abc", &fd), 0);
	assert_int_equal(prover_open(keys, &prover, &why), OUTCOME_OK);
	assert_int_equal(prover.file(prover.state, fd, HASH_SHA256, digest, sizeof(digest), &len, &why), OUTCOME_OK);
	assert_int_equal(len, sizeof(abc));
	assert_memory_equal(digest, abc, sizeof(abc));
	assert_int_equal(prover.file(prover.state, fd, 99, digest, sizeof(digest), &len, &why), OUTCOME_ABSENT);
	assert_int_equal(prover.file(prover.state, fd, HASH_SHA512, digest, 10, &len, &why), OUTCOME_ABSENT);
	prover_close(&prover);
	keyset_free(&keys);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),    cmocka_unit_test(test_in_root), cmocka_unit_test(test_replace),
		cmocka_unit_test(test_list),    cmocka_unit_test(test_secrets), cmocka_unit_test(test_elf),
		cmocka_unit_test(test_preflight), cmocka_unit_test(test_preflight_critical), cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
