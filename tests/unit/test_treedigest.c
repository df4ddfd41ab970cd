/* The digests of a tree: what is in scope, where to begin, what cannot be read, what changes meanwhile. */
#include "test.h"

#include "base/file.h"
#include "core/catalogue.h"
#include "crypto/keyset.h"
#include "label/treedigest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

static const struct {
	const char *path, *text;
	mode_t mode;
	bool code;
} files[] = {
	{ "tree/bin/run", "#!/bin/sh\n", 0755, true },
	{ "tree/bin/data", "data", 0644, false },
	{ "tree/lib/x.so", "\177ELF...", 0644, true },
	{ "tree/lib/modules/6.1/x.ko.xz", "module", 0644, true },
	{ "tree/lib/firmware/x.bin", "firmware", 0644, true },
	{ "tree/boot/vmlinuz-6", "kernel", 0644, true },
	{ "tree/odd\nname", "x", 0755, true },
	{ "tree/odd\\name", "", 0755, true },
	{ "tree/empty", "", 0600, false },
};

static const char *const directories[] = { "tree", "tree/bin", "tree/lib", "tree/lib/modules", "tree/lib/modules/6.1",
	"tree/lib/firmware", "tree/boot" };

static char dir_name[] = "/tmp/imagate-treedigest-XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir_name) || (dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	for (size_t i = 0; i < ROWS(directories); i++)
		if (mkdirat(dir, directories[i], 0755) < 0)
			return -1;
	for (size_t i = 0; i < ROWS(files); i++)
		if (file_write_atomic(dir, files[i].path, files[i].text, strlen(files[i].text), files[i].mode) < 0)
			return -1;
	return symlinkat("bin/run", dir, "tree/link");
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	return system(command);
}

static struct treedigest digests(const char *const *starts, bool all, unsigned threads)
{
	CLEAN_FD root = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct keyset *keys = keyset_new();
	struct prover provers[8];
	struct treedigest t = { .provers = provers, .threads = threads, .starts = starts, .all = all };
	struct why why = { 0 };

	for (unsigned i = 0; i < threads; i++)
		assert_int_equal(prover_open(keys, &provers[i], &why), OUTCOME_OK);
	assert_int_equal(treedigest_run(root, &t, &why), OUTCOME_OK);
	for (unsigned i = 0; i < threads; i++)
		prover_close(&provers[i]);
	keyset_free(&keys);
	t.provers = NULL;
	return t;
}

static const struct treedigest_entry *entry_of(const struct treedigest *t, const char *path)
{
	const struct treedigest_entry *found = NULL;

	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->entry[i].path, path)) {
			assert_null(found);
			found = &t->entry[i];
		}
	return found;
}

static void test_tree(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 8; threads *= 2)
		for (int all = 0; all < 2; all++) {
			struct treedigest t = digests(NULL, all, threads);
			size_t wanted = 0;

			for (size_t i = 0; i < ROWS(files); i++) {
				const struct treedigest_entry *e = entry_of(&t, files[i].path + 4);
				uint8_t is[32];

				if (!e != !(all || files[i].code))
					fail_msg("%s: %s", files[i].path, e ? "in it" : "not in it");
				if (!e)
					continue;
				wanted++;
				assert_int_equal(EVP_Digest(files[i].text, strlen(files[i].text), is, NULL, EVP_sha256(), NULL), 1);
				assert_memory_equal(e->digest, is, 32);
			}
			assert_int_equal(t.count, wanted);
			assert_int_equal(t.bad, 0);
			for (size_t i = 1; i < t.count; i++)
				assert_true(catalogue_compare(t.entry[i - 1].path, t.entry[i].path) < 0);
			treedigest_free(&t);
		}
}

/* Starts within one another, a single file; what cannot be read is not passed over. */
static void test_starts(void **state)
{
	static const char *const starts[] = { "/lib", "/bin/run", "/lib/firmware", "/bin", NULL };
	struct treedigest t = digests(starts, true, 2);

	(void)state;
	assert_int_equal(t.count, 5);
	treedigest_free(&t);
	assert_int_equal(fchmodat(dir, "tree/bin/data", 0, 0), 0);
	assert_int_equal(fchmodat(dir, "tree/boot", 0, 0), 0);
	assert_int_equal(fchmodat(dir, "tree/empty", 0644, 0), 0);
	assert_int_equal(chmod(dir_name, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	t = digests(NULL, true, 2);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(t.bad, 2);
	assert_int_equal(entry_of(&t, "/bin/data")->error, EACCES);
	assert_int_equal(entry_of(&t, "/boot")->error, EACCES);
	assert_int_equal(entry_of(&t, "/empty")->error, 0);
	treedigest_free(&t);
}

/* A file that somebody writes to while it is read. */
static enum outcome written_meanwhile(void *times, int fd, int algo, uint8_t *ret, size_t size, size_t *ret_len, struct why *why)
{
	static int left;
	CLEAN_FD append = openat(dir, "tree/bin/run", O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)fd;
	(void)algo;
	(void)why;
	if (*(int *)times > 0)
		left = *(int *)times;
	*(int *)times = 0;
	if (left-- > 0)
		assert_int_equal(write(append, "x", 1), 1);
	memset(ret, left < 0 ? 0x77 : 0, size);
	*ret_len = size;
	return OUTCOME_OK;
}

static void test_written(void **state)
{
	static const char *const starts[] = { "/bin/run", NULL };
	CLEAN_FD root = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (int times = 1; times <= 3; times++) {
		int left = times;
		const struct prover prover = { .state = &left, .file = written_meanwhile };
		struct treedigest t = { .provers = &prover, .threads = 1, .starts = starts };
		struct why why = { 0 };

		assert_int_equal(treedigest_run(root, &t, &why), OUTCOME_OK);
		assert_int_equal(t.count, 1);
		assert_int_equal(t.entry[0].error, times < 3 ? 0 : EAGAIN);
		assert_int_equal(t.entry[0].digest[0], times < 3 ? 0x77 : 0); /* of what it is at the end */
		treedigest_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
