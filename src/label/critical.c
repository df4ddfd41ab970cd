#include "label/critical.h"

#include "base/file.h"
#include "core/text.h"
#include "label/units.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATHS_MAX 8192

/* -- the stamp -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static uint64_t stamp_of(const char *name, const struct stat *st)
{
	/* seconds: an image that was made from a directory has no more */
	const int64_t mtime = st->st_mtim.tv_sec;

	return mix(mix(1469598103934665603u, name, strlen(name) + 1), &mtime, sizeof(mtime));
}

/* The directory, and the directories in it (.wants, .requires, .d); a sum, since they come in any order. */
static uint64_t stamp_dir(int root, const char *dir)
{
	CLEAN_DIR d = NULL;
	struct stat st;
	uint64_t sum;
	int fd = -1;

	if (dir_open_in_root(root, dir, &fd) < 0)
		return 0;
	sum = fstat(fd, &st) == 0 ? stamp_of(dir, &st) : 0;
	d = fdopendir(fd);
	if (!d)
		clean_fd(&fd);
	for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && e->d_type == DT_DIR && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			sum += stamp_of(e->d_name, &st);
	return sum;
}

uint64_t critical_stamp(int root)
{
	return stamp_dir(root, "/etc/systemd/system") + stamp_dir(root, "/usr/local/lib/systemd/system") +
	       stamp_dir(root, "/usr/lib/systemd/system");
}

bool critical_is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & 02) && (!(st->st_mode & 020) || st->st_gid == 0);
}

/* -- the list --------------------------------------------------------------------------- */

struct list {
	int root;
	char **path;
	size_t count;
	bool failed;
};

/* "/sbin/x" and "/usr/sbin/x" are one: the name that the kernel sees. */
static void add(const char *path, void *arg)
{
	struct list *l = arg;
	char link[64], real[PATH_MAX], root[PATH_MAX];
	CLEAN_FD fd = -1;
	struct stat st;
	ssize_t n, r;

	if (file_open_in_root(l->root, path, &fd) < 0 || fstat(fd, &st) < 0 ||
	    !critical_is_roots(&st) || !((st.st_mode & 0111) || strstr(path, ".so") || strstr(path, ".ko")))
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", l->root); /* fits */
	r = readlink(link, root, sizeof(root) - 1);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	if (n <= 0 || r <= 0)
		return;
	real[n] = '\0';
	if (r == 1)
		r = 0;
	if (l->count == PATHS_MAX || n <= r || !(l->path[l->count] = strdup(real + r)))
		l->failed = true;
	else
		l->count++;
}

static void add_seen(struct list *l)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD fd = -1;
	char path[PATH_MAX];
	struct text t;
	const char *line;
	size_t len;

	if (file_open_in_root(l->root, CRITICAL_SEEN_PATH, &fd) < 0 || file_read_fd(fd, CRITICAL_MAX, &text, &len) < 0)
		return;
	t = (struct text){ text, text + len };
	while (text_line(&t, &line, &len))
		if (len > 1 && len < sizeof(path) && *line == '/') {
			memcpy(path, line, len);
			path[len] = '\0';
			add(path, l);
		}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool critical_make(int root, critical_path_fn path, void *arg)
{
	struct list l = { .root = root, .path = calloc(PATHS_MAX, sizeof(*l.path)) };
	bool ok = l.path && units_programs(root, add, &l);

	if (ok) {
		add_seen(&l);
		ok = !l.failed;
		qsort(l.path, l.count, sizeof(*l.path), by_name);
	}
	for (size_t i = 0; i < l.count; i++)
		if (ok && (i == 0 || strcmp(l.path[i], l.path[i - 1]) != 0))
			path(l.path[i], arg);
	for (size_t i = 0; i < l.count; i++)
		free(l.path[i]);
	free(l.path);
	return ok;
}
