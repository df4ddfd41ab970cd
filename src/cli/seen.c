#include "cli/seen.h"

#include "base/file.h"
#include "cli/evidence.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEASUREMENTS "/sys/kernel/security/integrity/ima/ascii_runtime_measurements"
#define MEASUREMENTS_MAX (64 * 1024 * 1024)
#define SYSROOT "/sysroot"
#define PATHS_MAX 8192

struct paths {
	char *path[PATHS_MAX];
	size_t count;
};

/* Programs and code that are still there: data that root reads is not what a boot hangs on. */
static bool is_code(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && critical_is_roots(&st) && ((st.st_mode & 0111) || strstr(path, ".so") || strstr(path, ".ko"));
}

static int add(struct paths *p, const char *path, size_t len)
{
	char copy[PATH_MAX];

	/* before the switch the real root lay there */
	if (text_begins(path, len, SYSROOT "/")) {
		path += strlen(SYSROOT);
		len -= strlen(SYSROOT);
	}
	if (len < 2 || len >= sizeof(copy) || *path != '/' || p->count == PATHS_MAX)
		return 0;
	memcpy(copy, path, len);
	copy[len] = '\0';
	if (!is_code(copy))
		return 0;
	p->path[p->count] = strdup(copy);
	return p->path[p->count++] ? 0 : -ENOMEM;
}

/* A path a line; of the kernel's list ("pcr digest template digest path [signature]") the fifth word. */
static int add_lines(struct paths *p, const char *text, size_t len, unsigned word)
{
	struct text t = { text, text + len };
	const char *line;
	int r = 0;

	while (r == 0 && text_line(&t, &line, &len)) {
		struct text words = { line, line + len };
		const char *w = NULL;
		size_t n = 0;
		unsigned i = 0;

		while (i < word && text_word(&words, &w, &n))
			i++;
		if (i == word)
			r = add(p, w, n);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each once, a line each; malloc'ed. */
static char *format(struct paths *p, size_t *ret_len)
{
	size_t size = 1;
	char *text, *at;

	qsort(p->path, p->count, sizeof(*p->path), by_name);
	for (size_t i = 0; i < p->count; i++)
		size += strlen(p->path[i]) + 1;
	text = at = malloc(size);
	for (size_t i = 0; text && i < p->count; i++)
		if (i == 0 || strcmp(p->path[i], p->path[i - 1]) != 0)
			at += sprintf(at, "%s\n", p->path[i]); /* size was counted */
	*ret_len = text ? (size_t)(at - text) : 0;
	return text;
}

/* Since 6.10 a symlink to the list of one of the banks. */
static int read_measurements(char **ret, size_t *ret_len)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD fd = -1;
	int r = root < 0 ? -errno : file_open_in_root(root, MEASUREMENTS, &fd);

	return r < 0 ? r : file_read_fd(fd, MEASUREMENTS_MAX, ret, ret_len);
}

int seen_keep(void)
{
	CLEAN_FREE struct paths *p = calloc(1, sizeof(*p));
	CLEAN_FREE char *list = NULL, *old = NULL, *text = NULL;
	size_t list_len, old_len = 0, len;
	int r;

	if (!p)
		return -ENOMEM;
	r = read_measurements(&list, &list_len);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = file_read(AT_FDCWD, CRITICAL_SEEN_PATH, CRITICAL_MAX, &old, &old_len);
	if (r == 0)
		r = add_lines(p, old, old_len, 1);
	if (r == 0 || r == -ENOENT)
		r = add_lines(p, list, list_len, 5);
	if (r == 0) {
		text = format(p, &len);
		if (!text)
			r = -ENOMEM;
		else if (len > CRITICAL_MAX)
			r = -EFBIG;
		else if (len && (len != old_len || memcmp(text, old, len) != 0) && mkdir(EVIDENCE_DIR, 0755) < 0 && errno != EEXIST)
			r = -errno;
		else if (len && (len != old_len || memcmp(text, old, len) != 0))
			r = file_write_atomic(AT_FDCWD, CRITICAL_SEEN_PATH, text, len, 0644);
	}
	for (size_t i = 0; i < p->count; i++)
		free(p->path[i]);
	return r;
}
