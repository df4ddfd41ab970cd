#include "label/libpath.h"

#include "base/file.h"
#include "core/text.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_DIR "/etc/ld.so.conf.d"
#define CONF_MAX (64 * 1024)

/* What does not fit is left out: at worst a library is then reported as not found. */
static void add(struct libpath *p, const char *dir, size_t len)
{
	if (len == 0 || len >= LIBPATH_DIR_LEN || p->count == LIBPATH_DIRS_MAX)
		return;
	memcpy(p->dir[p->count], dir, len);
	p->dir[p->count++][len] = '\0';
}

static void add_conf(int root, const char *path, struct libpath *p)
{
	CLEAN_FREE char *text = NULL;
	struct text t;
	const char *line;
	size_t len;

	if (file_read(root, path, CONF_MAX, &text, &len) < 0)
		return;
	t = (struct text){ text, text + len };
	while (text_line(&t, &line, &len)) {
		text_trim(&line, &len);
		if (len && *line == '/')
			add(p, line, len);
	}
}

static void add_confs(int root, struct libpath *p)
{
	static char names[64][256];
	char path[sizeof(CONF_DIR) + 257];
	int n = dir_list(root, CONF_DIR, ".conf", names, 64);

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), CONF_DIR "/%.255s", names[i]);
		add_conf(root, path, p);
	}
}

/* Debian's multiarch directories. */
static const char *triplet(uint16_t machine, uint8_t class)
{
	switch (machine) {
	case EM_X86_64: return class == ELFCLASS64 ? "x86_64-linux-gnu" : "x86_64-linux-gnux32";
	case EM_386: return "i386-linux-gnu";
	case EM_AARCH64: return "aarch64-linux-gnu";
	case EM_ARM: return "arm-linux-gnueabihf";
	case EM_PPC64: return "powerpc64le-linux-gnu";
	case EM_S390: return "s390x-linux-gnu";
	case EM_RISCV: return "riscv64-linux-gnu";
	default: return NULL;
	}
}

void libpath_system(int root, uint16_t machine, uint8_t class, struct libpath *ret)
{
	static const char *const wide[] = { "/lib64", "/usr/lib64" };
	static const char *const plain[] = { "/lib", "/usr/lib" };
	const char *name = triplet(machine, class);
	char dir[LIBPATH_DIR_LEN];

	ret->count = 0;
	add_confs(root, ret);
	for (size_t i = 0; name && i < 2; i++) {
		(void)snprintf(dir, sizeof(dir), "%s/%s", plain[i], name); /* constants that fit */
		add(ret, dir, strlen(dir));
	}
	for (size_t i = 0; class == ELFCLASS64 && i < 2; i++)
		add(ret, wide[i], strlen(wide[i]));
	for (size_t i = 0; i < 2; i++)
		add(ret, plain[i], strlen(plain[i]));
}

static void add_expanded(const char *dir, size_t len, const char *origin, struct libpath *p)
{
	static const char *const words[] = { "$ORIGIN", "${ORIGIN}" };
	char full[LIBPATH_DIR_LEN];
	int n;

	for (size_t i = 0; i < 2; i++) {
		size_t w = strlen(words[i]);

		if (!text_begins(dir, len, words[i]))
			continue;
		n = snprintf(full, sizeof(full), "%s%.*s", origin, (int)(len - w), dir + w);
		if (n > 0 && (size_t)n < sizeof(full))
			add(p, full, (size_t)n);
		return;
	}
	add(p, dir, len);
}

void libpath_add_runpath(const char *runpath, const char *origin, struct libpath *ret)
{
	while (*runpath) {
		size_t len = strcspn(runpath, ":");

		add_expanded(runpath, len, origin, ret);
		runpath += len + (runpath[len] == ':');
	}
}

int libpath_open(int root, const struct libpath *p, const char *name)
{
	char path[LIBPATH_DIR_LEN + 256];
	int fd, n;

	for (size_t i = 0; i < p->count; i++) {
		n = snprintf(path, sizeof(path), "%s/%s", p->dir[i], name);
		if (n > 0 && (size_t)n < sizeof(path) && file_open_in_root(root, path, &fd) == 0)
			return fd;
	}
	return -ENOENT;
}
