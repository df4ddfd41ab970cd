#include "cli/esp.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_MAX (1u << 20)
#define DEPTH_MAX 8
#define CORE_IMAGE "/boot/grub/i386-pc/core.img"

struct look {
	long long since; /* seconds since 1970 */
	char *ret;
	size_t size;
	unsigned seen;
};

static enum esp found(struct look *l, enum esp e, const char *where, const char *what)
{
	(void)snprintf(l->ret, l->size, "%s%s%s", where, *where && *what ? "/" : "", what);
	return e;
}

/* btime of proc(5); 0: not there. */
static long long boot_time(int root)
{
	CLEAN_FREE char *text = NULL;
	const char *line;
	size_t len;

	if (file_read(root, "/proc/stat", PROC_MAX, &text, &len) < 0)
		return 0;
	line = strstr(text, "\nbtime ");
	return line ? strtoll(line + strlen("\nbtime "), NULL, 10) : 0;
}

static bool is_efi(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcasecmp(name + n - 4, ".efi");
}

static enum esp look_in(struct look *l, int fd, const char *where, unsigned depth)
{
	CLEAN_DIR d = fdopendir(fd); /* takes fd over */
	enum esp e = ESP_SAME;

	if (!d || depth == DEPTH_MAX)
		return found(l, ESP_UNKNOWN, where, "cannot be read");
	for (const struct dirent *n; e == ESP_SAME && (errno = 0, n = readdir(d));) {
		struct stat st;

		if (!strcmp(n->d_name, ".") || !strcmp(n->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), n->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return found(l, ESP_UNKNOWN, where, n->d_name);
		if (S_ISDIR(st.st_mode)) {
			char below[512];
			int sub = openat(dirfd(d), n->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			(void)snprintf(below, sizeof(below), "%s/%s", where, n->d_name); /* only for words */
			e = sub < 0 ? found(l, ESP_UNKNOWN, below, "cannot be read") : look_in(l, sub, below, depth + 1);
		} else if (S_ISREG(st.st_mode) && is_efi(n->d_name)) {
			l->seen++;
			/* FAT counts in steps of two seconds */
			if (st.st_mtime + 2 >= l->since || st.st_ctime + 2 >= l->since)
				e = found(l, ESP_CHANGED, where, n->d_name);
		}
	}
	return e == ESP_SAME && errno ? found(l, ESP_UNKNOWN, where, "cannot be read") : e;
}

static enum esp look_at_mounts(struct look *l, int root, char *mounts)
{
	enum esp e = ESP_SAME;

	for (char *line = mounts, *next; e == ESP_SAME && line && *line; line = next) {
		char where[512], type[32];
		int fd = -1;

		next = strchr(line, '\n');
		next = next ? next + 1 : NULL;
		if (sscanf(line, "%*s %511s %31s", where, type) != 2 || strcmp(type, "vfat") != 0)
			continue;
		e = dir_open_in_root(root, where, &fd) < 0 ? found(l, ESP_UNKNOWN, where, "cannot be read") : look_in(l, fd, where, 0);
	}
	return e;
}

enum esp esp_changed(int root, char *ret, size_t size)
{
	struct look l = { .since = boot_time(root), .ret = ret, .size = size };
	CLEAN_FREE char *mounts = NULL;
	CLEAN_FD core = -1;
	struct stat st;
	size_t len;
	enum esp e;

	if (!l.since || file_read(root, "/proc/self/mounts", PROC_MAX, &mounts, &len) < 0)
		return found(&l, ESP_UNKNOWN, "", "when this boot began is not known");
	e = look_at_mounts(&l, root, mounts);
	if (e != ESP_SAME || l.seen)
		return e;
	if (file_open_in_root(root, CORE_IMAGE, &core) < 0 || fstat(core, &st) < 0)
		return found(&l, ESP_UNKNOWN, "", "the EFI system partition is not mounted");
	return st.st_mtime >= l.since ? found(&l, ESP_CHANGED, "", CORE_IMAGE) : ESP_SAME;
}
