#include "kernel/mounts.h"

#include "base/file.h"
#include "core/filesystem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MOUNTINFO_MAX (1024 * 1024)

struct line {
	char device[32], top[MOUNT_PATH_MAX], path[MOUNT_PATH_MAX], options[256], type[32], source[256];
};

/* "\040" is a blank; in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /top /path rw,noatime shared:1 - ext4 /dev/root rw". What does not fit is not ours to walk. */
static bool parse(const char *text, struct line *ret)
{
	const char *dash = strstr(text, " - ");

	if (!dash || sscanf(text, "%*s %*s %31s %511s %511s %255s", ret->device, ret->top, ret->path, ret->options) != 4 ||
	    sscanf(dash, " - %31s %255s", ret->type, ret->source) != 2)
		return false;
	unescape(ret->top);
	unescape(ret->path);
	return true;
}

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (!strncmp(p, name, n) && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

static bool holds_programs(const struct line *l)
{
	const struct filesystem *f = filesystem_by_name(l->type, strlen(l->type));

	if (has_option(l->options, "noexec"))
		return false;
	/* one that is not known, on a block device, is looked at rather than passed over */
	return f ? f->kind == FILESYSTEM_DISK || f->kind == FILESYSTEM_IMAGE : !strncmp(l->source, "/dev/", 5);
}

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strcmp(top, "/") || (!strncmp(path, top, n) && (path[n] == '/' || path[n] == '\0'));
}

struct seen {
	char device[32], top[MOUNT_PATH_MAX];
};

/* A subvolume of btrfs (which shows no block device) is none of the directories above it: a walk stops there. */
static bool shows(const char *device, const char *top, const char *what)
{
	return !strncmp(device, "0:", 2) ? !strcmp(what, top) : below(what, top);
}

static int add(struct mounts *m, struct seen *seen, const struct line *l)
{
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(seen[i].device, l->device) != 0)
			continue;
		if (shows(l->device, seen[i].top, l->top))
			return 0; /* a bind mount of what is seen already */
		if (shows(l->device, l->top, seen[i].top)) {
			memcpy(seen[i].top, l->top, sizeof(l->top));
			memcpy(m->path[i], l->path, sizeof(l->path));
			return 0;
		}
	}
	if (m->count == MOUNTS_MAX)
		return -E2BIG;
	memcpy(seen[m->count].device, l->device, sizeof(l->device));
	memcpy(seen[m->count].top, l->top, sizeof(l->top));
	memcpy(m->path[m->count++], l->path, sizeof(l->path));
	return 0;
}

int mounts_local(int root, struct mounts *ret)
{
	static struct seen seen[MOUNTS_MAX];
	CLEAN_FREE char *text = NULL;
	size_t len;
	struct line l;
	char *rest, *one;
	int r = file_read(root, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len);

	ret->count = 0;
	if (r < 0)
		return r;
	for (one = strtok_r(text, "\n", &rest); r == 0 && one; one = strtok_r(NULL, "\n", &rest))
		if (parse(one, &l) && holds_programs(&l))
			r = add(ret, seen, &l);
	return r;
}
