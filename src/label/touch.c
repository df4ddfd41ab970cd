#include "label/touch.h"

#include "base/clean.h"
#include "label/inode.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>


/* Loaded by the kernel itself, whatever their mode bits say. */
static bool kernel_loads(const char *path)
{
	return strstr(path, "/lib/modules/") || strstr(path, "/lib/firmware/") ||
	       !strncmp(path, "/boot/vmlinuz", 13) || !strncmp(path, "/boot/initrd", 12);
}

static bool has_label(int fd)
{
	return fgetxattr(fd, "security.ima", NULL, 0) > 0;
}

static const char *touch_fd(int fd, size_t size)
{
	void *p;

	if (size == 0)
		return NULL; /* nothing to map, nothing to run */
	p = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno == EPERM ? "on a file system mounted noexec"
		     : errno == EACCES ? "the kernel denied it: this is not the fix stage"
		                       : strerror(errno);
	(void)munmap(p, 1); /* a mapping of ours: cannot fail */
	return has_label(fd) ? NULL : "the policy in force does not appraise it, or this is not the fix stage";
}

enum mode { LOOK, MISSING, ALL };

/* What the threads share. */
struct touch {
	enum mode mode;
	touch_report_fn report;
	void *arg;
	pthread_mutex_t lock; /* of count, and for one report at a time */
	struct touch_count count;
};

enum verdict { PASSED_OVER, KEPT, LABELLED, FAILED };

static enum verdict touch_file(const struct touch *t, int fd, const char *path, const struct stat *st, const char **ret_reason)
{
	*ret_reason = NULL;
	if (!(st->st_mode & 0111) && !kernel_loads(path) && !inode_is_elf(fd))
		return PASSED_OVER;
	if (has_label(fd) || (t->mode == LOOK && st->st_size == 0)) {
		*ret_reason = t->mode == ALL ? touch_fd(fd, (size_t)st->st_size) : NULL;
		return *ret_reason ? FAILED : KEPT;
	}
	*ret_reason = t->mode == LOOK ? "no label" : touch_fd(fd, (size_t)st->st_size);
	return *ret_reason ? FAILED : LABELLED;
}

static void count(struct touch *t, enum verdict v, const char *path, const char *reason)
{
	(void)pthread_mutex_lock(&t->lock);
	t->count.seen += v != PASSED_OVER;
	t->count.kept += v == KEPT;
	t->count.labelled += v == LABELLED;
	t->count.failed += v == FAILED;
	if (v != PASSED_OVER && t->count.seen % TOUCH_PROGRESS == 0)
		t->report(path, NULL, t->arg);
	if (reason)
		t->report(path, reason, t->arg);
	(void)pthread_mutex_unlock(&t->lock);
}

static void visit(void *worker, int dir, const char *name, const char *path)
{
	struct touch *t = worker;
	CLEAN_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *reason = NULL;
	enum verdict v = PASSED_OVER;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return; /* gone meanwhile is fine */
	if (fd < 0 || fstat(fd, &st) < 0) {
		v = FAILED;
		reason = strerror(errno);
	} else if (S_ISREG(st.st_mode)) {
		v = touch_file(t, fd, path, &st, &reason);
	}
	count(t, v, path, reason);
}

static void unreadable(void *worker, const char *path, int error)
{
	count(worker, FAILED, path, strerror(error));
}

/* The kernel hashes in whoever's name maps: more threads, more processors. */
static unsigned processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > WALK_THREADS_MAX ? WALK_THREADS_MAX : (unsigned)n;
}

static enum outcome walk(const char *dir, enum mode mode, touch_report_fn report, void *arg,
                         struct touch_count *ret, struct why *why)
{
	struct touch t = { .mode = mode, .report = report, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER };
	void *workers[WALK_THREADS_MAX];
	const struct walk_about about = { dir, processors(), workers, visit, unreadable, NULL };
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct walk *w = NULL;
	enum outcome o;

	for (unsigned i = 0; i < about.threads; i++)
		workers[i] = &t;
	o = walk_run(root, &about, &w, why);
	*ret = t.count;
	return o;
}

enum outcome touch_tree(const char *dir, touch_report_fn report, void *arg,
                        struct touch_count *ret, struct why *why)
{
	return walk(dir, ALL, report, arg, ret, why);
}

enum outcome touch_coverage(const char *dir, touch_report_fn report, void *arg,
                            struct touch_count *ret, struct why *why)
{
	return walk(dir, LOOK, report, arg, ret, why);
}

enum outcome touch_missing(const char *dir, touch_report_fn report, void *arg,
                           struct touch_count *ret, struct why *why)
{
	return walk(dir, MISSING, report, arg, ret, why);
}
