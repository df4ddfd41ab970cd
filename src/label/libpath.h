/* Where the dynamic loader looks for a library: ld.so(8). */
#ifndef IMAGATE_LABEL_LIBPATH_H
#define IMAGATE_LABEL_LIBPATH_H

#include "core/elf.h"

#include <stdbool.h>
#include <stddef.h>

#define LIBPATH_DIR_LEN 192
#define LIBPATH_DIRS_MAX 48

struct libpath {
	char dir[LIBPATH_DIRS_MAX][LIBPATH_DIR_LEN];
	size_t count;
};

/* Directories of /etc/ld.so.conf.d/ below root, then the built-in ones for this machine. */
void libpath_system(int root, uint16_t machine, uint8_t class, struct libpath *ret);
/* A RUNPATH's directories, $ORIGIN replaced, behind what ret holds. */
void libpath_add_runpath(const char *runpath, const char *origin, struct libpath *ret);

/* An open fd of name in the first directory that has it, or -ENOENT. */
int libpath_open(int root, const struct libpath *p, const char *name);

#endif
