#include "label/closure.h"

#include "base/file.h"
#include "core/elf.h"
#include "label/libpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SHEBANG_MAX 256

/* A set of strings and of inodes, as keys of bytes: open addressing. */
struct set {
	char **slot;
	size_t slots, count;
};

struct closure {
	int root;
	closure_visit_fn visit;
	void *arg;
	struct set files; /* "dev:ino" */
	struct set names; /* libraries that were found, under the name that was asked for */
	struct set asked; /* "name|runpath": looked for already */
	struct libpath system;
	uint16_t machine; /* that system is for */
	uint8_t class;
	char **queue;     /* paths, malloc'ed */
	size_t first, last, room;
	bool broken;
};

/* -- sets ------------------------------------------------------------------------------- */

static size_t place(const struct set *s, const char *key)
{
	size_t h = 1469598103934665603u;

	for (const char *p = key; *p; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211u;
	h &= s->slots - 1;
	while (s->slot[h] && strcmp(s->slot[h], key) != 0)
		h = (h + 1) & (s->slots - 1);
	return h;
}

static bool set_grow(struct set *s)
{
	struct set bigger = { .slots = s->slots ? s->slots * 2 : 256 };

	bigger.slot = calloc(bigger.slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return false;
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i])
			bigger.slot[place(&bigger, s->slot[i])] = s->slot[i];
	bigger.count = s->count;
	free(s->slot);
	*s = bigger;
	return true;
}

static bool set_has(const struct set *s, const char *key)
{
	return s->slots && s->slot[place(s, key)];
}

/* True: it was not in it. */
static bool set_add(struct closure *c, struct set *s, const char *key)
{
	size_t at;

	if (s->count * 2 >= s->slots && !set_grow(s)) {
		c->broken = true;
		return false;
	}
	at = place(s, key);
	if (s->slot[at])
		return false;
	s->slot[at] = strdup(key);
	c->broken |= !s->slot[at];
	s->count++;
	return true;
}

static void set_free(struct set *s)
{
	for (size_t i = 0; i < s->slots; i++)
		free(s->slot[i]);
	free(s->slot);
}

/* -- files ------------------------------------------------------------------------------ */

/* Path below root, from the fd: links are resolved in it. */
static void path_of(const struct closure *c, int fd, char *ret, size_t size)
{
	char link[64], root[PATH_MAX];
	ssize_t n, r;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", c->root); /* fits */
	r = readlink(link, root, sizeof(root) - 1);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	if (r > 1 && n > r && !memcmp(ret, root, (size_t)r) && ret[r] == '/')
		memmove(ret, ret + r, (size_t)(n - r) + 1);
}

static bool new_file(struct closure *c, int fd)
{
	char key[64];
	struct stat st;

	if (fstat(fd, &st) < 0) {
		c->broken = true;
		return false;
	}
	(void)snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino); /* fits */
	return set_add(c, &c->files, key);
}

static void enqueue(struct closure *c, const char *path)
{
	char *copy = strdup(path);

	if (copy && c->last == c->room) {
		size_t room = c->room ? c->room * 2 : 256;
		char **bigger = realloc(c->queue, room * sizeof(*bigger));

		if (bigger) {
			c->queue = bigger;
			c->room = room;
		}
	}
	if (!copy || c->last == c->room) {
		c->broken = true;
		free(copy);
		return;
	}
	c->queue[c->last++] = copy;
}

static int open_needed(const struct closure *c, const struct libpath *own, const char *name)
{
	int fd, r;

	if (strchr(name, '/')) {
		r = file_open_in_root(c->root, name, &fd);
		return r < 0 ? r : fd;
	}
	fd = libpath_open(c->root, own, name);
	return fd < 0 ? libpath_open(c->root, &c->system, name) : fd;
}

static void need(struct closure *c, const struct libpath *own, const char *runpath, const char *name)
{
	char key[PATH_MAX], path[PATH_MAX];
	CLEAN_FD fd = -1;

	if (snprintf(key, sizeof(key), "%s|%s", name, runpath) >= (int)sizeof(key)) {
		c->broken = true;
		return;
	}
	if (!set_add(c, &c->asked, key))
		return;
	fd = open_needed(c, own, name);
	if (fd >= 0) {
		(void)set_add(c, &c->names, name);
		path_of(c, fd, path, sizeof(path));
		enqueue(c, path);
	} else if (!set_has(&c->names, name)) {
		/* a loader takes one that the program brought in already, whatever the search path of who needs it */
		c->visit(-1, name, -ENOENT, c->arg);
	}
}

static void needs(struct closure *c, const struct elf_needs *e, const char *path)
{
	static struct libpath own; /* large, and one at a time */
	char origin[PATH_MAX], *slash;

	(void)snprintf(origin, sizeof(origin), "%s", path); /* no longer than PATH_MAX */
	slash = strrchr(origin, '/');
	if (slash)
		*slash = '\0';
	own.count = 0;
	if (e->runpath)
		libpath_add_runpath(e->runpath, origin, &own);
	if (c->machine != e->machine || c->class != e->class)
		libpath_system(c->root, e->machine, e->class, &c->system);
	c->machine = e->machine;
	c->class = e->class;
	for (size_t i = 0; i < e->needed_count; i++)
		need(c, &own, e->runpath ? e->runpath : "", e->needed[i]);
}

/* "#!/bin/sh -e" -> "/bin/sh" */
static void interpreter(struct closure *c, const char *bytes, size_t len)
{
	char path[SHEBANG_MAX];
	size_t n = 2, start;

	while (n < len && (bytes[n] == ' ' || bytes[n] == '\t'))
		n++;
	for (start = n; n < len && n - start < sizeof(path) - 1 && !strchr(" \t\n", bytes[n]); n++)
		path[n - start] = bytes[n];
	path[n - start] = '\0';
	closure_add(c, path, true);
}

static void read_bytes(struct closure *c, const uint8_t *bytes, size_t len, const char *path)
{
	struct elf_needs e;

	if (len > 2 && bytes[0] == '#' && bytes[1] == '!') {
		interpreter(c, (const char *)bytes, len);
		return;
	}
	/* what begins like ELF and is damaged does not run: only its label could tell, and it was looked at */
	if (!elf_parse(bytes, len, &e)) {
		c->broken = true;
		return;
	}
	if (e.is_elf && e.interp)
		closure_add(c, e.interp, true);
	if (e.is_elf)
		needs(c, &e, path);
}

static void visit(struct closure *c, const char *asked)
{
	char path[PATH_MAX];
	struct stat st;
	CLEAN_FD fd = -1;
	void *bytes;
	int r = file_open_in_root(c->root, asked, &fd);

	if (r < 0) {
		c->visit(-1, asked, r, c->arg);
		return;
	}
	if (!new_file(c, fd))
		return;
	path_of(c, fd, path, sizeof(path));
	c->visit(fd, path, 0, c->arg);
	if (fstat(fd, &st) < 0 || st.st_size == 0)
		return;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		c->broken = true;
		return;
	}
	read_bytes(c, bytes, (size_t)st.st_size, path);
	(void)munmap(bytes, (size_t)st.st_size); /* a mapping of ours: cannot fail */
}

struct closure *closure_begin(int root, closure_visit_fn fn, void *arg)
{
	struct closure *c = calloc(1, sizeof(*c));

	if (c) {
		c->root = root;
		c->visit = fn;
		c->arg = arg;
	}
	return c;
}

void closure_add(struct closure *c, const char *path, bool needed)
{
	CLEAN_FD fd = -1;

	if (needed || file_open_in_root(c->root, path, &fd) == 0)
		enqueue(c, path);
}

bool closure_walk(struct closure *c)
{
	while (c->first < c->last) {
		char *path = c->queue[c->first++];

		visit(c, path);
		free(path);
	}
	return !c->broken;
}

void closure_free(struct closure **c)
{
	struct closure *k = *c;

	if (!k)
		return;
	while (k->first < k->last)
		free(k->queue[k->first++]);
	set_free(&k->files);
	set_free(&k->names);
	set_free(&k->asked);
	free(k->queue);
	free(k);
	*c = NULL;
}
