/* A power cut, by LD_PRELOAD: at the CUT_AT-th (from 1) change of state, before it happens, the machine is reset without
 * a sync. Changes of state: fsync, rename, link, unlink on a disk (what is in memory is gone anyway), and TPM commands
 * that change NV for longer than to the next reset. CUT_AT=0 only counts: each is named on stderr. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#define REAL(ret, name, ...) ret (*real)(__VA_ARGS__) = (ret (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static void point(const char *what, const char *on)
{
	static int count;
	const char *at = getenv("CUT_AT");
	REAL(ssize_t, "write", int, const void *, size_t);
	char line[200];
	int fd, n = snprintf(line, sizeof(line), "cut-point %d: %s %s\n", ++count, what, on);

	(void)real(STDERR_FILENO, line, (size_t)n);
	if (!at || atoi(at) != count)
		return;
	n = snprintf(line, sizeof(line), "POWER CUT at %d\n", count);
	(void)real(STDERR_FILENO, line, (size_t)n);
	fd = open("/dev/console", O_WRONLY);
	(void)real(fd, line, (size_t)n);
	fd = open("/proc/sysrq-trigger", O_WRONLY);
	(void)real(fd, "b", 1);
	for (;;)
		(void)pause();
}

static int in_memory(int fd, const char *path)
{
	struct statfs st;
	char dir[512];
	char *slash;

	if (path && (*path == '/' || fd < 0)) {
		(void)snprintf(dir, sizeof(dir), "%s", path);
		slash = strrchr(dir, '/');
		if (slash)
			slash[1] = '\0';
		return statfs(slash ? dir : ".", &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
	}
	return fstatfs(fd, &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);
	if (!in_memory(fd, NULL))
		point("fsync", "");
	return real(fd);
}

int rename(const char *a, const char *b)
{
	REAL(int, "rename", const char *, const char *);
	if (!in_memory(-1, b))
		point("rename", b);
	return real(a, b);
}

int renameat(int fa, const char *a, int fb, const char *b)
{
	REAL(int, "renameat", int, const char *, int, const char *);
	if (!in_memory(fb, b))
		point("renameat", b);
	return real(fa, a, fb, b);
}

int linkat(int fa, const char *a, int fb, const char *b, int flags)
{
	REAL(int, "linkat", int, const char *, int, const char *, int);
	if (!in_memory(fb, b))
		point("linkat", b);
	return real(fa, a, fb, b, flags);
}

int unlink(const char *a)
{
	REAL(int, "unlink", const char *);
	if (!in_memory(-1, a))
		point("unlink", a);
	return real(a);
}

int unlinkat(int fd, const char *a, int flags)
{
	REAL(int, "unlinkat", int, const char *, int);
	if (!in_memory(fd, a))
		point("unlinkat", a);
	return real(fd, a, flags);
}

/* TPM 2.0 Part 2, TPM_CC: NV_UndefineSpace, NV_DefineSpace, NV_Increment */
ssize_t write(int fd, const void *bytes, size_t len)
{
	REAL(ssize_t, "write", int, const void *, size_t);
	const uint8_t *p = bytes;
	char path[64], name[64] = "";
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n > 0 && !strncmp(name, "/dev/tpm", 8) && len >= 10) {
		uint32_t cc = (uint32_t)p[6] << 24 | (uint32_t)p[7] << 16 | (uint32_t)p[8] << 8 | p[9];

		if (cc == 0x122 || cc == 0x12a || cc == 0x134)
			point(cc == 0x122 ? "NV_UndefineSpace" : cc == 0x12a ? "NV_DefineSpace" : "NV_Increment", "");
	}
	return real(fd, bytes, len);
}
