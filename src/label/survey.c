#include "label/survey.h"

#include "base/file.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RACY_SECONDS 2

struct worker {
	struct survey *s;
	struct walk **walk;
	pthread_mutex_t *lock; /* for telling */
	time_t started;
	struct examiner examiner;
	struct survey_bad *bad;
	struct cache_entry *entries;
	size_t bad_count, bad_room, entries_count, entries_room;
};

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
		walk_stop(*w->walk, ENOMEM, "walk", path);
		return;
	}
	b = &w->bad[w->bad_count++];
	*b = (struct survey_bad){ strdup(path), (uint8_t)hook, (uint8_t)state, (uint16_t)(rule < 0 ? 0 : rule) };
	if (!b->path)
		walk_stop(*w->walk, ENOMEM, "walk", path);
}

static void judge(struct worker *w, const char *path, const struct inode *inode, const struct evidence_file *found)
{
	struct survey *s = w->s;
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
			(void)pthread_mutex_lock(w->lock);
			s->tell(path, hook_at(h), &v, s->tell_arg);
			(void)pthread_mutex_unlock(w->lock);
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

	if (!w->s->cache || before->ctime.tv_sec > w->started - RACY_SECONDS ||
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
	w->s->files++;
	if (r < 0 || examine_file(&w->examiner, fd, name, &inode, &found, NULL) != OUTCOME_OK) {
		add_bad(w, path, 0, LABEL_STATE_UNREADABLE, -1);
		return;
	}
	w->s->bytes += inode.size;
	judge(w, path, &inode, &found);
	remember(w, fd, &inode, &found);
}

static void visit(void *worker, int dir, const char *name, const char *path)
{
	struct worker *w = worker;
	const struct cache *cache = w->s->cache;
	const struct evidence_file *found = NULL;
	struct inode inode;

	if (cache && (w->examiner.fs.mount || inode_fs_read(dir, &w->examiner.fs) == 0) && inode_stat(dir, name, &w->examiner.fs, &inode) == 0)
		found = cache_find(cache, &inode);
	if (found && room((void **)&w->entries, w->entries_count, &w->entries_room, sizeof(*w->entries))) {
		w->s->files++;
		w->s->cached++;
		judge(w, path, &inode, found);
		cache_entry_of(&inode, found, &w->entries[w->entries_count++]);
	} else {
		look(w, dir, name, path);
	}
}

static void unreadable(void *worker, const char *path, int error)
{
	(void)error; /* whatever it is: what is there cannot be judged */
	add_bad(worker, path, 0, LABEL_STATE_UNREADABLE, -1);
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

enum outcome survey_run(int root, struct survey *s, struct why *why)
{
	struct worker *workers = calloc(s->threads, sizeof(*workers));
	void **each = calloc(s->threads, sizeof(*each));
	const struct walk_about about = { NULL, s->threads, each, visit, unreadable, s->list };
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct walk *walk = NULL;
	enum outcome o = OUTCOME_BROKEN;

	for (unsigned i = 0; workers && each && i < s->threads; i++) {
		workers[i] = (struct worker){ .s = s, .walk = &walk, .lock = &lock, .started = time(NULL),
			.examiner = { .about = s->about, .prover = &s->provers[i] } };
		each[i] = &workers[i];
	}
	if (workers && each)
		o = walk_run(root, &about, &walk, why);
	if (!workers || !each || !join(s, workers)) {
		why_set(why, WHY_ERRNO, ENOMEM, "walk", "/");
		o = OUTCOME_BROKEN;
	}
	free(workers);
	free(each);
	s->done = true;
	return o;
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
