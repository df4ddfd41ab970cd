#include "label/changed.h"

#include "base/file.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INFO "/var/lib/dpkg/info"
#define DIVERSIONS "/var/lib/dpkg/diversions"
#define LIST_MAX (64 * 1024 * 1024)

static bool since(const struct timespec *mtime, const struct timespec *t)
{
	return mtime->tv_sec > t->tv_sec || (mtime->tv_sec == t->tv_sec && mtime->tv_nsec >= t->tv_nsec);
}

static int add_scripts(const char *package, int len, struct paths *ret)
{
	static const char *const scripts[] = { "preinst", "postinst", "prerm", "postrm", "config" };
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		(void)snprintf(path, sizeof(path), INFO "/%.*s.%s", len, package, scripts[i]); /* a file name: there is room */
		r = paths_add(ret, path, strlen(path));
	}
	return r;
}

/* A path that is too long for us is too long for the kernel: not there. */
static int add_new(const char *text, size_t len, struct paths *ret)
{
	struct text t = { text, text + len };
	char path[PATH_MAX];
	const char *line;
	size_t line_len;
	int r = 0;

	while (r != -ENOMEM && text_line(&t, &line, &line_len))
		if (text_begins(line, line_len, "/etc/") && line_len + sizeof(".dpkg-new") < sizeof(path)) {
			(void)snprintf(path, sizeof(path), "%.*s.dpkg-new", (int)line_len, line);
			r = paths_add(ret, path, strlen(path));
		}
	return r == -ENOMEM ? r : 0;
}

static int add_package(int info, const char *name, struct paths *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(info, name, LIST_MAX, &text, &len);

	if (r == -ENOENT)
		return 0; /* removed meanwhile */
	if (r == 0)
		r = paths_add_lines(ret, text, len, NULL);
	if (r == 0)
		r = add_new(text, len, ret);
	return r == 0 ? add_scripts(name, (int)(strlen(name) - strlen(".list")), ret) : r;
}

static int add_other_names(const char *text, size_t len, struct paths *list)
{
	struct text t = { text, text + len };
	struct paths more = { 0 };
	const char *from, *to, *by;
	size_t from_len, to_len, by_len;
	char path[PATH_MAX];
	int r = 0;

	paths_sort(list);
	while (r == 0 && text_line(&t, &from, &from_len) && text_line(&t, &to, &to_len) && text_line(&t, &by, &by_len)) {
		if (from_len >= sizeof(path))
			continue;
		(void)snprintf(path, sizeof(path), "%.*s", (int)from_len, from);
		if (paths_has(list, path))
			r = paths_add(&more, to, to_len);
		r = r == -ENOMEM ? r : 0;
	}
	for (size_t i = 0; r == 0 && i < more.count; i++)
		r = paths_add(list, more.path[i], strlen(more.path[i]));
	paths_free(&more);
	return r;
}

/* What a package has at a path that another one, or the administrator, has diverted lies under the other name. Three
 * lines each: the path, the other name, who. */
static int add_diverted(int root, struct paths *list)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD fd = -1;
	size_t len;
	int r = file_open_in_root(root, DIVERSIONS, &fd);

	if (r == 0)
		r = file_read_fd(fd, LIST_MAX, &text, &len);
	return r == 0 ? add_other_names(text, len, list) : r == -ENOENT ? 0 : r;
}

static enum outcome broken(struct why *why, int error, const char *what)
{
	why_set(why, WHY_ERRNO, error, "read", what);
	return OUTCOME_BROKEN;
}

enum outcome changed_by_dpkg(int root, const struct timespec *t, struct paths *ret, struct why *why)
{
	CLEAN_FD info = -1;
	CLEAN_DIR dir = NULL;
	int copy, r = dir_open_in_root(root, INFO, &info);

	if (r == -ENOENT) {
		why_set(why, WHY_TEXT, 0, "read", INFO);
		why_detail(why, "no dpkg here: give the list of changed files with --files-from");
		return OUTCOME_ABSENT;
	}
	copy = r == 0 ? fcntl(info, F_DUPFD_CLOEXEC, 3) : -1;
	dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (!dir) {
		r = r < 0 ? -r : errno;
		clean_fd(&copy);
		return broken(why, r, INFO);
	}
	for (const struct dirent *d; (errno = 0, d = readdir(dir));) {
		size_t len = strlen(d->d_name);
		struct stat st;

		if (len < 6 || strcmp(d->d_name + len - 5, ".list") != 0 || fstatat(info, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !since(&st.st_mtim, t))
			continue;
		r = add_package(info, d->d_name, ret);
		if (r < 0)
			return broken(why, -r, d->d_name);
	}
	if (errno)
		return broken(why, errno, INFO);
	r = add_diverted(root, ret);
	return r < 0 ? broken(why, -r, DIVERSIONS) : OUTCOME_OK;
}
