#include "label/treedigest.h"

#include "base/clean.h"
#include "core/catalogue.h"
#include "label/examine.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 3 /* for a file that is being written */

struct worker {
	struct treedigest *t;
	const struct prover *prover;
	struct walk **walk;
	struct inode_fs fs;
	struct treedigest_entry *entry;
	size_t count, room;
};

static struct treedigest_entry *add(struct worker *w, const char *path)
{
	struct treedigest_entry *e;

	if (w->count == w->room) {
		size_t room = w->room ? w->room * 2 : 256;

		e = realloc(w->entry, room * sizeof(*e));
		if (!e) {
			walk_stop(*w->walk, ENOMEM, "walk", path);
			return NULL;
		}
		w->entry = e;
		w->room = room;
	}
	e = &w->entry[w->count];
	*e = (struct treedigest_entry){ .path = strdup(*path ? path : "/") };
	if (e->path)
		w->count++;
	else
		walk_stop(*w->walk, ENOMEM, "walk", path);
	return e->path ? e : NULL;
}

static void unreadable(void *worker, const char *path, int error)
{
	struct treedigest_entry *e = add(worker, path);

	if (e)
		e->error = error;
}

static bool in_scope(const struct worker *w, int fd, const char *path, const struct inode *i)
{
	char magic[4];
	struct evidence_file found = { .algo = 0 };
	unsigned scope;

	if (w->t->all)
		return true;
	found.is_elf = pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && !memcmp(magic, "\177ELF", sizeof(magic));
	scope = examine_scope(path, i, &found);
	for (unsigned h = 0; hook_at(h); h++)
		if (scope >> h & 1 && hook_at(h)->func != FUNC_FILE_CHECK) /* everything can be opened */
			return true;
	return false;
}

static bool same(const struct inode *a, const struct inode *b)
{
	return a->size == b->size && a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* Of content that stood still meanwhile; errno. */
static int digest(struct worker *w, int fd, struct inode *before, uint8_t ret[static 32])
{
	for (int i = 0; i < TRIES; i++) {
		struct inode after;
		struct why why = { 0 };
		size_t len;
		int r;

		if (w->prover->file(w->prover->state, fd, HASH_SHA256, ret, 32, &len, &why) != OUTCOME_OK)
			return why.domain == WHY_ERRNO ? (int)why.code : EIO;
		r = inode_read(fd, &w->fs, &after);
		if (r < 0)
			return -r;
		if (same(before, &after))
			return 0;
		*before = after;
	}
	return EAGAIN;
}

static int open_file(int dir, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = openat(dir, name, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(dir, name, flags) : fd; /* not ours: no O_NOATIME */
}

static void file(void *worker, int dir, const char *name, const char *path)
{
	struct worker *w = worker;
	struct treedigest_entry *e;
	struct inode inode;
	CLEAN_FD fd = open_file(dir, name);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return; /* gone or changed meanwhile */
	r = fd < 0 ? errno : -inode_read(fd, &w->fs, &inode);
	if (r == EINVAL)
		return; /* no regular file */
	if (r == 0 && !in_scope(w, fd, path, &inode))
		return;
	e = add(w, path);
	if (!e)
		return;
	w->t->files++;
	e->error = r ? r : digest(w, fd, &inode, e->digest);
	w->t->bytes += e->error ? 0 : inode.size;
}

/* -- all of them -------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	const struct treedigest_entry *x = a, *y = b;

	return catalogue_compare(x->path, y->path);
}

/* Starts may lie in one another. */
static void drop_doubles(struct treedigest *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (kept && !strcmp(t->entry[kept - 1].path, t->entry[i].path)) {
			free(t->entry[i].path);
			continue;
		}
		t->entry[kept++] = t->entry[i];
		t->bad += t->entry[kept - 1].error != 0;
	}
	t->count = kept;
}

static bool join(struct treedigest *t, struct worker *workers)
{
	size_t n = 0;

	for (unsigned i = 0; i < t->threads; i++)
		n += workers[i].count;
	t->entry = calloc(n + 1, sizeof(*t->entry));
	for (unsigned i = 0; i < t->threads; i++) {
		if (t->entry && workers[i].count)
			memcpy(t->entry + t->count, workers[i].entry, workers[i].count * sizeof(*t->entry));
		t->count += t->entry ? workers[i].count : 0;
		free(workers[i].entry);
	}
	if (!t->entry)
		return false;
	qsort(t->entry, t->count, sizeof(*t->entry), by_path);
	drop_doubles(t);
	return true;
}

/* A single file is not worth more; packages come as thousands of them. */
static unsigned threads_for(int root, const struct treedigest *t, const char *start)
{
	struct stat st;

	return start && fstatat(root, start + strspn(start, "/"), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ? 1 : t->threads;
}

enum outcome treedigest_run(int root, struct treedigest *t, struct why *why)
{
	static const char *const whole[] = { NULL };
	const char *const *start = t->starts && *t->starts ? t->starts : whole;
	struct worker *workers = calloc(t->threads, sizeof(*workers));
	void *given[WALK_THREADS_MAX];
	struct walk *walk = NULL;
	struct walk_about about = { .workers = given, .file = file, .unreadable = unreadable };
	enum outcome o = workers && t->threads <= WALK_THREADS_MAX ? OUTCOME_OK : OUTCOME_BROKEN;

	for (unsigned i = 0; o == OUTCOME_OK && i < t->threads; i++) {
		workers[i].t = t;
		workers[i].prover = &t->provers[i];
		workers[i].walk = &walk;
		given[i] = &workers[i];
	}
	do {
		about.start = *start;
		about.threads = threads_for(root, t, *start);
		o = o == OUTCOME_OK ? walk_run(root, &about, &walk, why) : o;
	} while (*start && *++start);
	if (!workers || !join(t, workers)) {
		why_set(why, WHY_ERRNO, ENOMEM, "walk", "/");
		o = OUTCOME_BROKEN;
	}
	free(workers);
	return o;
}

void treedigest_free(struct treedigest *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->entry[i].path);
	free(t->entry);
	t->entry = NULL;
	t->count = t->bad = 0;
}
