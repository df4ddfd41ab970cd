/* Files read with a cap and written so that a power cut leaves the old or the new one.
 * Paths are relative to a directory fd (a leading '/' is skipped): tests pass a fixture
 * tree, the gate passes / or /sysroot. All return 0 or -errno unless said otherwise. */
#ifndef IMAGATE_BASE_FILE_H
#define IMAGATE_BASE_FILE_H

#include "base/clean.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Read-only, O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK, regular files only (-EINVAL otherwise). */
MUST_CHECK int file_open(int root, const char *path, int *ret_fd);
/* The same, with symlinks resolved as if root were "/" (openat2, RESOLVE_IN_ROOT). */
MUST_CHECK int file_open_in_root(int root, const char *path, int *ret_fd);

/* What path names, found that way: its own path below root, with a leading '/' and no links in it, and an O_PATH fd. */
MUST_CHECK int path_in_root(int root, const char *path, char *ret, size_t size, int *ret_fd);

/* The path of a file, which need not be there, with the links in its directory's name resolved: /usr/bin/true for
 * /bin/true. path: absolute. */
MUST_CHECK int path_real_in_root(int root, const char *path, char *ret, size_t size);

/* A directory found that way. */
MUST_CHECK int dir_open_in_root(int root, const char *path, int *ret_fd);
/* A directory, and no link on the way to it (-ELOOP): for a walk whose tree others may change under its hands. */
MUST_CHECK int dir_open_no_links(int root, const char *path, int *ret_fd);

/* Whole content, NUL-terminated behind the length; -EFBIG above max. Works on files of
 * /proc and /sys that say size 0. *ret is malloc'ed. */
MUST_CHECK int file_read(int root, const char *path, size_t max, char **ret, size_t *ret_len);
MUST_CHECK int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len);

/* Temporary name in the same directory, fsync, rename, fsync of the directory. The
 * directory must exist. */
MUST_CHECK int file_write_atomic(int root, const char *path, const void *bytes, size_t len,
                                 mode_t mode);
/* The first len bytes of a file that is there, in place by one pwrite(), synced. */
MUST_CHECK int file_patch(int root, const char *path, const void *bytes, size_t len);
/* from takes the place of to by one rename(); what was at to is kept under the name backup
 * (hard link, replacing an older one), unless there was nothing. All in one directory, synced. */
MUST_CHECK int file_replace(int root, const char *from, const char *to, const char *backup);
/* One write() of the whole, for kernel files; -EIO on a short write. */
MUST_CHECK int file_poke(int root, const char *path, const void *bytes, size_t len);

bool file_exists(int root, const char *path);

/* Names ending in suffix in a directory, sorted, at most max; each into names[i]
 * (NAME_MAX+1 bytes). Returns the count, or -errno; -E2BIG if there are more. */
MUST_CHECK int dir_list(int root, const char *path, const char *suffix, char names[][256], int max);

#endif
