#include "label/prewarm.h"

#include "base/clean.h"
#include "label/closure.h"
#include "label/critical.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QUEUE 64
#define THREADS_MAX 16

struct item {
	int fd;
	size_t size;
};

struct warmer {
	struct prewarm *p;
	struct timespec end;
	struct closure *closure;
	pthread_mutex_t lock; /* of the queue and of p's counts */
	pthread_cond_t more, less;
	struct item queue[QUEUE];
	size_t first, count;
	bool done;
};

static bool is_late(const struct warmer *w)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* this clock cannot fail */
	return now.tv_sec > w->end.tv_sec || (now.tv_sec == w->end.tv_sec && now.tv_nsec >= w->end.tv_nsec);
}

/* -- the threads ---------------------------------------------------------------------------- */

/* The kernel hashes under a lock of the file, which a program that is started meanwhile waits for. So the disk is read
 * first, without it, and hashed is what is in memory. */
static bool warm(const struct item *i)
{
	void *p = mmap(NULL, i->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, i->fd, 0);

	if (p != MAP_FAILED)
		(void)munmap(p, i->size); /* mappings of ours: cannot fail */
	p = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, i->fd, 0);
	return p != MAP_FAILED && munmap(p, 1) == 0;
}

static bool pop(struct warmer *w, struct item *ret)
{
	bool got;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->count && !w->done)
		(void)pthread_cond_wait(&w->more, &w->lock);
	got = w->count;
	if (got) {
		*ret = w->queue[w->first];
		w->first = (w->first + 1) % QUEUE;
		w->count--;
		(void)pthread_cond_signal(&w->less);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return got;
}

static void *work(void *arg)
{
	struct warmer *w = arg;

	for (struct item i; pop(w, &i); (void)close(i.fd)) {
		bool late = is_late(w), ok = !late && warm(&i);

		(void)pthread_mutex_lock(&w->lock);
		w->p->late |= late;
		w->p->files += ok;
		w->p->failed += !late && !ok;
		if (late)
			w->p->bytes -= i.size;
		(void)pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* -- what they are given ---------------------------------------------------------------------- */

static void push(struct warmer *w, int fd, size_t size)
{
	(void)pthread_mutex_lock(&w->lock);
	while (w->count == QUEUE)
		(void)pthread_cond_wait(&w->less, &w->lock);
	w->queue[(w->first + w->count++) % QUEUE] = (struct item){ fd, size };
	w->p->bytes += size;
	(void)pthread_cond_signal(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
}

static bool has_room(struct warmer *w, uint64_t size)
{
	bool ok;

	(void)pthread_mutex_lock(&w->lock);
	ok = size <= w->p->most - w->p->bytes;
	w->p->full |= !ok;
	(void)pthread_mutex_unlock(&w->lock);
	return ok;
}

static void visit(int fd, const char *path, int error, void *arg)
{
	struct warmer *w = arg;
	struct stat st;
	int ours;

	(void)path;
	if (error || fstat(fd, &st) < 0 || st.st_size == 0 || !has_room(w, (uint64_t)st.st_size))
		return;
	ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ours >= 0)
		push(w, ours, (size_t)st.st_size);
}

static void program(const char *path, void *arg)
{
	struct warmer *w = arg;

	if (is_late(w)) {
		(void)pthread_mutex_lock(&w->lock);
		w->p->late = true;
		(void)pthread_mutex_unlock(&w->lock);
		return;
	}
	closure_add(w->closure, path, false);
	(void)closure_walk(w->closure); /* what is damaged is the gate's to judge */
}

static enum outcome broken(struct why *why, int error, const char *what)
{
	why_set(why, WHY_ERRNO, error, "prewarm", what);
	return OUTCOME_BROKEN;
}

enum outcome prewarm_run(int root, struct prewarm *p, struct why *why)
{
	struct warmer w = { .p = p, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .less = PTHREAD_COND_INITIALIZER };
	pthread_t threads[THREADS_MAX];
	unsigned started = 0;
	bool ok;

	(void)clock_gettime(CLOCK_MONOTONIC, &w.end); /* this clock cannot fail */
	w.end.tv_sec += p->seconds;
	w.closure = closure_begin(root, visit, &w);
	if (!w.closure)
		return broken(why, ENOMEM, "programs");
	while (started < p->threads && started < THREADS_MAX && pthread_create(&threads[started], NULL, work, &w) == 0)
		started++;
	ok = started && critical_make(root, program, &w);
	(void)pthread_mutex_lock(&w.lock);
	w.done = true;
	(void)pthread_cond_broadcast(&w.more);
	(void)pthread_mutex_unlock(&w.lock);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	closure_free(&w.closure);
	return ok ? OUTCOME_OK : started ? broken(why, ENOENT, "the programs of the systemd units") : broken(why, EAGAIN, "thread");
}
