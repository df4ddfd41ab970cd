/* Labels written to a tree, and judged by who did not write them: examine and its prover. */
#include "certs.h"

#include "base/file.h"
#include "crypto/keyset.h"
#include "crypto/signer.h"
#include "label/labeller.h"
#include "label/survey.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <openssl/pem.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static char dir_name[] = "/tmp/imagate-labeller-XXXXXX";
static int dir = -1;
static struct signer *signers[MAKER_KEYS];
static struct keyset *keys;
static const uint8_t ids[MAKER_KEYS][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } };
static struct secret evm_key = { .len = 64 };
static struct rule rules[2] = { { .action = ACT_APPRAISE, .has = RULE_FUNC, .func = FUNC_BPRM_CHECK },
	{ .action = ACT_APPRAISE, .has = RULE_FUNC, .func = FUNC_MMAP_CHECK } };

static const struct {
	const char *path, *text;
	mode_t mode;
	bool in_scope;
} files[] = {
	{ "bin/a", "a program", 0755, true },
	{ "bin/b", "", 0700, true },
	{ "bin/set", "setuid", 04755, true },
	{ "lib/x.so", "\177ELF a library", 0644, true },
	{ "lib/x.so.txt", "no code", 0644, false },
	{ "data", "data", 0644, false },
};
#define IN_SCOPE 5 /* and a hard link */

static void put(const char *path, const char *text, mode_t mode)
{
	CLEAN_FD fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
}

static int setxattr_at(const char *path, const char *name, const char *value)
{
	CLEAN_FD fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	return fsetxattr(fd, name, value, strlen(value), 0);
}

static const char *key_file(const char *name, EVP_PKEY *key)
{
	static char path[4][128];
	static int n;
	FILE *f;

	(void)snprintf(path[n], sizeof(path[n]), "%s/../%s-%s", dir_name, strrchr(dir_name, '/') + 1, name);
	f = fopen(path[n], "w");
	assert_true(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
	return path[n++];
}

static void make_signer(int k, EVP_PKEY *key)
{
	uint8_t der[4096];
	size_t len = cert_make(key, ids[k], 4, der, sizeof(der));
	const char *file = key_file(k ? "evm" : "ima", key);
	char cert[160];
	FILE *f;

	(void)snprintf(cert, sizeof(cert), "%s.der", file);
	f = fopen(cert, "w");
	assert_true(f && fwrite(der, 1, len, f) == len && fclose(f) == 0);
	assert_int_equal(signer_open(&(struct signer_wish){ file, cert, NULL }, &signers[k], NULL), OUTCOME_OK);
	assert_int_equal(keyset_add(keys, k ? RING_EVM : RING_IMA, cert, der, len, NULL), OUTCOME_OK);
	(void)unlink(file);
	(void)unlink(cert);
	EVP_PKEY_free(key);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0 && mkdirat(dir, "bin", 0755) == 0 && mkdirat(dir, "lib", 0755) == 0);
	for (size_t i = 0; i < ROWS(files); i++)
		put(files[i].path, files[i].text, files[i].mode);
	assert_int_equal(linkat(dir, "bin/a", dir, "bin/hard", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "bin/link"), 0);
	memset(evm_key.bytes, 0x5a, evm_key.len);
	keys = keyset_new();
	make_signer(MAKER_IMA, EVP_RSA_gen(2048));
	make_signer(MAKER_EVM, EVP_EC_gen("P-256"));
	keyset_hmac(keys, &evm_key);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	for (int k = 0; k < MAKER_KEYS; k++)
		signer_close(&signers[k]);
	keyset_free(&keys);
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "chattr -Ri %s 2>/dev/null; rm -rf %s", dir_name, dir_name);
	return system(command);
}

/* -- one run, and its judge ------------------------------------------------------------------ */

struct result {
	size_t labelled, kept, skipped, bad, unproven;
};

static bool none_proven(const char *path, const uint8_t *digest, size_t len, void *arg)
{
	(void)digest;
	assert_int_equal(len, 32);
	return !strcmp(path, arg);
}

static struct result label(bool sign, bool portable, bool hmac, struct labeller l)
{
	const struct examine_about about = { .rules = rules, .rules_count = 2, .cred = &match_root, .algo = HASH_SHA256 };
	const struct signer *with[MAKER_KEYS] = { sign ? signers[0] : NULL, portable ? signers[1] : NULL };
	struct maker makers[2];
	struct why why = { 0 };
	struct result r;

	for (int i = 0; i < 2; i++)
		assert_int_equal(maker_open(HASH_SHA256, with, hmac ? &evm_key : NULL, &makers[i], &why), OUTCOME_OK);
	l.about = &about;
	l.makers = makers;
	l.threads = 2;
	assert_int_equal(labeller_run(dir, &l, &why), OUTCOME_OK);
	r = (struct result){ l.labelled, l.kept, l.skipped, l.bad_count, l.unproven };
	labeller_free(&l);
	for (int i = 0; i < 2; i++)
		maker_close(&makers[i]);
	return r;
}

/* How many files would the kernel deny, with EVM in this mode, signatures demanded or not? */
static size_t denied(unsigned evm, unsigned demands, size_t *ret_unverified)
{
	struct rule strict[2] = { rules[0], rules[1] };
	const struct examine_about about = { .rules = strict, .rules_count = 2, .cred = &match_root, .algo = HASH_SHA256, .evm = evm };
	struct prover provers[1];
	struct survey s = { .about = &about, .provers = provers, .threads = 1 };
	struct why why = { 0 };
	size_t n;

	strict[0].has |= demands;
	strict[1].has |= demands;
	assert_int_equal(prover_open(keys, &provers[0], &why), OUTCOME_OK);
	assert_int_equal(survey_run(dir, &s, &why), OUTCOME_OK);
	assert_int_equal(s.appraised, IN_SCOPE);
	n = s.bad_count;
	for (size_t i = 0; i < n; i++)
		print_message("%s: %s\n", s.bad[i].path, label_state_name((enum label_state)s.bad[i].state));
	*ret_unverified = s.unverified;
	survey_free(&s);
	prover_close(&provers[0]);
	return n;
}

#define NONE ((struct labeller){ .threads = 0 })

static void test_hashes(void **state)
{
	struct stat before, after;
	struct result r;
	size_t unverified;

	(void)state;
	assert_int_equal(fstatat(dir, "bin/a", &before, 0), 0);
	r = label(false, false, false, (struct labeller){ .dry_run = true });
	assert_int_equal(r.labelled, IN_SCOPE);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), IN_SCOPE + 0u);
	r = label(false, false, false, NONE);
	assert_int_equal(r.labelled + r.kept, IN_SCOPE); /* of a hard link's two names one comes first */
	assert_int_equal(r.skipped, 2);
	assert_int_equal(r.bad, 0);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), 0);
	assert_int_equal(unverified, 0);
	r = label(false, false, false, NONE);
	assert_int_equal(r.labelled, 0);
	assert_int_equal(r.kept, IN_SCOPE);
	assert_int_equal(fstatat(dir, "bin/a", &after, 0), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
	            before.st_atim.tv_nsec == after.st_atim.tv_nsec && before.st_size == after.st_size);
	/* content changed: only that one is labelled again */
	put("bin/set", "another", 04755);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), 1);
	r = label(false, false, false, NONE);
	assert_int_equal(r.labelled, 1);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), 0);
	assert_true(getxattr("/etc/passwd", "security.ima", NULL, 0) < 0); /* the link was not followed */
}

static void test_hmacs(void **state)
{
	struct result r = label(false, false, true, NONE);
	size_t unverified;

	(void)state;
	assert_int_equal(r.bad, 0);
	assert_int_equal(denied(EVM_HMAC, 0, &unverified), 0);
	assert_int_equal(unverified, 0);
	assert_int_equal(label(false, false, true, NONE).labelled, 0);
	/* another mode: the HMAC is wrong, and nothing else */
	assert_int_equal(fchmodat(dir, "bin/b", 0711, 0), 0);
	assert_int_equal(denied(EVM_HMAC, 0, &unverified), 1);
	assert_int_equal(label(false, false, true, NONE).labelled, 1);
	assert_int_equal(denied(EVM_HMAC, 0, &unverified), 0);
}

static void test_signatures(void **state)
{
	struct result r = label(true, true, false, NONE);
	size_t unverified;

	(void)state;
	assert_int_equal(r.bad, 0);
	assert_true(r.labelled >= IN_SCOPE - 1);
	assert_int_equal(denied(EVM_X509, RULE_IMASIG, &unverified), 0);
	assert_int_equal(unverified, 0);
	r = label(true, true, false, NONE);
	assert_int_equal(r.labelled, 0); /* signatures that are right are not made again, although each would differ */
	/* who asks for hashes only does not take signatures away */
	r = label(false, false, false, NONE);
	assert_int_equal(r.labelled, 0);
	assert_int_equal(denied(EVM_X509, RULE_IMASIG, &unverified), 0);
	/* one whose content changed is signed again */
	put("bin/a", "changed", 0755);
	assert_true(denied(EVM_X509, RULE_IMASIG, &unverified) > 0);
	assert_true(label(true, true, false, NONE).labelled > 0);
	assert_int_equal(denied(EVM_X509, RULE_IMASIG, &unverified), 0);
}

static void test_only_what_is_proven(void **state)
{
	struct result r;

	(void)state;
	put("bin/a", "from the catalogue", 0755);
	put("bin/b", "from nobody", 0755);
	(void)fremovexattr(openat(dir, "bin/b", O_RDONLY | O_CLOEXEC), "security.ima");
	r = label(false, false, false, (struct labeller){ .proven = none_proven, .proven_arg = (void *)"/bin/set" });
	assert_int_equal(r.unproven, IN_SCOPE - 1);
	assert_int_equal(r.labelled + r.kept, 1);
}

static void test_start(void **state)
{
	struct result r;
	struct labeller l = { .start = "/lib" };

	(void)state;
	r = label(false, false, false, l);
	assert_int_equal(r.labelled + r.kept, 1);
	assert_int_equal(r.skipped, 1);
	l.start = "bin/set";
	r = label(false, false, false, l);
	assert_int_equal(r.labelled + r.kept + r.skipped, 1);
}

static unsigned moves;

static bool grows_meanwhile(const char *path, const uint8_t *digest, size_t len, void *arg)
{
	CLEAN_FD fd = -1;

	(void)digest;
	(void)len;
	(void)arg;
	if (!moves || strcmp(path, "/bin/moving") != 0)
		return true;
	moves--;
	fd = openat(dir, "bin/moving", O_WRONLY | O_APPEND | O_CLOEXEC);
	return write(fd, "x", 1) == 1;
}

/* Changed while it is read: named, and left to the next run. */
static void test_not_at_rest(void **state)
{
	const struct labeller l = { .start = "bin/moving", .proven = grows_meanwhile };

	(void)state;
	put("bin/moving", "moving", 0755);
	moves = 1;
	assert_int_equal(label(false, false, false, l).bad, 1);
	assert_int_equal(label(false, false, false, l).labelled, 1);
	assert_int_equal(label(false, false, false, l).kept, 1); /* it was labelled as it is now */
}

/* A signature that is wrong is no label worth keeping: not where somebody can tell. */
static void test_wrong_signatures(void **state)
{
	struct prover provers[2];
	size_t unverified;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(prover_open(keys, &provers[i], NULL), OUTCOME_OK);
	(void)label(true, false, false, NONE);
	put("bin/set", "not what was signed", 04755);
	assert_int_equal(setxattr_at("lib/x.so", "security.ima", "\3"), 0);
	assert_int_equal(label(false, false, false, NONE).labelled, 0);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), 2);
	assert_int_equal(label(false, false, false, (struct labeller){ .provers = provers }).labelled, 2);
	assert_int_equal(denied(EVM_OFF, 0, &unverified), 0);
	for (int i = 0; i < 2; i++)
		prover_close(&provers[i]);
}

/* What cannot be labelled is named, with what to do; the rest goes on. */
static void test_immutable(void **state)
{
	const struct examine_about about = { .rules = rules, .rules_count = 2, .cred = &match_root, .algo = HASH_SHA256 };
	const struct signer *with[MAKER_KEYS] = { NULL, NULL };
	int flags = 0, on = FS_IMMUTABLE_FL;
	struct labeller l = { .about = &about, .threads = 1 };
	struct maker maker;
	CLEAN_FD fd = -1;

	(void)state;
	put("bin/stuck", "stuck", 0755);
	fd = openat(dir, "bin/stuck", O_RDONLY | O_CLOEXEC);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || ioctl(fd, FS_IOC_SETFLAGS, &on) < 0)
		skip(); /* a file system without */
	assert_int_equal(maker_open(HASH_SHA256, with, NULL, &maker, NULL), OUTCOME_OK);
	l.makers = &maker;
	assert_int_equal(labeller_run(dir, &l, NULL), OUTCOME_OK);
	assert_int_equal(l.bad_count, 1);
	assert_string_equal(l.bad[0].path, "/bin/stuck");
	assert_non_null(strstr(l.bad[0].reason, "chattr"));
	labeller_free(&l);
	maker_close(&maker);
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
}

/* tmpfs does not tell an inode's generation, which the HMAC is over: none is better than a wrong one. */
static void test_no_hmac(void **state)
{
	const struct examine_about about = { .rules = rules, .rules_count = 2, .cred = &match_root, .algo = HASH_SHA256 };
	const struct signer *with[MAKER_KEYS] = { NULL, NULL };
	char name[] = "/dev/shm/imagate-labeller-XXXXXX", file[64];
	struct labeller l = { .about = &about, .threads = 1, .all = true };
	struct maker maker;
	struct statfs fs;
	CLEAN_FD root = -1, fd = -1;

	(void)state;
	if (!mkdtemp(name) || statfs(name, &fs) < 0 || fs.f_type != 0x01021994)
		skip();
	(void)snprintf(file, sizeof(file), "%s/x", name);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	root = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(maker_open(HASH_SHA256, with, &evm_key, &maker, NULL), OUTCOME_OK);
	l.makers = &maker;
	assert_int_equal(labeller_run(root, &l, NULL), OUTCOME_OK);
	assert_int_equal(unlink(file) + rmdir(name), 0);
	assert_int_equal(l.labelled, 0);
	assert_int_equal(l.bad_count, 1);
	assert_non_null(strstr(l.bad[0].reason, "generation"));
	labeller_free(&l);
	maker_close(&maker);
}

/* A list goes over several file systems: one that takes no labels does not keep the others' files from theirs. */
static void test_list_over_file_systems(void **state)
{
	const struct examine_about about = { .rules = rules, .rules_count = 2, .cred = &match_root, .algo = HASH_SHA256 };
	const struct signer *with[MAKER_KEYS] = { NULL, NULL };
	struct paths list = { 0 };
	struct labeller l = { .about = &about, .threads = 1, .list = &list };
	char path[96];
	struct maker maker;
	CLEAN_FD root = -1;

	(void)state;
	assert_int_equal(mkdirat(dir, "ro", 0755), 0);
	put("ro/first", "first", 0755);
	put("bin/listed", "listed", 0755);
	(void)snprintf(path, sizeof(path), "%s/ro", dir_name);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, path, NULL, MS_BIND, NULL) < 0 || mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		skip(); /* not root */
	assert_int_equal(paths_add(&list, "/bin/listed", 11), 0);
	assert_int_equal(paths_add(&list, "/ro/first", 9), 0); /* the walk takes the last first */
	assert_int_equal(maker_open(HASH_SHA256, with, NULL, &maker, NULL), OUTCOME_OK);
	l.makers = &maker;
	root = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC); /* dir is of the other mounts */
	assert_int_equal(labeller_run(root, &l, NULL), OUTCOME_OK);
	assert_int_equal(umount(path), 0);
	assert_int_equal(l.labelled, 1);
	assert_int_equal(l.bad_count, 1);
	assert_string_equal(l.bad[0].path, "/ro/first");
	assert_string_equal(l.bad[0].reason, "read-only file system");
	labeller_free(&l);
	maker_close(&maker);
	paths_free(&list);
	assert_int_equal(unlinkat(dir, "bin/listed", 0), 0);
	assert_int_equal(unlinkat(dir, "ro/first", 0), 0);
}

/* -- fs-verity ------------------------------------------------------------------------------ */

static enum outcome run_verity(const struct rule *with, size_t count, bool sign, struct labeller *l, struct why *why)
{
	const struct examine_about about = { .rules = with, .rules_count = count, .cred = &match_root, .algo = HASH_SHA256, .verity = true };
	const struct signer *signs[MAKER_KEYS] = { sign ? signers[0] : NULL, NULL };
	struct maker maker;
	enum outcome o;

	assert_int_equal(maker_open(HASH_SHA256, signs, NULL, &maker, NULL), OUTCOME_OK);
	l->about = &about;
	l->makers = &maker;
	l->threads = 1;
	l->start = "bin/large";
	o = labeller_run(dir, l, why);
	maker_close(&maker);
	return o;
}

static const struct rule by_verity[2] = {
	{ .action = ACT_APPRAISE, .has = RULE_FUNC | RULE_VERITY | RULE_IMASIG, .func = FUNC_BPRM_CHECK },
	{ .action = ACT_APPRAISE, .has = RULE_FUNC, .func = FUNC_FILE_CHECK },
};

static void assert_one_bad(struct labeller *l, const char *words)
{
	assert_int_equal(l->bad_count, 1);
	if (!strstr(l->bad[0].reason, words))
		fail_msg("%s", l->bad[0].reason);
	assert_int_equal(l->labelled + l->kept, 0);
	labeller_free(l);
}

static size_t label_size(void)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/bin/large", dir_name);
	n = getxattr(path, "security.ima", NULL, 0);
	return n < 0 ? 0 : (size_t)n;
}

/* What a rule wants over fs-verity's digest gets no label over its content, and the other way round. */
static void test_verity_refuses(void **state)
{
	struct labeller l = { .verity = false };
	struct why why = { 0 };

	(void)state;
	put("bin/large", "large", 0755);
	assert_int_equal(run_verity(by_verity, 1, true, &l, &why), OUTCOME_OK);
	assert_one_bad(&l, "--verity");
	l = (struct labeller){ .verity = true };
	assert_int_equal(run_verity(by_verity, 2, true, &l, &why), OUTCOME_OK);
	assert_one_bad(&l, "no label is good for both");
	assert_int_equal(label_size(), 0);
	/* of what the rules want the content, all and a size do not make it fs-verity's */
	l = (struct labeller){ .verity = true, .all = true };
	assert_int_equal(run_verity(&by_verity[1], 1, true, &l, &why), OUTCOME_OK);
	assert_int_equal(l.labelled, 1);
	assert_int_equal(l.enabled, 0);
	assert_true(label_size() > 100);
	labeller_free(&l);
	/* smaller than it takes: as without */
	l = (struct labeller){ .verity = true, .all = true, .verity_least = 6 };
	assert_int_equal(run_verity(by_verity, 0, true, &l, &why), OUTCOME_OK);
	assert_int_equal(l.kept, 1);
	labeller_free(&l);
}

/* Two threads come by two names of one file at the same time: what one writes is no change to the other. */
enum { FILES = 50, NAMES = 4 };
static _Atomic int inside[FILES], together;

static bool alone(const char *path, const uint8_t *digest, size_t len, void *arg)
{
	const int i = atoi(strrchr(path, '/') + 1);

	(void)digest;
	(void)len;
	(void)arg;
	if (inside[i]++ > 0)
		together++;
	(void)nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL); /* room for the other thread, which is not to come */
	inside[i]--;
	return true;
}

static void test_names_of_one_file(void **state)
{
	char name[32], command[96];
	struct result r;

	(void)state;
	assert_int_equal(mkdirat(dir, "names", 0755), 0);
	for (int d = 0; d < NAMES; d++) {
		(void)snprintf(name, sizeof(name), "names/%d", d);
		assert_int_equal(mkdirat(dir, name, 0755), 0);
	}
	for (int i = 0; i < FILES; i++) {
		char other[32];

		(void)snprintf(name, sizeof(name), "names/0/%d", i);
		put(name, name, 0755);
		for (int d = 1; d < NAMES; d++) {
			(void)snprintf(other, sizeof(other), "names/%d/%d", d, i);
			assert_int_equal(linkat(dir, name, dir, other, 0), 0);
		}
	}
	r = label(true, true, false, (struct labeller){ .start = "names", .proven = alone });
	assert_int_equal(together, 0);
	assert_int_equal(r.bad, 0);
	assert_int_equal(r.labelled, FILES);
	assert_int_equal(r.kept, FILES * (NAMES - 1));
	(void)snprintf(command, sizeof(command), "rm -r %s/names", dir_name);
	assert_int_equal(system(command), 0);
}

/* A file system without it stops all, says why, and nothing was labelled; one with it gives the label. VM cases try the rest. */
static void test_verity_enables(void **state)
{
	static const enum { DRY, LARGE, RULE } rows[] = { DRY, LARGE, RULE };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct labeller l = { .verity = true, .dry_run = rows[i] == DRY, .all = rows[i] == LARGE, .verity_least = 5 };
		struct why why = { 0 };
		enum outcome o;

		(void)unlinkat(dir, "bin/large", 0);
		put("bin/large", "large", 0755);
		o = run_verity(by_verity, rows[i] == LARGE ? 0 : 1, true, &l, &why);
		if (o == OUTCOME_REFUSED) {
			assert_string_equal(why.operation, "enable fs-verity");
			assert_non_null(strstr(why.subject, "on "));
			assert_int_equal(l.enabled + l.labelled + label_size(), 0);
		} else {
			assert_int_equal(o, OUTCOME_OK);
			assert_int_equal(l.enabled, 1);
			assert_true((label_size() > 0) == !l.dry_run);
		}
		labeller_free(&l);
	}
	(void)unlinkat(dir, "bin/large", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verity_refuses), cmocka_unit_test(test_verity_enables),
		cmocka_unit_test(test_hashes), cmocka_unit_test(test_hmacs), cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_wrong_signatures),
		cmocka_unit_test(test_only_what_is_proven), cmocka_unit_test(test_start), cmocka_unit_test(test_not_at_rest),
		cmocka_unit_test(test_immutable), cmocka_unit_test(test_no_hmac),
		cmocka_unit_test(test_list_over_file_systems), cmocka_unit_test(test_names_of_one_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
