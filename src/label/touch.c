#include "label/touch.h"

#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Loaded by the kernel itself, whatever their mode bits say. */
static bool kernel_loads(const char *path)
{
	return strstr(path, "/lib/modules/") || strstr(path, "/lib/firmware/") ||
	       !strncmp(path, "/boot/vmlinuz", 13) || !strncmp(path, "/boot/initrd", 12);
}

static bool is_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       !memcmp(magic, "\177ELF", sizeof(magic));
}

static bool has_label(int fd)
{
	return fgetxattr(fd, "security.ima", NULL, 0) > 0;
}

static const char *touch_fd(int fd, size_t size)
{
	void *p;

	if (size == 0)
		return NULL; /* nothing to map, nothing to run */
	p = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno == EPERM ? "on a file system mounted noexec"
		     : errno == EACCES ? "the kernel denied it: this is not the fix stage"
		                       : strerror(errno);
	(void)munmap(p, 1); /* a mapping of ours: cannot fail */
	return has_label(fd) ? NULL : "the policy in force does not appraise it, or this is not the fix stage";
}

enum mode { LOOK, MISSING, ALL };

/* NULL: fine or out of scope; else the reason. */
static const char *touch_file(const char *path, const struct stat *st, enum mode mode, struct touch_count *c)
{
	CLEAN_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *reason;

	if (fd < 0)
		return errno == ENOENT ? NULL : strerror(errno); /* gone meanwhile is fine */
	if (!(st->st_mode & 0111) && !kernel_loads(path) && !is_elf(fd))
		return NULL;
	c->seen++;
	if (mode == LOOK) {
		bool fine = has_label(fd) || st->st_size == 0;

		c->kept += fine;
		return fine ? NULL : "no label";
	}
	if (has_label(fd)) {
		c->kept++;
		return mode == MISSING ? NULL : touch_fd(fd, (size_t)st->st_size);
	}
	reason = touch_fd(fd, (size_t)st->st_size);
	if (!reason)
		c->labelled++;
	return reason;
}

static enum outcome walk(const char *dir, enum mode mode, touch_report_fn report, void *arg,
                         struct touch_count *ret, struct why *why)
{
	char *paths[] = { (char *)dir, NULL }; /* fts(3) does not write them */
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	struct touch_count c = { 0 };
	FTSENT *e;

	if (!fts) {
		why_set(why, WHY_ERRNO, errno, "walk", dir);
		return OUTCOME_BROKEN;
	}
	while (errno = 0, (e = fts_read(fts))) {
		const char *reason = NULL;
		size_t before = c.seen;

		if (e->fts_info == FTS_F)
			reason = touch_file(e->fts_path, e->fts_statp, mode, &c);
		else if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			reason = strerror(e->fts_errno);
		if (c.seen != before && c.seen % TOUCH_PROGRESS == 0)
			report(e->fts_path, NULL, arg);
		if (!reason)
			continue;
		c.failed++;
		report(e->fts_path, reason, arg);
	}
	if (errno) {
		why_set(why, WHY_ERRNO, errno, "walk", dir);
		(void)fts_close(fts); /* the first error is the one to tell */
		return OUTCOME_BROKEN;
	}
	(void)fts_close(fts); /* read-only */
	*ret = c;
	return OUTCOME_OK;
}

enum outcome touch_tree(const char *dir, touch_report_fn report, void *arg,
                        struct touch_count *ret, struct why *why)
{
	return walk(dir, ALL, report, arg, ret, why);
}

enum outcome touch_coverage(const char *dir, touch_report_fn report, void *arg,
                            struct touch_count *ret, struct why *why)
{
	return walk(dir, LOOK, report, arg, ret, why);
}

enum outcome touch_missing(const char *dir, touch_report_fn report, void *arg,
                           struct touch_count *ret, struct why *why)
{
	return walk(dir, MISSING, report, arg, ret, why);
}
