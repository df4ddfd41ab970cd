#include "label/preflight.h"

#include "base/file.h"
#include "core/elf.h"
#include "label/libpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SHEBANG_MAX 256

/* Where the kernel and systemd look for init, in their order: init/main.c, switch-root.c */
static const char *const inits[] = {
	"/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh",
};

struct walk {
	int root;
	bool full, want_evm;
	preflight_digest_fn digest;
	struct preflight *ret;
	/* what is still to be looked at: breadth first, as the loader goes */
	int queue[PREFLIGHT_FILES_MAX];
	size_t first, last;
	struct file_id {
		dev_t dev;
		ino_t ino;
	} seen[PREFLIGHT_FILES_MAX];
	/* names under which libraries were found: the loader takes one that is loaded already,
	 * whatever the search path of who needs it */
	char loaded[PREFLIGHT_FILES_MAX][64];
	size_t loaded_count;
	bool broken; /* something could not be judged */
};

static bool good(enum label_state s)
{
	return s == LABEL_STATE_GOOD || s == LABEL_STATE_UNVERIFIED;
}

static void note(struct walk *w, const char *path, enum label_state state)
{
	struct preflight_file *f;

	if (w->ret->count == PREFLIGHT_FILES_MAX) {
		w->broken = true;
		return;
	}
	f = &w->ret->file[w->ret->count++];
	(void)snprintf(f->path, sizeof(f->path), "%s", path); /* cut is fine: for a person */
	f->state = state;
	w->ret->bad += !good(state);
}

static enum label_state compare(const struct walk *w, int fd, const struct label *l)
{
	uint8_t digest[64];
	size_t len;

	if (!w->full)
		return LABEL_STATE_GOOD;
	if (w->digest(fd, l->algo, digest, sizeof(digest), &len, NULL) != OUTCOME_OK)
		return LABEL_STATE_UNREADABLE;
	return len == l->digest_len && !memcmp(digest, l->digest, len) ? LABEL_STATE_GOOD
	                                                                : LABEL_STATE_INVALID_HASH;
}

static enum label_state judge_ima(const struct walk *w, int fd)
{
	uint8_t x[LABEL_MAX];
	ssize_t n = fgetxattr(fd, "security.ima", x, sizeof(x));
	struct label l;

	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? LABEL_STATE_MISSING_HASH : LABEL_STATE_UNREADABLE;
	label_parse(x, (size_t)n, &l);
	switch (l.kind) {
	case LABEL_HASH: return compare(w, fd, &l);
	case LABEL_SIGNATURE:
	case LABEL_VERITY: return LABEL_STATE_UNVERIFIED;
	case LABEL_NONE: return LABEL_STATE_MISSING_HASH;
	default: return LABEL_STATE_MALFORMED;
	}
}

static enum label_state judge_evm(int fd)
{
	uint8_t x[LABEL_MAX];
	ssize_t n = fgetxattr(fd, "security.evm", x, sizeof(x));
	struct label l;

	if (n < 0)
		return errno == ENODATA ? LABEL_STATE_MISSING_HMAC : LABEL_STATE_UNREADABLE;
	label_parse(x, (size_t)n, &l);
	return l.kind == LABEL_HMAC || l.kind == LABEL_SIGNATURE || l.kind == LABEL_PORTABLE
	       ? LABEL_STATE_GOOD : LABEL_STATE_MALFORMED;
}

static enum label_state judge(const struct walk *w, int fd)
{
	enum label_state s = judge_ima(w, fd), e;

	if (!good(s) || !w->want_evm)
		return s;
	e = judge_evm(fd);
	return good(e) ? s : e;
}

/* Path below root, from the fd: links are resolved in it. */
static void path_of(const struct walk *w, int fd, char *ret, size_t size)
{
	char link[64], root[PATH_MAX];
	ssize_t n, r;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", w->root); /* fits */
	r = readlink(link, root, sizeof(root) - 1);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	if (r > 1 && n > r && !memcmp(ret, root, (size_t)r) && ret[r] == '/')
		memmove(ret, ret + r, (size_t)(n - r) + 1);
}

/* Takes fd over. Each file once. */
static void enqueue(struct walk *w, int fd)
{
	struct stat st;

	if (w->last == PREFLIGHT_FILES_MAX || fstat(fd, &st) < 0) {
		w->broken = true;
		clean_fd(&fd);
		return;
	}
	for (size_t i = 0; i < w->last; i++) {
		if (w->seen[i].dev == st.st_dev && w->seen[i].ino == st.st_ino) {
			clean_fd(&fd);
			return;
		}
	}
	w->seen[w->last] = (struct file_id){ st.st_dev, st.st_ino };
	w->queue[w->last++] = fd;
}

static void enqueue_path(struct walk *w, const char *path)
{
	int fd, r = file_open_in_root(w->root, path, &fd);

	if (r < 0)
		note(w, path, r == -ENOENT ? LABEL_STATE_NO_FILE : LABEL_STATE_UNREADABLE);
	else
		enqueue(w, fd);
}

static bool is_loaded(struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->loaded_count; i++)
		if (!strcmp(w->loaded[i], name))
			return true;
	if (w->loaded_count < PREFLIGHT_FILES_MAX && strlen(name) < sizeof(w->loaded[0]))
		(void)snprintf(w->loaded[w->loaded_count++], sizeof(w->loaded[0]), "%s", name);
	return false;
}

static int open_needed(const struct walk *w, const struct libpath *own, const struct libpath *system,
                       const char *name)
{
	int fd;

	if (strchr(name, '/'))
		return file_open_in_root(w->root, name, &fd) < 0 ? -ENOENT : fd;
	fd = libpath_open(w->root, own, name);
	return fd < 0 ? libpath_open(w->root, system, name) : fd;
}

static void enqueue_needed(struct walk *w, const struct elf_needs *e, const char *path)
{
	static struct libpath own, system; /* large, and one at a time */
	char origin[PATH_MAX], *slash;

	(void)snprintf(origin, sizeof(origin), "%s", path); /* no longer than PATH_MAX */
	slash = strrchr(origin, '/');
	if (slash)
		*slash = '\0';
	own.count = 0;
	if (e->runpath)
		libpath_add_runpath(e->runpath, origin, &own);
	libpath_system(w->root, e->machine, e->class, &system);
	for (size_t i = 0; i < e->needed_count; i++) {
		int fd;

		if (is_loaded(w, e->needed[i]))
			continue;
		fd = open_needed(w, &own, &system, e->needed[i]);
		if (fd < 0)
			note(w, e->needed[i], LABEL_STATE_NO_FILE);
		else
			enqueue(w, fd);
	}
}

/* "#!/bin/sh -e" -> "/bin/sh" */
static void enqueue_interpreter(struct walk *w, const char *bytes, size_t len)
{
	char path[SHEBANG_MAX];
	size_t n = 2, start;

	while (n < len && (bytes[n] == ' ' || bytes[n] == '\t'))
		n++;
	for (start = n; n < len && n - start < sizeof(path) - 1 && !strchr(" \t\n", bytes[n]); n++)
		path[n - start] = bytes[n];
	path[n - start] = '\0';
	enqueue_path(w, path);
}

static void visit_bytes(struct walk *w, const uint8_t *bytes, size_t len, const char *path)
{
	struct elf_needs e;

	if (len > 2 && bytes[0] == '#' && bytes[1] == '!') {
		enqueue_interpreter(w, (const char *)bytes, len);
		return;
	}
	if (!elf_parse(bytes, len, &e) || !e.is_elf) {
		note(w, path, LABEL_STATE_UNREADABLE);
		return;
	}
	if (e.interp)
		enqueue_path(w, e.interp);
	enqueue_needed(w, &e, path);
}

static void visit(struct walk *w, int fd)
{
	char path[PATH_MAX];
	struct stat st;
	void *bytes;

	path_of(w, fd, path, sizeof(path));
	if (fstat(fd, &st) < 0 || st.st_size == 0) {
		note(w, path, LABEL_STATE_UNREADABLE);
		return;
	}
	note(w, path, judge(w, fd));
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		w->broken = true;
		return;
	}
	visit_bytes(w, bytes, (size_t)st.st_size, path);
	(void)munmap(bytes, (size_t)st.st_size); /* a mapping of ours: cannot fail */
}

static void enqueue_init(struct walk *w, const char *init)
{
	int fd;

	if (*init) {
		enqueue_path(w, init);
		return;
	}
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		if (file_open_in_root(w->root, inits[i], &fd) < 0)
			continue;
		enqueue(w, fd);
		return;
	}
	note(w, "/sbin/init", LABEL_STATE_NO_FILE);
}

/* What we find wrong with a file that the kernel denies; if nothing, it is the HMAC. */
static enum label_state why_denied(int fd, preflight_digest_fn digest)
{
	const struct walk w = { .full = true, .digest = digest };
	enum label_state s = judge(&w, fd);

	return good(s) ? LABEL_STATE_INVALID_HMAC : s;
}

static enum label_state prove(int root, const char *path, preflight_digest_fn digest)
{
	CLEAN_FD fd = -1;
	void *p;

	if (file_open_in_root(root, path, &fd) < 0)
		return LABEL_STATE_UNREADABLE;
	p = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno == EACCES ? why_denied(fd, digest) : LABEL_STATE_UNREADABLE;
	(void)munmap(p, 1); /* a mapping of ours: cannot fail */
	return LABEL_STATE_GOOD;
}

enum outcome preflight_prove(int root, preflight_digest_fn digest, struct preflight *p, struct why *why)
{
	enum outcome o = OUTCOME_OK;

	for (size_t i = 0; i < p->count; i++) {
		struct preflight_file *f = &p->file[i];

		f->state = prove(root, f->path, digest);
		if (good(f->state))
			continue;
		p->bad++;
		if (o == OUTCOME_OK) {
			why_set(why, WHY_LABEL, f->state, "start", f->path);
			why_detail(why, label_state_name(f->state));
			o = OUTCOME_REFUSED;
		}
	}
	return o;
}

bool preflight_modules_compressed(int root, const char *release)
{
	char path[128], head[4096];
	CLEAN_FD fd = -1;
	ssize_t n;

	/* "kernel/drivers/...ko.xz: ..." lines; the first ones tell */
	(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release); /* release is short */
	if (file_open_in_root(root, path, &fd) < 0)
		return false;
	n = pread(fd, head, sizeof(head) - 1, 0);
	head[n > 0 ? n : 0] = '\0';
	return strstr(head, ".ko.") != NULL;
}

enum outcome preflight_run(int root, const char *init, bool full, bool want_evm,
                           preflight_digest_fn digest, struct preflight *ret, struct why *why)
{
	static struct walk w; /* too large for a stack */

	memset(&w, 0, sizeof(w));
	memset(ret, 0, sizeof(*ret));
	w.root = root;
	w.full = full;
	w.want_evm = want_evm;
	w.digest = digest;
	w.ret = ret;
	enqueue_init(&w, init);
	while (w.first < w.last) {
		CLEAN_FD fd = w.queue[w.first++];

		visit(&w, fd);
	}
	for (size_t i = 0; i < ret->count; i++) {
		if (good(ret->file[i].state))
			continue;
		why_set(why, WHY_LABEL, ret->file[i].state, "label", ret->file[i].path);
		why_detail(why, label_state_name(ret->file[i].state));
		return OUTCOME_REFUSED;
	}
	if (!w.broken && ret->count)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "preflight", "init");
	why_detail(why, "not all files could be looked at");
	return OUTCOME_BROKEN;
}
