/* A tree of labelled files on the working disk: what a survey finds, and what its cache must not hide. */
#include "certs.h"

#include "base/file.h"
#include "core/evmmessage.h"
#include "crypto/keyset.h"
#include "label/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/hmac.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
#define TOLD_MAX 64

static char dir_name[] = "/tmp/imagate-survey-XXXXXX";
static int dir = -1;
static bool mounts; /* a mount namespace of our own */
static EVP_PKEY *rsa;
static const uint8_t rsa_id[4] = { 1, 2, 3, 4 };
static struct keyset *keys;
static struct rule rules[4];
static struct examine_about about = { .rules = rules, .cred = &match_root, .algo = HASH_SHA256 };
static const uint8_t mark[32] = { 1 }, other_mark[32] = { 2 };

static void hash(const char *text, uint8_t ret[32])
{
	assert_int_equal(EVP_Digest(text, strlen(text), ret, NULL, EVP_sha256(), NULL), 1);
}

/* -- the tree ----------------------------------------------------------------------------- */

enum label_wish { NO_LABEL, HASH_OK, HASH_BAD, SIGNED_OK, SIGNED_BAD, SIGNED_UNKNOWN, GARBAGE };

static const struct {
	const char *path, *text;
	mode_t mode;
	enum label_wish label;
	enum label_state state; /* when run; UNKNOWN: is not run */
} files[] = {
	{ "/bin/good", "a program", 0755, HASH_OK, LABEL_STATE_GOOD },
	{ "/bin/bad", "a program", 0755, HASH_BAD, LABEL_STATE_INVALID_HASH },
	{ "/bin/none", "a program", 0755, NO_LABEL, LABEL_STATE_MISSING_HASH },
	{ "/bin/empty", "", 0755, HASH_OK, LABEL_STATE_GOOD },
	{ "/bin/garbage", "a program", 0755, GARBAGE, LABEL_STATE_MALFORMED },
	{ "/bin/signed", "a program", 0755, SIGNED_OK, LABEL_STATE_GOOD },
	{ "/bin/forged", "a program", 0755, SIGNED_BAD, LABEL_STATE_INVALID_SIGNATURE },
	{ "/bin/unknown", "a program", 0755, SIGNED_UNKNOWN, LABEL_STATE_UNVERIFIED },
	{ "/a/b/c/deep", "deep", 0700, NO_LABEL, LABEL_STATE_MISSING_HASH },
	{ "/a/data", "data", 0644, NO_LABEL, LABEL_STATE_UNKNOWN },
	{ "/a/b/elf.so", "\177ELF and more", 0644, NO_LABEL, LABEL_STATE_UNKNOWN }, /* code, but not run */
	{ "/top", "top", 0755, HASH_OK, LABEL_STATE_GOOD },
};

static const char *const directories[] = { "bin", "a", "a/b", "a/b/c", "mount", "same", "void" };

static bool label(int fd, const char *text, enum label_wish wish)
{
	uint8_t digest[34] = { 4, HASH_SHA256 }, bytes[SIGNED_MAX];
	struct xattr x = { digest, sizeof(digest) };

	hash(text, digest + 2);
	switch (wish) {
	case NO_LABEL: return true;
	case HASH_OK: break;
	case HASH_BAD: digest[33] ^= 1; break;
	case GARBAGE: digest[0] = 9; break;
	default:
		x = label_sign(rsa, 3, rsa_id, digest + 2, bytes);
		bytes[wish == SIGNED_BAD ? 50 : 6] ^= wish != SIGNED_OK;
	}
	return fsetxattr(fd, "security.ima", x.p, x.len, 0) == 0;
}

static bool put(const char *path, const char *text, mode_t mode, enum label_wish wish)
{
	CLEAN_FD fd = openat(dir, path + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0 && label(fd, text, wish);
}

static bool mount_at(const char *name, const char *source, const char *type, unsigned long flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir_name, name);
	return mount(source, path, type, flags, NULL) == 0;
}

static bool make_tree(void)
{
	for (size_t i = 0; i < ROWS(directories); i++)
		if (mkdirat(dir, directories[i], 0755) < 0)
			return false;
	for (size_t i = 0; i < ROWS(files); i++)
		if (!put(files[i].path, files[i].text, files[i].mode, files[i].label))
			return false;
	return symlinkat("none", dir, "bin/link") == 0 && symlinkat("bin", dir, "link") == 0 && mkfifoat(dir, "fifo", 0755) == 0;
}

static bool read_policy(const char *text)
{
	struct rule_kernel k;
	struct rule_error e;

	rule_kernel_debian(KERNEL_RELEASE(6, 12), &k);
	about.rules_count = 1;
	return rule_parse(text, strlen(text), &k, &rules[0], &e) == RULE_READ;
}

static bool make_keys(void)
{
	uint8_t der[4096];

	rsa = EVP_RSA_gen(2048);
	keys = keyset_new();
	return rsa && keys &&
	       keyset_add(keys, RING_IMA, "/x", der, cert_make(rsa, rsa_id, sizeof(rsa_id), der, sizeof(der)), NULL) == OUTCOME_OK;
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir_name) || chmod(dir_name, 0755) < 0)
		return -1;
	mounts = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !make_keys() || !make_tree() || !read_policy("appraise func=BPRM_CHECK"))
		return -1;
	if (mounts && !(mount_at("mount", "none", "tmpfs", 0) && put("/mount/none", "a program", 0755, NO_LABEL)))
		return -1;
	(void)sleep(3); /* what changed a moment ago is not cached */
	return 0;
}

static int teardown(void **state)
{
	static const char *const over[] = { "mount", "same" };
	char path[64], command[64];

	(void)state;
	(void)close(dir);
	for (size_t i = 0; i < ROWS(over); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir_name, over[i]);
		(void)umount2(path, MNT_DETACH); /* where it was mounted */
	}
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	EVP_PKEY_free(rsa);
	keyset_free(&keys);
	return system(command);
}

/* -- surveys --------------------------------------------------------------------------------- */

static struct {
	char path[64];
	const struct hook *hook;
	struct examine_verdict v;
} told[TOLD_MAX];
static size_t told_count;

static void tell(const char *path, const struct hook *hook, const struct examine_verdict *v, void *arg)
{
	assert_ptr_equal(arg, &told);
	assert_true(told_count < TOLD_MAX);
	(void)snprintf(told[told_count].path, sizeof(told[0].path), "%s", path);
	told[told_count].hook = hook;
	told[told_count++].v = *v;
}

static struct survey survey(int root, const struct cache *cache, unsigned threads)
{
	struct prover provers[4];
	struct survey s = { .about = &about, .provers = provers, .threads = threads, .cache = cache, .tell = tell, .tell_arg = &told };
	struct why why = { 0 };

	told_count = 0;
	for (unsigned i = 0; i < threads; i++)
		assert_int_equal(prover_open(keys, &provers[i], NULL), OUTCOME_OK);
	assert_int_equal(survey_run(root, &s, &why), OUTCOME_OK);
	assert_true(s.done);
	for (unsigned i = 0; i < threads; i++)
		prover_close(&provers[i]);
	return s;
}

static enum label_state state_of(const struct survey *s, const char *path)
{
	for (size_t i = 0; i < s->bad_count; i++)
		if (!strcmp(s->bad[i].path, path))
			return s->bad[i].state;
	return LABEL_STATE_GOOD;
}

static void expect(const struct survey *s)
{
	size_t bad = 0, run = 0;

	for (size_t i = 0; i < ROWS(files); i++) {
		bool good = label_state_good(files[i].state) || files[i].state == LABEL_STATE_UNKNOWN;

		run += files[i].state != LABEL_STATE_UNKNOWN;
		bad += !good;
		if (state_of(s, files[i].path) != (good ? LABEL_STATE_GOOD : files[i].state))
			fail_msg("%s: %s", files[i].path, label_state_name(state_of(s, files[i].path)));
	}
	assert_int_equal(s->bad_count, bad);
	assert_int_equal(s->files, ROWS(files)); /* no link, no fifo, nothing from another mount */
	assert_int_equal(s->appraised, run);
	assert_int_equal(s->unverified, 1);
	for (size_t i = 1; i < s->bad_count; i++)
		assert_true(strcmp(s->bad[i - 1].path, s->bad[i].path) < 0);
}

static void test_finds(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct survey s = survey(dir, NULL, threads);

		expect(&s);
		assert_int_equal(s.cached, 0);
		assert_int_equal(s.entries_count, 0);
		survey_free(&s);
		survey_free(&s); /* nothing twice */
	}
}

static const struct examine_verdict *told_of(const char *path, const struct hook *hook)
{
	for (size_t i = 0; i < told_count; i++)
		if (!strcmp(told[i].path, path) && told[i].hook == hook)
			return &told[i].v;
	return NULL;
}

static struct evidence_file examine(const char *path, struct inode_fs *ret_fs, struct inode *ret)
{
	static struct examiner e;
	CLEAN_FD fd = openat(dir, path + 1, O_RDONLY | O_CLOEXEC);
	struct evidence_file found;
	struct prover p;

	e = (struct examiner){ .about = &about, .prover = &p };
	*ret_fs = (struct inode_fs){ 0 };
	assert_int_equal(inode_read(fd, ret_fs, ret), 0);
	assert_int_equal(prover_open(keys, &p, NULL), OUTCOME_OK);
	assert_int_equal(examine_file(&e, fd, strrchr(path, '/') + 1, ret, &found, NULL), OUTCOME_OK);
	prover_close(&p);
	return found;
}

static void test_examines(void **state)
{
	struct survey s = survey(dir, NULL, 2);
	size_t hooks = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(files); i++) {
		struct inode_fs fs;
		struct inode inode;
		struct evidence_file found = examine(files[i].path, &fs, &inode);
		unsigned scope = examine_scope(files[i].path, &inode, &found);
		struct match_file file;

		inode_match_file(&inode, &file);
		for (unsigned h = 0; hook_at(h); h++) {
			const struct examine_verdict *is = told_of(files[i].path, hook_at(h));
			struct examine_verdict v;

			assert_int_equal(is != NULL, scope >> h & 1);
			if (!is)
				continue;
			hooks++;
			examine_judge(&about, &file, &found, hook_at(h), &v);
			assert_true(v.state == is->state && v.rule == is->rule && v.appraised == is->appraised);
		}
	}
	assert_int_equal(told_count, hooks);
	assert_non_null(told_of("/a/b/elf.so", hook_at(1))); /* mapped as code */
	assert_null(told_of("/a/data", hook_at(0)));
	survey_free(&s);
}

static void test_all_hooks(void **state)
{
	struct prover p;
	struct survey s = { .about = &about, .provers = &p, .threads = 1, .all_hooks = true, .hooks = 1 };

	(void)state;
	assert_int_equal(prover_open(keys, &p, NULL), OUTCOME_OK);
	assert_int_equal(survey_run(dir, &s, NULL), OUTCOME_OK);
	assert_int_equal(s.appraised, ROWS(files)); /* data, too, is judged as if it were run */
	assert_int_equal(state_of(&s, "/a/data"), LABEL_STATE_MISSING_HASH);
	survey_free(&s);
	assert_int_equal(survey_run(-1, &s, NULL), OUTCOME_BROKEN);
	survey_free(&s);
	prover_close(&p);
}

/* -- the cache --------------------------------------------------------------------------------- */

/* In a directory of its own, so that the tree stands still. */
static char cache_name[] = "/tmp/imagate-cache-XXXXXX";
static int cache_dir = -1;

static int cache_setup(void **state)
{
	const struct cache none = { 0 };
	struct survey s;

	(void)state;
	if (cache_dir < 0 && mkdtemp(cache_name))
		cache_dir = open(cache_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cache_dir < 0)
		return -1;
	s = survey(dir, &none, 2);
	expect(&s);
	assert_int_equal(s.cached, 0);
	assert_int_equal(s.entries_count, ROWS(files));
	assert_int_equal(cache_save(cache_dir, "c", mark, s.entries, s.entries_count), 0);
	survey_free(&s);
	return 0;
}

static struct survey cached_survey(const uint8_t fingerprint[32])
{
	struct cache c;
	struct survey s;

	cache_load(cache_dir, "c", fingerprint, &c);
	s = survey(dir, &c, 3);
	cache_free(&c);
	return s;
}

static void test_cached(void **state)
{
	struct survey s = cached_survey(mark);

	(void)state;
	expect(&s);
	assert_int_equal(s.cached, ROWS(files));
	assert_int_equal(s.entries_count, ROWS(files)); /* and they are kept */
	survey_free(&s);
	s = cached_survey(other_mark);
	expect(&s);
	assert_int_equal(s.cached, 0);
	survey_free(&s);
}

/* Who wants to hide a change keeps the size and sets the time back. */
static void change(const char *path, const char *text)
{
	struct stat st;
	CLEAN_FD fd = openat(dir, path + 1, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)strlen(text));
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	assert_int_equal(futimens(fd, (const struct timespec[]){ st.st_atim, st.st_mtim }), 0);
}

static void test_changed(void **state)
{
	struct survey s;

	(void)state;
	change("/bin/good", "A PROGRAM");
	s = cached_survey(mark);
	assert_int_equal(state_of(&s, "/bin/good"), LABEL_STATE_INVALID_HASH);
	assert_int_equal(s.cached, ROWS(files) - 1);
	assert_int_equal(s.entries_count, ROWS(files) - 1); /* too fresh to be kept */
	survey_free(&s);
	change("/bin/good", "a program");
	s = cached_survey(mark);
	expect(&s);
	assert_int_equal(s.cached, ROWS(files) - 1);
	survey_free(&s);
}

/* A label, an owner, a mode that changed; another file under the name. */
static void test_relabelled(void **state)
{
	char path[64];
	struct survey s;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/bin/empty", dir_name);
	assert_int_equal(removexattr(path, "security.ima"), 0);
	assert_int_equal(fchmodat(dir, "a/data", 0755, 0), 0);
	assert_int_equal(renameat(dir, "bin/none", dir, "top"), 0);
	s = cached_survey(mark);
	assert_int_equal(state_of(&s, "/bin/empty"), LABEL_STATE_MISSING_HASH);
	assert_int_equal(state_of(&s, "/a/data"), LABEL_STATE_MISSING_HASH);
	assert_int_equal(state_of(&s, "/top"), LABEL_STATE_MISSING_HASH);
	survey_free(&s);
	assert_true(put("/bin/empty", "", 0755, HASH_OK) && put("/bin/none", "a program", 0755, NO_LABEL) &&
	            put("/top", "top", 0755, HASH_OK));
	assert_int_equal(fchmodat(dir, "a/data", 0644, 0), 0);
	s = cached_survey(mark);
	expect(&s);
	survey_free(&s);
}

static void rewrite(const char *bytes, size_t len)
{
	assert_int_equal(file_write_atomic(cache_dir, "c", bytes, len, 0600), 0);
}

static void expect_ignored(const char *what)
{
	struct cache c;

	cache_load(cache_dir, "c", mark, &c);
	if (c.count || c.entry || c.slot)
		fail_msg("%s: %zu entries", what, c.count);
	cache_free(&c);
}

static void test_garbled(void **state)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	struct cache c;

	(void)state;
	assert_int_equal(file_read(cache_dir, "c", 1 << 20, &text, &len), 0);
	for (size_t cut = 1; cut < sizeof(struct cache_entry); cut++) {
		rewrite(text, len - cut);
		expect_ignored("cut");
	}
	for (size_t at = 0; at < 48; at++) { /* its magic, its fingerprint */
		text[at] ^= 1;
		rewrite(text, len);
		expect_ignored("head");
		text[at] ^= 1;
		rewrite(text, at);
		expect_ignored("only a head");
	}
	rewrite(text, 48); /* a cache of nothing */
	cache_load(cache_dir, "c", mark, &c);
	assert_int_equal(c.count, 0);
	cache_free(&c);
	rewrite(text, len);
	assert_int_equal(renameat(cache_dir, "c", cache_dir, "d"), 0);
	expect_ignored("not there");
	assert_int_equal(symlinkat("d", cache_dir, "c"), 0);
	expect_ignored("a link");
	assert_int_equal(renameat(cache_dir, "d", cache_dir, "c"), 0);
	cache_load(cache_dir, "c", mark, &c);
	assert_int_equal(c.count, (len - 48) / sizeof(struct cache_entry));
	cache_free(&c);
}

/* Every field that identifies a file counts. */
static void test_fields(void **state)
{
	const struct inode_fs fs = { .mount = 1 }, other = { .mount = 2 };
	const struct inode is = { .fs = &fs, .ino = 3, .size = 4, .dev = 5, .ctime = { 6, 7 }, .btime = { 8, 9 } };
	const struct evidence_file found = { .algo = 4, .evm = 1 };
	struct cache_entry e;
	struct inode change[8];
	struct cache c;

	(void)state;
	cache_entry_of(&is, &found, &e);
	assert_int_equal(cache_save(cache_dir, "f", mark, &e, 1), 0);
	cache_load(cache_dir, "f", mark, &c);
	assert_memory_equal(cache_find(&c, &is), &found, sizeof(found));
	for (size_t i = 0; i < ROWS(change); i++)
		change[i] = is;
	change[0].fs = &other;
	change[1].ino++;
	change[2].size++;
	change[3].dev++;
	change[4].ctime.tv_sec++;
	change[5].ctime.tv_nsec++;
	change[6].btime.tv_sec++;
	change[7].btime.tv_nsec++;
	for (size_t i = 0; i < ROWS(change); i++)
		assert_null(cache_find(&c, &change[i]));
	cache_free(&c);
	assert_null(cache_find(&c, &is));
}

static int cache_teardown(void **state)
{
	char command[64];

	(void)state;
	(void)close(cache_dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", cache_name);
	return system(command);
}

/* -- mounts, rights -------------------------------------------------------------------------------- */

static void test_mounts(void **state)
{
	CLEAN_FD inside = -1;
	struct cache c;
	struct survey s;

	(void)state;
	if (!mounts)
		skip();
	inside = openat(dir, "mount", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s = survey(inside, NULL, 2);
	assert_int_equal(s.files, 1);
	assert_int_equal(state_of(&s, "/none"), LABEL_STATE_MISSING_HASH);
	survey_free(&s);
	/* the same files by another mount are not those of the cache, and not of the survey */
	assert_true(mount_at("same", dir_name, NULL, MS_BIND));
	clean_fd(&inside);
	inside = openat(dir, "same", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cache_load(cache_dir, "c", mark, &c);
	assert_true(c.count > 0);
	s = survey(inside, &c, 2);
	expect(&s);
	assert_int_equal(s.cached, 0);
	survey_free(&s);
	s = survey(dir, NULL, 2);
	expect(&s);
	survey_free(&s);
	cache_free(&c);
	clean_fd(&inside);
}

/* A file on a tmpfs is known by its name and magic, one on the disk by its own. */
static void test_inode_fs(void **state)
{
	struct inode_fs fs = { 0 }, tmpfs = { 0 };
	struct inode inode;
	CLEAN_FD fd = -1;

	(void)state;
	assert_int_equal(inode_fs_read(dir, &fs), 0);
	assert_true(fs.mount && fs.magic && *fs.name);
	assert_int_equal(inode_stat(dir, "top", &fs, &inode), 0);
	assert_true(S_ISREG(inode.mode) && inode.size == 3 && inode.fs == &fs && inode.ctime.tv_sec);
	assert_int_equal(inode_stat(dir, "bin", &fs, &inode), -EINVAL);
	assert_int_equal(inode_stat(dir, "link", &fs, &inode), -EINVAL);
	assert_int_equal(inode_stat(dir, "gone", &fs, &inode), -ENOENT);
	assert_int_equal(inode_read(dir, &fs, &inode), -EINVAL);
	assert_int_equal(inode_read(-1, &fs, &inode), -EBADF);
	if (!mounts)
		return;
	fd = openat(dir, "mount", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(inode_fs_read(fd, &tmpfs), 0);
	assert_string_equal(tmpfs.name, "tmpfs");
	assert_int_equal(tmpfs.magic, 0x01021994);
	assert_int_equal(inode_stat(fd, "none", &fs, &inode), -EXDEV);
	assert_int_equal(inode_fs_read(fd, &fs), 0); /* looked up again */
	assert_int_equal(fs.mount, tmpfs.mount);
}

static void test_unreadable(void **state)
{
	struct survey s;

	(void)state;
	assert_int_equal(fchmodat(dir, "bin/good", 0700, 0), 0);
	assert_int_equal(fchmodat(dir, "a/b", 0700, 0), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	s = survey(dir, NULL, 2);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(state_of(&s, "/bin/good"), LABEL_STATE_UNREADABLE);
	assert_int_equal(state_of(&s, "/a/b"), LABEL_STATE_UNREADABLE);
	assert_int_equal(state_of(&s, "/top"), LABEL_STATE_GOOD); /* not his, and readable */
	assert_int_equal(state_of(&s, "/bin/none"), LABEL_STATE_MISSING_HASH);
	survey_free(&s);
	assert_int_equal(fchmodat(dir, "bin/good", 0755, 0), 0);
	assert_int_equal(fchmodat(dir, "a/b", 0755, 0), 0);
}

/* Paths longer than can be opened are not passed over. */
static void test_long_path(void **state)
{
	char name[251];
	struct survey s;
	int at = openat(dir, "void", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t unreadable = 0;

	(void)state;
	memset(name, 'x', 250);
	name[250] = '\0';
	for (int i = 0; i < 17; i++) {
		int next;

		assert_int_equal(mkdirat(at, name, 0755), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	s = survey(dir, NULL, 1);
	for (size_t i = 0; i < s.bad_count; i++)
		unreadable += s.bad[i].state == LABEL_STATE_UNREADABLE;
	assert_true(unreadable > 0);
	survey_free(&s);
}

/* -- EVM ------------------------------------------------------------------------------------------- */

static struct secret evm_key = { .len = 32, .bytes = { 7 } };

#define MESSAGE_MAX 128

/* Over the label, the inode and, where type is not 5, the file system's UUID. */
static size_t message(int fd, const struct inode *i, int type, uint8_t ret[MESSAGE_MAX])
{
	const struct evm_inode in = { i->ino, i->generation, i->uid, i->gid, i->mode, i->fs->uuid };
	uint8_t ima[40];
	struct xattr values[EVM_XATTRS] = { { NULL, 0 } };
	ssize_t n = fgetxattr(fd, "security.ima", ima, sizeof(ima));
	struct evm_message m;
	size_t len = 0;

	values[6] = (struct xattr){ ima, (size_t)n };
	assert_true(n > 0 && !strcmp(evm_xattr_at(6)->name, "security.ima"));
	evm_message(values, &in, type, &m);
	for (size_t p = 0; p < m.count; p++) {
		assert_true(len + m.part[p].len <= MESSAGE_MAX);
		memcpy(ret + len, m.part[p].p, m.part[p].len);
		len += m.part[p].len;
	}
	return len;
}

/* security.evm as the kernel makes it. False: this kernel does not let it be written. */
static bool seal(const char *path, const struct inode *i)
{
	uint8_t key[EVM_HMAC_KEY_LEN] = { 0 }, bytes[MESSAGE_MAX], mac[1 + EVM_HMAC_LEN] = { 2 };
	CLEAN_FD fd = openat(dir, path + 1, O_RDONLY | O_CLOEXEC);

	memcpy(key, evm_key.bytes, evm_key.len);
	assert_non_null(HMAC(EVP_sha1(), key, sizeof(key), bytes, message(fd, i, 2, bytes), mac + 1, NULL));
	return fsetxattr(fd, "security.evm", mac, sizeof(mac), 0) == 0;
}

/* As a distributor signs it. */
static bool sign(const char *path, const struct inode *i)
{
	uint8_t bytes[MESSAGE_MAX], digest[32], sealed[SIGNED_MAX];
	CLEAN_FD fd = openat(dir, path + 1, O_RDONLY | O_CLOEXEC);
	struct xattr x;

	assert_int_equal(EVP_Digest(bytes, message(fd, i, 5, bytes), digest, NULL, EVP_sha256(), NULL), 1);
	x = label_sign(rsa, 5, rsa_id, digest, sealed);
	return fsetxattr(fd, "security.evm", x.p, x.len, 0) == 0;
}

static void test_evm(void **state)
{
	struct inode_fs fs;
	struct inode inode;
	struct evidence_file found;

	(void)state;
	about.evm = EVM_HMAC;
	keyset_hmac(keys, &evm_key);
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_NO_LABEL);
	if (!fs.has_uuid || !seal("/top", &inode)) /* a kernel where EVM is on, a file system without a UUID */
		skip();
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_PASS);
	assert_int_equal(fchmodat(dir, "top", 0711, 0), 0);
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_FAIL);
	assert_int_equal(fchmodat(dir, "top", 0755, 0), 0);
	about.evm = EVM_X509;
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_FAIL);
	about.evm = EVM_OFF;
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_UNKNOWN);
}

static enum label_state judged(const struct inode *inode, const struct evidence_file *found)
{
	struct examine_verdict v;
	struct match_file file;

	inode_match_file(inode, &file);
	examine_judge(&about, &file, found, hook_at(0), &v);
	assert_true(v.appraised);
	return v.state;
}

/* A portable signature makes a hash meet imasig; until its key is known, nobody says that it does not. */
static void test_portable(void **state)
{
	uint8_t der[4096];
	size_t len = cert_make(rsa, rsa_id, sizeof(rsa_id), der, sizeof(der));
	struct inode_fs fs;
	struct inode inode;
	struct evidence_file found;

	(void)state;
	about.evm = EVM_X509;
	assert_true(read_policy("appraise func=BPRM_CHECK appraise_type=imasig"));
	found = examine("/top", &fs, &inode);
	if (!sign("/top", &inode))
		skip();
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_NO_KEY_IMMUTABLE);
	assert_int_equal(judged(&inode, &found), LABEL_STATE_UNVERIFIED);
	assert_int_equal(keyset_add(keys, RING_EVM, "/x", der, len, NULL), OUTCOME_OK);
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_PASS_IMMUTABLE);
	assert_int_equal(judged(&inode, &found), LABEL_STATE_GOOD);
	assert_int_equal(fchmodat(dir, "top", 0711, 0), 0);
	found = examine("/top", &fs, &inode);
	assert_int_equal(found.evm, EVM_STATUS_FAIL_IMMUTABLE);
	assert_int_equal(judged(&inode, &found), LABEL_STATE_INVALID_IMMUTABLE);
	assert_int_equal(fchmodat(dir, "top", 0755, 0), 0);
	about.evm = EVM_OFF;
	found = examine("/top", &fs, &inode);
	assert_int_equal(judged(&inode, &found), LABEL_STATE_SIGNATURE_REQUIRED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_examines),
		cmocka_unit_test(test_all_hooks),
		cmocka_unit_test_setup(test_cached, cache_setup),
		cmocka_unit_test(test_mounts), /* with that cache */
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_relabelled),
		cmocka_unit_test(test_garbled),
		cmocka_unit_test_teardown(test_fields, cache_teardown),
		cmocka_unit_test(test_inode_fs),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_evm),
		cmocka_unit_test(test_portable),
		cmocka_unit_test(test_long_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
