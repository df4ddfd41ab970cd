/* How far a walk over files is: a bar, or a count, on a terminal; nothing elsewhere. */
#ifndef IMAGATE_CLI_PROGRESS_H
#define IMAGATE_CLI_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct progress {
	const _Atomic size_t *files, *bytes;
	size_t estimate; /* of files; 0: unknown */
	struct timespec started;
	_Atomic bool stop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool on;
};

/* root: fd of the root of a file system that all of is walked; -1: it is not. */
void progress_begin(struct progress *p, const _Atomic size_t *files, const _Atomic size_t *bytes, int root);
double progress_end(struct progress *p); /* seconds since it began */

#endif
