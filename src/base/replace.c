#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *below(const char *path, int root)
{
	/* AT_FDCWD: an absolute path stays one */
	while (root != AT_FDCWD && *path == '/')
		path++;
	return path;
}

static int sync_parent(int root, const char *path)
{
	char copy[PATH_MAX];
	CLEAN_FD fd = -1;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return -ENAMETOOLONG;
	fd = openat(root, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(int root, const char *from, const char *to, const char *backup)
{
	from = below(from, root);
	to = below(to, root);
	backup = below(backup, root);
	if (unlinkat(root, backup, 0) < 0 && errno != ENOENT)
		return -errno;
	if (linkat(root, to, root, backup, 0) < 0 && errno != ENOENT)
		return -errno;
	if (renameat(root, from, root, to) < 0)
		return -errno;
	return sync_parent(root, to);
}
