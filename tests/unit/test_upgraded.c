/* What 'imagate upgraded' is made of: lists of paths, dpkg's books, a walk over a list, labels that came with the files. */
#include "test.h"

#include "base/file.h"
#include "base/paths.h"
#include "core/labeldump.h"
#include "crypto/keyset.h"
#include "label/changed.h"
#include "label/ready.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char dir_name[] = "/tmp/imagate-test-XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	static const char *const dirs[] = { "usr", "usr/bin", "etc", "var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info", "labels" };

	(void)state;
	if (!mkdtemp(dir_name))
		return -1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(dir, dirs[i], 0755) < 0)
			return -1;
	return symlinkat("usr/bin", dir, "bin");
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	return system(command);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(file_write_atomic(dir, name, text, strlen(text), 0755), 0);
}

static void test_paths(void **state)
{
	static const char text[] = "/usr/bin/b\n\n/usr/bin/a\nodd\n/usr/bin/a\n/ends/in/\n/last";
	char *longest = malloc(PATH_MAX + 1);
	struct paths p = { 0 };
	size_t odd = 0;

	(void)state;
	assert_int_equal(paths_add_lines(&p, text, strlen(text), &odd), 0);
	assert_int_equal(odd, 2);
	assert_int_equal(p.count, 4);
	paths_sort(&p);
	assert_int_equal(p.count, 3);
	assert_string_equal(p.path[0], "/last");
	assert_true(paths_has(&p, "/usr/bin/b"));
	assert_false(paths_has(&p, "/usr/bin"));
	assert_non_null(longest);
	memset(longest, 'x', PATH_MAX);
	longest[0] = '/';
	assert_int_equal(paths_add(&p, longest, PATH_MAX), -EINVAL);
	assert_int_equal(paths_add(&p, longest, PATH_MAX - 1), 0);
	assert_int_equal(paths_add(&p, "/a\0b", 4), -EINVAL);
	assert_int_equal(paths_add(&p, "/", 1), -EINVAL);
	paths_free(&p);
	paths_sort(&p);
	assert_false(paths_has(&p, "/last"));
	free(longest);
}

static void test_dump(void **state)
{
	static const struct {
		const char *text, *path; /* of the last file; NULL: refused */
		size_t files, ima, evm;
		unsigned line;
	} rows[] = {
		{ "", "", 0, 0, 0, 0 },
		{ "# file: usr/bin/a\nsecurity.evm=0x0501\nsecurity.ima=0x030201\n\n", "/usr/bin/a", 1, 3, 2, 0 },
		{ "# file: /usr/bin/a\nsecurity.ima=0x03", "/usr/bin/a", 1, 1, 0, 0 },
		{ "# file: ./a\n\n# file: b\nsecurity.ima=0x03\n", "/b", 2, 1, 0, 0 },
		{ "# file: a\nsecurity.ima=0x03\n# file: b\n", "/b", 2, 0, 0, 0 },
		{ "# a comment\n# file: a\\040b\\134\nsecurity.capability=0x01\nsecurity.ima=0x03\n\n", "/a b\\", 1, 1, 0, 0 },
		{ "security.ima=0x03\n", NULL, 0, 0, 0, 1 },
		{ "# file: a\nsecurity.ima=0x03\nsecurity.ima=0x03\n", NULL, 0, 0, 0, 3 },
		{ "# file: a\nsecurity.ima=0sAw==\n", NULL, 0, 0, 0, 2 },
		{ "# file: a\nsecurity.ima=0x\n", NULL, 0, 0, 0, 2 },
		{ "# file: a\nsecurity.ima=0x0g\n", NULL, 0, 0, 0, 2 },
		{ "# file: a\nword\n", NULL, 0, 0, 0, 2 },
		{ "# file: a/../b\n", NULL, 0, 0, 0, 1 },
		{ "# file: a//b\n", NULL, 0, 0, 0, 1 },
		{ "# file: a/\n", NULL, 0, 0, 0, 1 },
		{ "# file: a\\04\n", NULL, 0, 0, 0, 1 },
		{ "# file: a\\000\n", NULL, 0, 0, 0, 1 },
		{ "# file: \n", NULL, 0, 0, 0, 1 },
	};
	static struct labeldump_entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct labeldump d = { { rows[i].text, rows[i].text + strlen(rows[i].text) }, 0 };
		const char *error;
		size_t files = 0;

		e = (struct labeldump_entry){ 0 };
		while (labeldump_next(&d, &e, &error))
			if (++files == rows[i].files && rows[i].path && (strcmp(e.path, rows[i].path) != 0 || e.ima_len != rows[i].ima || e.evm_len != rows[i].evm))
				fail_msg("row %zu: %s %zu %zu", i, e.path, e.ima_len, e.evm_len);
		if (!rows[i].path != (error != NULL) || (rows[i].path && files != rows[i].files) || (error && d.line != rows[i].line))
			fail_msg("row %zu: %zu files, line %u: %s", i, files, d.line, error ? error : "good");
	}
}

static void at(const char *name, time_t seconds, long nanoseconds)
{
	const struct timespec t[] = { { seconds, nanoseconds }, { seconds, nanoseconds } };

	assert_int_equal(utimensat(dir, name, t, 0), 0);
}

static void test_dpkg(void **state)
{
	static const struct timespec since = { 1000, 500 };
	struct paths p = { 0 };
	CLEAN_FD nowhere = -1;

	(void)state;
	put("var/lib/dpkg/info/old.list", "/usr/bin/old\n");
	at("var/lib/dpkg/info/old.list", 1000, 499);
	put("var/lib/dpkg/info/same.list", "/usr/bin/same\n");
	at("var/lib/dpkg/info/same.list", 1000, 500);
	put("var/lib/dpkg/info/new:amd64.list", "/.\n/etc\n/etc/init.d/new\n");
	put("var/lib/dpkg/diversions", "/usr/bin/same\n/usr/bin/same.real\nwrapper\n/usr/bin/old\n/usr/bin/old.real\n:\n/cut\n");
	put("var/lib/dpkg/info/new:amd64.md5sums", "/no/list\n");
	assert_int_equal(changed_by_dpkg(dir, &since, &p, NULL), OUTCOME_OK);
	paths_sort(&p);
	assert_true(paths_has(&p, "/usr/bin/same"));
	assert_true(paths_has(&p, "/etc/init.d/new"));
	assert_true(paths_has(&p, "/etc/init.d/new.dpkg-new"));
	assert_true(paths_has(&p, "/var/lib/dpkg/info/new:amd64.postinst"));
	assert_true(paths_has(&p, "/var/lib/dpkg/info/same.prerm"));
	assert_false(paths_has(&p, "/usr/bin/same.dpkg-new"));
	assert_true(paths_has(&p, "/usr/bin/same.real")); /* diverted: there its file lies */
	assert_false(paths_has(&p, "/usr/bin/old.real"));
	assert_false(paths_has(&p, "/usr/bin/old"));
	assert_false(paths_has(&p, "/no/list"));
	paths_free(&p);
	assert_int_equal(mkdirat(dir, "empty", 0755), 0);
	nowhere = openat(dir, "empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(changed_by_dpkg(nowhere, &since, &p, NULL), OUTCOME_ABSENT);
	assert_int_equal(p.count, 0);
}

static void seen(void *worker, int d, const char *name, const char *path)
{
	struct stat st;

	if (fstatat(d, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		assert_int_equal(paths_add(worker, path, strlen(path)), 0);
}

static void unreadable(void *worker, const char *path, int error)
{
	(void)worker;
	fail_msg("%s: %s", path, strerror(error));
}

/* Directories are not entered, links not followed, what is not there passed over; a link on the way is resolved. */
static void test_list(void **state)
{
	static const char text[] = "/bin/one\n/usr/bin/two\n/usr/bin\n/usr/bin/link\n/usr/bin/gone\n/nowhere/at/all\n/usr/bin/two/deeper\n/top\n/.\n";
	struct paths list = { 0 }, found = { 0 };
	void *workers[] = { &found };
	const struct walk_about about = { .threads = 1, .workers = workers, .file = seen, .unreadable = unreadable, .list = &list };
	struct walk *w = NULL;

	(void)state;
	put("usr/bin/one", "1");
	put("usr/bin/two", "2");
	put("top", "3");
	assert_int_equal(symlinkat("one", dir, "usr/bin/link"), 0);
	for (int i = 0; i < 200; i++) { /* more than go into one item */
		char name[64];

		(void)snprintf(name, sizeof(name), "/usr/bin/many-%03d", i);
		put(name, "x");
		assert_int_equal(paths_add(&list, name, strlen(name)), 0);
	}
	assert_int_equal(paths_add_lines(&list, text, strlen(text), NULL), 0);
	paths_sort(&list);
	assert_int_equal(walk_run(dir, &about, &w, NULL), OUTCOME_OK);
	paths_sort(&found);
	assert_int_equal(found.count, 203);
	assert_true(paths_has(&found, "/usr/bin/one"));
	assert_true(paths_has(&found, "/usr/bin/two"));
	assert_true(paths_has(&found, "/top"));
	paths_free(&list);
	paths_free(&found);
}

static size_t odd_paths;

static void count_odd(void *worker, const char *path, int error)
{
	(void)worker;
	(void)path;
	assert_int_equal(error, ELOOP);
	odd_paths++;
}

/* A directory that cannot be opened is named file by file, and the files of the others are looked at. */
static void test_list_with_a_loop(void **state)
{
	struct paths list = { 0 }, found = { 0 };
	void *workers[] = { &found };
	const struct walk_about about = { .threads = 1, .workers = workers, .file = seen, .unreadable = count_odd, .list = &list };
	struct walk *w = NULL;

	(void)state;
	put("usr/bin/one", "1");
	assert_int_equal(symlinkat("loop", dir, "loop"), 0);
	assert_int_equal(paths_add_lines(&list, "/loop/a\n/loop/b\n/usr/bin/one\n", 30 - 1, NULL), 0);
	assert_int_equal(walk_run(dir, &about, &w, NULL), OUTCOME_OK);
	assert_int_equal(odd_paths, 2);
	assert_int_equal(found.count, 1);
	paths_free(&list);
	paths_free(&found);
}

/* When the walk is in /tree/x, /tree becomes a link that leads out of the root. */
static void swap(void *worker, int d, const char *name, const char *path)
{
	struct stat st;

	(void)d;
	(void)path;
	if (!strcmp(name, "trigger") && fstatat(dir, "root/away", &st, 0) < 0) {
		assert_int_equal(renameat(dir, "root/tree", dir, "root/away"), 0);
		assert_int_equal(symlinkat("../outside", dir, "root/tree"), 0);
	}
	if (!strcmp(name, "victim"))
		++*(unsigned *)worker;
}

static void passed_over(void *worker, const char *path, int error)
{
	(void)worker;
	assert_string_equal(path, "/tree/sub");
	assert_int_equal(error, ELOOP);
}

static void test_no_way_out(void **state)
{
	static const char *const dirs[] = { "root", "root/tree", "root/tree/sub", "outside", "outside/sub" };
	unsigned victims = 0;
	void *workers[] = { &victims };
	const struct walk_about about = { .threads = 1, .workers = workers, .file = swap, .unreadable = passed_over };
	struct walk *w = NULL;
	CLEAN_FD root = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		assert_int_equal(mkdirat(dir, dirs[i], 0755), 0);
	put("root/tree/trigger", "");
	put("outside/sub/victim", "not ours to label");
	root = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(walk_run(root, &about, &w, NULL), OUTCOME_OK);
	assert_int_equal(victims, 0);
}

/* No key proves it: nothing is written, hash or signature. That a good one is written, tests/hooks and the virtual
 * machines show. */
static void test_ready_unproven(void **state)
{
	struct keyset *k = keyset_new();
	struct paths wanted = { 0 };
	struct prover p;
	CLEAN_FD fd = -1;
	struct ready r = { .root = dir, .prover = &p, .wanted = &wanted };
	struct why why = { 0 };

	(void)state;
	assert_non_null(k);
	assert_int_equal(prover_open(k, &p, NULL), OUTCOME_OK);
	put("usr/bin/three", "");
	assert_int_equal(paths_add(&wanted, "/usr/bin/three", 14), 0);
	assert_int_equal(ready_write(&r, "nowhere", &why), OUTCOME_ABSENT);
	assert_int_equal(ready_write(&r, "labels", &why), OUTCOME_ABSENT);
	/* the right hash of nothing, and an HMAC that anybody could make up */
	put("labels/a.labels", "# file: usr/bin/three\nsecurity.ima=0x0404e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	                       "security.evm=0x020102030405060708090a0b0c0d0e0f1011121314\n");
	put("labels/b.labels", "# file: usr/bin/three\nsecurity.ima=0x0404e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n");
	put("labels/c.labels", "# file: bin/three\nsecurity.ima=0x030204aabbccdd000401020304\n");
	assert_int_equal(ready_write(&r, "labels", &why), OUTCOME_OK);
	assert_int_equal(r.written, 0);
	fd = openat(dir, "usr/bin/three", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "security.ima", NULL, 0), -1);
	assert_int_equal(fgetxattr(fd, "security.evm", NULL, 0), -1);
	put("labels/d.labels", "odd\n");
	assert_int_equal(ready_write(&r, "labels", &why), OUTCOME_REFUSED);
	assert_string_equal(why.subject, "labels/d.labels");
	assert_int_equal(why.code, 1);
	prover_close(&p);
	keyset_free(&k);
	paths_free(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_dump), cmocka_unit_test(test_dpkg),
		cmocka_unit_test(test_list), cmocka_unit_test(test_list_with_a_loop), cmocka_unit_test(test_no_way_out),
		cmocka_unit_test(test_ready_unproven),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
