#include "label/survey.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define NAMES_MAX (16 * 1024)
#define RACY_SECONDS 2

/* A directory to be read, or some names of files in it. */
struct item {
	struct item *next;
	size_t names_len; /* 0: the directory itself */
	char text[];      /* its path below the root, '\0', then the names, each with its '\0' */
};

struct shared {
	struct survey *s;
	int root;
	uint64_t mount;
	time_t started;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct item *stack;
	unsigned busy;
	bool failed;
	struct why *why;
};

struct worker {
	struct shared *sh;
	struct examiner examiner;
	struct survey_bad *bad;
	struct cache_entry *entries;
	size_t bad_count, bad_room, entries_count, entries_room;
	/* files of the directory being read, until they are worth a push */
	char names[NAMES_MAX];
	size_t names_len, names_count;
	char path[PATH_MAX];
};

static void fail(struct shared *sh, int error, const char *what, const char *path)
{
	(void)pthread_mutex_lock(&sh->lock);
	if (!sh->failed)
		why_set(sh->why, WHY_ERRNO, error, what, path);
	sh->failed = true;
	(void)pthread_cond_broadcast(&sh->more);
	(void)pthread_mutex_unlock(&sh->lock);
}

static void push(struct worker *w, const char *dir, const char *names, size_t names_len)
{
	struct shared *sh = w->sh;
	size_t dir_len = strlen(dir) + 1;
	struct item *i = malloc(sizeof(*i) + dir_len + names_len);

	if (!i) {
		fail(sh, ENOMEM, "walk", dir);
		return;
	}
	i->names_len = names_len;
	memcpy(i->text, dir, dir_len);
	if (names_len)
		memcpy(i->text + dir_len, names, names_len);
	(void)pthread_mutex_lock(&sh->lock);
	i->next = sh->stack;
	sh->stack = i;
	(void)pthread_cond_signal(&sh->more);
	(void)pthread_mutex_unlock(&sh->lock);
}

/* NULL: all is done. */
static struct item *pop(struct shared *sh)
{
	struct item *i;

	(void)pthread_mutex_lock(&sh->lock);
	while (!sh->stack && sh->busy && !sh->failed)
		(void)pthread_cond_wait(&sh->more, &sh->lock);
	i = sh->failed ? NULL : sh->stack;
	if (i) {
		sh->stack = i->next;
		sh->busy++;
	}
	(void)pthread_mutex_unlock(&sh->lock);
	return i;
}

static void finished(struct shared *sh)
{
	(void)pthread_mutex_lock(&sh->lock);
	if (--sh->busy == 0 && !sh->stack)
		(void)pthread_cond_broadcast(&sh->more);
	(void)pthread_mutex_unlock(&sh->lock);
}

/* -- one file --------------------------------------------------------------------------- */

static bool room(void **array, size_t count, size_t *room, size_t size)
{
	void *bigger;

	if (count < *room)
		return true;
	bigger = realloc(*array, (*room ? *room * 2 : 256) * size);
	if (!bigger)
		return false;
	*array = bigger;
	*room = *room ? *room * 2 : 256;
	return true;
}

static void add_bad(struct worker *w, const char *path, unsigned hook, enum label_state state, int rule)
{
	struct survey_bad *b;

	if (!room((void **)&w->bad, w->bad_count, &w->bad_room, sizeof(*w->bad))) {
		fail(w->sh, ENOMEM, "walk", path);
		return;
	}
	b = &w->bad[w->bad_count++];
	*b = (struct survey_bad){ strdup(path), (uint8_t)hook, (uint8_t)state, (uint16_t)(rule < 0 ? 0 : rule) };
	if (!b->path)
		fail(w->sh, ENOMEM, "walk", path);
}

static void judge(struct worker *w, const char *path, const struct inode *inode, const struct evidence_file *found)
{
	struct survey *s = w->sh->s;
	unsigned scope = s->all_hooks ? s->hooks : examine_scope(path, inode, found);
	bool appraised = false, unverified = false;
	struct match_file file;

	inode_match_file(inode, &file);
	for (unsigned h = 0; hook_at(h); h++) {
		struct examine_verdict v;

		if (!(scope >> h & 1))
			continue;
		examine_judge(s->about, &file, found, hook_at(h), &v);
		if (s->tell) {
			(void)pthread_mutex_lock(&w->sh->lock);
			s->tell(path, hook_at(h), &v, s->tell_arg);
			(void)pthread_mutex_unlock(&w->sh->lock);
		}
		if (!v.appraised)
			continue;
		appraised = true;
		unverified |= v.state == LABEL_STATE_UNVERIFIED;
		if (!label_state_good(v.state))
			add_bad(w, path, h, v.state, v.rule);
	}
	s->appraised += appraised;
	s->unverified += unverified;
}

/* Only what stood still: content and labels were read between two equal looks at the ctime, and that is old. */
static void remember(struct worker *w, int fd, const struct inode *before, const struct evidence_file *found)
{
	struct inode after;

	if (!w->sh->s->cache || before->ctime.tv_sec > w->sh->started - RACY_SECONDS ||
	    inode_read(fd, &w->examiner.fs, &after) < 0 || after.ctime.tv_sec != before->ctime.tv_sec ||
	    after.ctime.tv_nsec != before->ctime.tv_nsec || after.size != before->size ||
	    !room((void **)&w->entries, w->entries_count, &w->entries_room, sizeof(*w->entries)))
		return;
	cache_entry_of(before, found, &w->entries[w->entries_count++]);
}

static void look(struct worker *w, int dir, const char *name, const char *path)
{
	struct inode inode = { 0 };
	struct evidence_file found;
	CLEAN_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
	int r;

	if (fd < 0 && errno == EPERM) /* not ours: no O_NOATIME */
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return; /* gone or changed meanwhile */
	r = fd < 0 ? -errno : inode_read(fd, &w->examiner.fs, &inode);
	if (r == -EINVAL)
		return; /* no regular file */
	w->sh->s->files++;
	if (r < 0 || examine_file(&w->examiner, fd, name, &inode, &found, NULL) != OUTCOME_OK) {
		add_bad(w, path, 0, LABEL_STATE_UNREADABLE, -1);
		return;
	}
	w->sh->s->bytes += inode.size;
	judge(w, path, &inode, &found);
	remember(w, fd, &inode, &found);
}

static void visit(struct worker *w, int dir, const char *name)
{
	const struct cache *cache = w->sh->s->cache;
	const struct evidence_file *found = NULL;
	struct inode inode;
	size_t len = strlen(w->path);

	if (len + 1 + strlen(name) >= sizeof(w->path)) {
		add_bad(w, w->path, 0, LABEL_STATE_UNREADABLE, -1);
		return;
	}
	w->path[len] = '/';
	memcpy(w->path + len + 1, name, strlen(name) + 1);
	if (cache && inode_stat(dir, name, &w->examiner.fs, &inode) == 0)
		found = cache_find(cache, &inode);
	if (found && room((void **)&w->entries, w->entries_count, &w->entries_room, sizeof(*w->entries))) {
		w->sh->s->files++;
		w->sh->s->cached++;
		judge(w, w->path, &inode, found);
		cache_entry_of(&inode, found, &w->entries[w->entries_count++]);
	} else {
		look(w, dir, name, w->path);
	}
	w->path[len] = '\0';
}

/* -- the walk ---------------------------------------------------------------------------- */

static void flush(struct worker *w, const char *dir)
{
	if (w->names_count)
		push(w, dir, w->names, w->names_len);
	w->names_count = w->names_len = 0;
}

static void gather(struct worker *w, const char *dir, const char *name)
{
	size_t len = strlen(name) + 1;

	if (w->names_count == BATCH || w->names_len + len > sizeof(w->names))
		flush(w, dir);
	memcpy(w->names + w->names_len, name, len);
	w->names_len += len;
	w->names_count++;
}

static void gather_dir(struct worker *w, const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
		push(w, path, NULL, 0);
	else
		add_bad(w, dir, 0, LABEL_STATE_UNREADABLE, -1);
}

static void entry(struct worker *w, int fd, const char *dir, const struct dirent *d)
{
	unsigned char type = d->d_type;
	struct stat st;

	if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
		return;
	if (type == DT_UNKNOWN && fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_LNK;
	if (type == DT_REG)
		gather(w, dir, d->d_name);
	else if (type == DT_DIR)
		gather_dir(w, dir, d->d_name);
}

static void read_dir(struct worker *w, int fd, const char *dir)
{
	DIR *d = fdopendir(fd); /* takes fd over */

	if (!d) {
		clean_fd(&fd);
		add_bad(w, dir, 0, LABEL_STATE_UNREADABLE, -1);
		return;
	}
	for (const struct dirent *e; (errno = 0, e = readdir(d));)
		entry(w, dirfd(d), dir, e);
	if (errno)
		add_bad(w, dir, 0, LABEL_STATE_UNREADABLE, -1);
	(void)closedir(d); /* read only */
	flush(w, dir);
}

static void work(struct worker *w, const struct item *i)
{
	const char *dir = i->text, *names = i->text + strlen(i->text) + 1;
	int fd = openat(w->sh->root, *dir ? dir + 1 : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		if (errno != ENOENT)
			add_bad(w, dir, 0, LABEL_STATE_UNREADABLE, -1);
		return;
	}
	if (inode_fs_read(fd, &w->examiner.fs) < 0 || w->examiner.fs.mount != w->sh->mount) {
		clean_fd(&fd); /* another mount: not ours */
		return;
	}
	if (!i->names_len) {
		read_dir(w, fd, dir);
		return;
	}
	(void)snprintf(w->path, sizeof(w->path), "%s", dir); /* it came from as large a buffer */
	for (const char *n = names; n < names + i->names_len; n += strlen(n) + 1)
		visit(w, fd, n);
	clean_fd(&fd);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	for (struct item *i; (i = pop(w->sh)) != NULL;) {
		work(w, i);
		free(i);
		finished(w->sh);
	}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	const struct survey_bad *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r ? r : x->hook - y->hook;
}

/* Everything that the workers have goes into one. */
static bool join(struct survey *s, struct worker *workers)
{
	size_t bad = 0, entries = 0;

	for (unsigned i = 0; i < s->threads; i++) {
		bad += workers[i].bad_count;
		entries += workers[i].entries_count;
	}
	s->bad = calloc(bad + 1, sizeof(*s->bad));
	s->entries = calloc(entries + 1, sizeof(*s->entries));
	for (unsigned i = 0; i < s->threads; i++) {
		struct worker *w = &workers[i];

		if (s->bad && s->entries) {
			if (w->bad_count)
				memcpy(s->bad + s->bad_count, w->bad, w->bad_count * sizeof(*w->bad));
			if (w->entries_count)
				memcpy(s->entries + s->entries_count, w->entries, w->entries_count * sizeof(*w->entries));
			s->bad_count += w->bad_count;
			s->entries_count += w->entries_count;
		}
		free(w->bad);
		free(w->entries);
	}
	if (s->bad && s->entries)
		qsort(s->bad, s->bad_count, sizeof(*s->bad), by_path);
	return s->bad && s->entries;
}

static unsigned start(struct survey *s, struct shared *sh, struct worker *workers, pthread_t *threads)
{
	unsigned started = 0;

	for (unsigned i = 0; i < s->threads; i++) {
		workers[i].sh = sh;
		workers[i].examiner.about = s->about;
		workers[i].examiner.prover = &s->provers[i];
	}
	push(&workers[0], "", NULL, 0);
	while (started < s->threads && pthread_create(&threads[started], NULL, run, &workers[started]) == 0)
		started++;
	return started;
}

enum outcome survey_run(int root, struct survey *s, struct why *why)
{
	struct shared sh = { .s = s, .root = root, .started = time(NULL), .lock = PTHREAD_MUTEX_INITIALIZER,
		.more = PTHREAD_COND_INITIALIZER, .why = why };
	struct worker *workers = calloc(s->threads, sizeof(*workers));
	pthread_t *threads = calloc(s->threads, sizeof(*threads));
	struct inode_fs fs = { 0 };
	unsigned started = 0;
	int r = inode_fs_read(root, &fs);

	sh.mount = fs.mount;
	if (!workers || !threads || r < 0)
		fail(&sh, r < 0 ? -r : ENOMEM, "walk", "/");
	else
		started = start(s, &sh, workers, threads);
	if (!started)
		fail(&sh, EAGAIN, "start", "thread");
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	while (sh.stack) { /* left where it failed */
		struct item *next = sh.stack->next;

		free(sh.stack);
		sh.stack = next;
	}
	if (workers && !join(s, workers))
		fail(&sh, ENOMEM, "walk", "/");
	free(workers);
	free(threads);
	s->done = true;
	return sh.failed ? OUTCOME_BROKEN : OUTCOME_OK;
}

void survey_free(struct survey *s)
{
	for (size_t i = 0; i < s->bad_count; i++)
		free(s->bad[i].path);
	free(s->bad);
	free(s->entries);
	s->bad = NULL;
	s->entries = NULL;
	s->bad_count = s->entries_count = 0;
}
