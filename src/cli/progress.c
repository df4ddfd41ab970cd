#include "cli/progress.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WIDTH 30

static double seconds_since(const struct timespec *t)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

static void draw(const struct progress *p)
{
	size_t files = *p->files, full;
	double t = seconds_since(&p->started), rate = t > 0 ? (double)files / t : 0;

	if (!p->estimate) {
		(void)fprintf(stderr, "\r%zu files, %.0f a second \033[K", files, rate);
		return;
	}
	full = files < p->estimate ? files * WIDTH / p->estimate : WIDTH;
	(void)fprintf(stderr, "\r[%.*s%*s] %zu files, %.0f a second, %.0f MiB/s, %.0f s to go \033[K", (int)full,
	              "##############################", (int)(WIDTH - full), "", files, rate,
	              t > 0 ? (double)*p->bytes / t / 1048576 : 0,
	              rate > 0 && files < p->estimate ? (double)(p->estimate - files) / rate : 0);
}

static void *watch(void *arg)
{
	struct progress *p = arg;
	struct timespec until;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		draw(p);
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 200 * 1000 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&p->wake, &p->lock, &until); /* woken or not: look */
	}
	(void)pthread_mutex_unlock(&p->lock);
	(void)fputs("\r\033[K", stderr);
	return NULL;
}

/* Inodes in use are what the whole file system has: a bound, near enough for a bar. */
void progress_begin(struct progress *p, const _Atomic size_t *files, const _Atomic size_t *bytes, int root)
{
	struct statvfs v;

	*p = (struct progress){ .files = files, .bytes = bytes, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };
	(void)clock_gettime(CLOCK_MONOTONIC, &p->started);
	if (!isatty(STDERR_FILENO))
		return;
	if (root >= 0 && fstatvfs(root, &v) == 0 && v.f_files > v.f_ffree)
		p->estimate = v.f_files - v.f_ffree;
	p->on = pthread_create(&p->thread, NULL, watch, p) == 0;
}

double progress_end(struct progress *p)
{
	if (p->on) {
		(void)pthread_mutex_lock(&p->lock);
		p->stop = true;
		(void)pthread_cond_signal(&p->wake);
		(void)pthread_mutex_unlock(&p->lock);
		(void)pthread_join(p->thread, NULL);
	}
	return seconds_since(&p->started);
}
