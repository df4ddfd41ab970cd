/* Cleanup by scope. */
#ifndef IMAGATE_BASE_CLEAN_H
#define IMAGATE_BASE_CLEAN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void clean_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* read-only or already synced: nothing left to lose */
}
static inline void clean_free(void *p)
{
	free(*(void **)p);
}
static inline void clean_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define CLEAN_FD __attribute__((cleanup(clean_fd))) int
#define CLEAN_FREE __attribute__((cleanup(clean_free)))
#define CLEAN_DIR __attribute__((cleanup(clean_dir))) DIR *
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
