/* Programs of a small root, mapped ahead: all of them, and no more than the bounds allow. */
#include "test.h"

#include "base/file.h"
#include "label/critical.h"
#include "label/prewarm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAMS 100 /* more than the queue holds */
#define SIZE 10000

static char dir[] = "/tmp/imagate-prewarm-XXXXXX";

static void put(const char *path, size_t size)
{
	char full[256];
	int fd;

	(void)snprintf(full, sizeof(full), "%s/%s", dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && close(fd) == 0);
}

static int setup(void **state)
{
	char command[160], name[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(command, sizeof(command), "mkdir -p %s/usr/lib/systemd/system %s/usr/lib/systemd/system-generators", dir, dir);
	assert_int_equal(system(command), 0);
	put("usr/lib/systemd/system/sysinit.target", 1);
	for (int i = 0; i < PROGRAMS; i++) {
		(void)snprintf(name, sizeof(name), "usr/lib/systemd/system-generators/%d", i);
		put(name, SIZE);
	}
	put("usr/lib/systemd/system-generators/empty", 0);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct prewarm run(unsigned seconds, uint64_t most, unsigned threads)
{
	struct prewarm p = { .seconds = seconds, .most = most, .threads = threads };
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct why why = { 0 };

	assert_true(root >= 0);
	assert_int_equal(prewarm_run(root, &p, &why), OUTCOME_OK);
	assert_int_equal(p.failed, 0);
	(void)close(root);
	return p;
}

static void test_all(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 5; threads += 2) {
		struct prewarm p = run(600, UINT64_MAX, threads);

		assert_int_equal(p.files, PROGRAMS);
		assert_int_equal(p.bytes, PROGRAMS * SIZE);
		assert_false(p.late || p.full);
	}
}

static void count_x(const char *path, void *arg)
{
	*(unsigned *)arg += !strcmp(path, "/x");
}

/* What users ran before the boot was blessed is nothing that it needs, and makes the list no longer than it may be. */
static void test_others_programs(void **state)
{
	static char seen[9000 * 3 + 1];
	CLEAN_FD root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned x = 0;

	(void)state;
	for (int i = 0; i < 9000; i++)
		memcpy(seen + 3 * i, "/x\n", 3);
	assert_int_equal(mkdirat(root, "var", 0755) + mkdirat(root, "var/lib", 0755) + mkdirat(root, "var/lib/imagate", 0755), 0);
	put("x", 1);
	assert_int_equal(file_write_atomic(root, CRITICAL_SEEN_PATH, seen, 3, 0644), 0);
	assert_true(critical_make(root, count_x, &x));
	assert_int_equal(x, 1);
	assert_int_equal(fchownat(root, "x", 7, 7, 0), 0);
	assert_int_equal(file_write_atomic(root, CRITICAL_SEEN_PATH, seen, sizeof(seen) - 1, 0644), 0);
	assert_true(critical_make(root, count_x, &x));
	assert_int_equal(x, 1);
	assert_int_equal(unlinkat(root, "x", 0), 0);
}

static void test_bounds(void **state)
{
	static const uint64_t most[] = { 0, SIZE - 1, SIZE, 7 * SIZE + 1, PROGRAMS * SIZE - 1 };
	struct prewarm p;

	(void)state;
	for (size_t i = 0; i < ROWS(most); i++) {
		p = run(600, most[i], 2);
		assert_int_equal(p.files, most[i] / SIZE);
		assert_int_equal(p.bytes, p.files * SIZE);
		assert_true(p.full && !p.late);
	}
	p = run(0, UINT64_MAX, 2);
	assert_int_equal(p.files + p.bytes, 0);
	assert_true(p.late && !p.full);
}

static void test_nothing(void **state)
{
	struct prewarm p = { .seconds = 600, .most = UINT64_MAX, .threads = 2 };
	struct why why = { 0 };
	int root = open("/proc/self/fdinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(prewarm_run(root, &p, &why), OUTCOME_BROKEN);
	assert_int_equal(why.domain, WHY_ERRNO);
	(void)close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_others_programs), cmocka_unit_test(test_bounds), cmocka_unit_test(test_nothing) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
