#include "label/walk.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 64
#define THREADS_EACH 4
#define NAMES_MAX (16 * 1024)

/* A directory to be read, or some names of files in it. */
struct item {
	struct item *next;
	size_t names_len; /* 0: the directory itself */
	char text[];      /* its path below the root, '\0', then the names, each with its '\0' */
};

struct walk {
	const struct walk_about *about;
	int root;
	dev_t dev;
	uint64_t mount;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct item *stack;
	unsigned busy;
	_Atomic unsigned waiting; /* threads with nothing to do */
	bool failed;
	struct why *why;
};

struct runner {
	struct walk *walk;
	void *worker;
	/* files of the directory being read, until they are worth a push */
	char names[NAMES_MAX];
	size_t names_len, names_count;
	char path[PATH_MAX];
};

void walk_stop(struct walk *w, int error, const char *what, const char *path)
{
	(void)pthread_mutex_lock(&w->lock);
	if (!w->failed)
		why_set(w->why, WHY_ERRNO, error, what, path);
	w->failed = true;
	(void)pthread_cond_broadcast(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
}

static void push(struct walk *w, const char *dir, const char *names, size_t names_len)
{
	size_t dir_len = strlen(dir) + 1;
	struct item *i = malloc(sizeof(*i) + dir_len + names_len);

	if (!i) {
		walk_stop(w, ENOMEM, "walk", dir);
		return;
	}
	i->names_len = names_len;
	memcpy(i->text, dir, dir_len);
	if (names_len)
		memcpy(i->text + dir_len, names, names_len);
	(void)pthread_mutex_lock(&w->lock);
	i->next = w->stack;
	w->stack = i;
	(void)pthread_cond_signal(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
}

/* NULL: all is done. */
static struct item *pop(struct walk *w)
{
	struct item *i;

	(void)pthread_mutex_lock(&w->lock);
	w->waiting++;
	while (!w->stack && w->busy && !w->failed)
		(void)pthread_cond_wait(&w->more, &w->lock);
	w->waiting--;
	i = w->failed ? NULL : w->stack;
	if (i) {
		w->stack = i->next;
		w->busy++;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return i;
}

static void finished(struct walk *w)
{
	(void)pthread_mutex_lock(&w->lock);
	if (--w->busy == 0 && !w->stack)
		(void)pthread_cond_broadcast(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
}

static void unreadable(const struct runner *r, const char *path, int error)
{
	r->walk->about->unreadable(r->worker, path, error);
}

static void flush(struct runner *r, const char *dir)
{
	if (r->names_count)
		push(r->walk, dir, r->names, r->names_len);
	r->names_count = r->names_len = 0;
}

static void gather(struct runner *r, const char *dir, const char *name)
{
	size_t len = strlen(name) + 1;

	if (r->names_count == BATCH || r->names_len + len > sizeof(r->names))
		flush(r, dir);
	memcpy(r->names + r->names_len, name, len);
	r->names_len += len;
	r->names_count++;
}

static void gather_dir(struct runner *r, const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
		push(r->walk, path, NULL, 0);
	else
		unreadable(r, dir, ENAMETOOLONG);
}

static void entry(struct runner *r, int fd, const char *dir, const struct dirent *d)
{
	unsigned char type = d->d_type;
	struct stat st;

	if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
		return;
	if (type == DT_UNKNOWN && fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_LNK;
	if (type == DT_REG)
		gather(r, dir, d->d_name);
	else if (type == DT_DIR)
		gather_dir(r, dir, d->d_name);
}

static void read_dir(struct runner *r, int fd, const char *dir)
{
	CLEAN_DIR d = fdopendir(fd); /* takes fd over */

	if (!d) {
		unreadable(r, dir, errno);
		clean_fd(&fd);
		return;
	}
	for (const struct dirent *e; (errno = 0, e = readdir(d));)
		entry(r, dirfd(d), dir, e);
	if (errno)
		unreadable(r, dir, errno);
	flush(r, dir);
}

static void visit(struct runner *r, int dir, const char *name)
{
	size_t len = strlen(r->path);

	if (len + 1 + strlen(name) >= sizeof(r->path)) {
		unreadable(r, r->path, ENAMETOOLONG);
		return;
	}
	r->path[len] = '/';
	memcpy(r->path + len + 1, name, strlen(name) + 1);
	r->walk->about->file(r->worker, dir, name, r->path);
	r->path[len] = '\0';
}

/* Large files take long: where another thread has nothing to do, it gets all but the first of what is left. */
static void visit_names(struct runner *r, int fd, const char *dir, const char *names, size_t len)
{
	const char *end = names + len, *next;

	for (const char *n = names; n < end; n = next) {
		next = n + strlen(n) + 1;
		if (next < end && r->walk->waiting) {
			push(r->walk, dir, next, (size_t)(end - next));
			end = next;
		}
		visit(r, fd, n);
	}
}

/* The same mount: a bind mount of the same file system is another. */
static bool is_ours(const struct walk *w, int fd)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) == 0 && x.stx_mnt_id == w->mount;
}

static void work(struct runner *r, const struct item *i)
{
	const char *dir = i->text, *names = i->text + strlen(i->text) + 1;
	int fd, error = dir_open_no_links(r->walk->root, *dir ? dir + 1 : ".", &fd);

	if (error < 0) {
		if (error != -ENOENT)
			unreadable(r, dir, -error);
		return;
	}
	if (!i->names_len) {
		if (is_ours(r->walk, fd))
			read_dir(r, fd, dir);
		else
			clean_fd(&fd);
		return;
	}
	(void)snprintf(r->path, sizeof(r->path), "%s", dir); /* it came from as large a buffer */
	visit_names(r, fd, dir, names, i->names_len);
	clean_fd(&fd);
}

static void *run(void *arg)
{
	struct runner *r = arg;

	for (struct item *i; (i = pop(r->walk)) != NULL;) {
		work(r, i);
		free(i);
		finished(r->walk);
	}
	return NULL;
}

/* Links in it are resolved as if the root were "/"; what is walked are real directories from there on. */
static void push_start(struct walk *w)
{
	char path[PATH_MAX], *slash;
	CLEAN_FD fd = -1;
	struct statx x;
	int r;

	if (!w->about->start) {
		push(w, "", NULL, 0);
		return;
	}
	r = path_in_root(w->root, w->about->start, path, sizeof(path), &fd);
	if (r < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_TYPE, &x) < 0) {
		walk_stop(w, r < 0 ? -r : errno, "open", w->about->start);
		return;
	}
	w->mount = x.stx_mnt_id;
	slash = strrchr(path, '/');
	if (S_ISDIR(x.stx_mode)) {
		push(w, strcmp(path, "/") ? path : "", NULL, 0);
	} else {
		*slash = '\0';
		push(w, path, slash + 1, strlen(slash + 1) + 1);
	}
}

/* The files of one directory: list->path[i] and those behind it, as far as they lie there, too. Links in the
 * directory's name are resolved as above; one that is not there has no files, and one that cannot be opened does not
 * keep the others from being looked at. Returns how many. */
static size_t push_siblings(struct walk *w, size_t i)
{
	const struct paths *l = w->about->list;
	size_t dir_len = (size_t)(strrchr(l->path[i], '/') - l->path[i]), len = 0, n = 0;
	char dir[PATH_MAX], real[PATH_MAX], names[NAMES_MAX];
	CLEAN_FD fd = -1;
	struct stat st;
	int r;

	for (; n < BATCH && i + n < l->count; n++) {
		const char *name = strrchr(l->path[i + n], '/') + 1;
		size_t more = strlen(name) + 1;

		if ((size_t)(name - l->path[i + n]) != dir_len + 1 || strncmp(l->path[i + n], l->path[i], dir_len) != 0 || len + more > sizeof(names))
			break;
		memcpy(names + len, name, more);
		len += more;
	}
	(void)snprintf(dir, sizeof(dir), "%.*s", dir_len ? (int)dir_len : 1, l->path[i]); /* paths_add() takes no longer ones */
	r = path_in_root(w->root, dir, real, sizeof(real), &fd);
	if (r == 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		push(w, strcmp(real, "/") ? real : "", names, len);
	for (size_t k = 0; r < 0 && r != -ENOENT && r != -ENOTDIR && k < (n ? n : 1); k++)
		w->about->unreadable(w->about->workers[0], l->path[i + k], -r); /* no thread runs yet */
	return n ? n : 1;
}

static void push_list(struct walk *w)
{
	for (size_t i = 0; i < w->about->list->count && !w->failed;)
		i += push_siblings(w, i);
}

static unsigned start(struct walk *w, struct runner *runners, pthread_t *threads)
{
	unsigned started = 0;

	for (unsigned i = 0; i < w->about->threads; i++) {
		runners[i].walk = w;
		runners[i].worker = w->about->workers[i];
	}
	if (w->about->list)
		push_list(w);
	else
		push_start(w);
	while (started < w->about->threads && pthread_create(&threads[started], NULL, run, &runners[started]) == 0)
		started++;
	return started;
}

unsigned walk_threads(unsigned wish)
{
	long n = wish ? (long)wish : sysconf(_SC_NPROCESSORS_ONLN) * THREADS_EACH;

	return n < 1 ? 1 : n > WALK_THREADS_MAX ? WALK_THREADS_MAX : (unsigned)n;
}

enum outcome walk_run(int root, const struct walk_about *about, struct walk **slot, struct why *why)
{
	struct walk w = { .about = about, .root = root, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER,
		.why = why };
	struct runner *runners = calloc(about->threads, sizeof(*runners));
	pthread_t *threads = calloc(about->threads, sizeof(*threads));
	struct statx x;
	unsigned started = 0;
	int error = statx(root, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ? errno : runners && threads ? 0 : ENOMEM;

	*slot = &w;
	w.mount = x.stx_mnt_id;
	if (error)
		walk_stop(&w, error, "walk", "/");
	else
		started = start(&w, runners, threads);
	if (!started)
		walk_stop(&w, EAGAIN, "start", "thread");
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	while (w.stack) { /* left where it failed */
		struct item *next = w.stack->next;

		free(w.stack);
		w.stack = next;
	}
	free(runners);
	free(threads);
	*slot = NULL;
	return w.failed ? OUTCOME_BROKEN : OUTCOME_OK;
}
