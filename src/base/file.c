#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define OPEN_READ (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define TEMP_PREFIX ".imagate-"
#define TEMP_LEN (sizeof(TEMP_PREFIX) + 16)
#define TEMP_TRIES 16

/* Path as openat() wants it: below root, or as it is where root is AT_FDCWD. */
static const char *below(int root, const char *path)
{
	if (root == AT_FDCWD)
		return path;
	path += strspn(path, "/");
	return *path ? path : ".";
}

/* Takes fd over. */
static int regular_or_close(int fd, int *ret_fd)
{
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0)
		clean_fd(&fd);
	else
		*ret_fd = fd;
	return r;
}

int file_open(int root, const char *path, int *ret_fd)
{
	return regular_or_close(openat(root, below(root, path), OPEN_READ), ret_fd);
}

int file_open_in_root(int root, const char *path, int *ret_fd)
{
	/* no O_NOFOLLOW: links are what this is for */
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	                       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return regular_or_close((int)syscall(SYS_openat2, root, path, &how, sizeof(how)), ret_fd);
}

/* Below root, from the fds: links are resolved in it. */
static int path_of(int root, int fd, char *ret, size_t size)
{
	char link[64], base[PATH_MAX];
	ssize_t n, r;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", root); /* fits */
	r = readlink(link, base, sizeof(base) - 1);
	if (root == AT_FDCWD || (r == 1 && *base == '/'))
		r = 0;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	if (r < 0 || n < 0 || n < r)
		return -EIO;
	ret[n] = '\0';
	memmove(ret, ret + r, (size_t)(n - r) + 1);
	if (!*ret)
		(void)snprintf(ret, size, "/");
	return 0;
}

int path_in_root(int root, const char *path, char *ret, size_t size, int *ret_fd)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int r;

	*ret_fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (*ret_fd < 0)
		return -errno;
	r = path_of(root, *ret_fd, ret, size);
	if (r < 0)
		clean_fd(ret_fd);
	return r;
}

int path_real_in_root(int root, const char *path, char *ret, size_t size)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	CLEAN_FD fd = -1;
	size_t len;
	int r;

	if (snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	r = path_in_root(root, dir, ret, size, &fd);
	if (r < 0)
		return r;
	len = strcmp(ret, "/") ? strlen(ret) : 0;
	return snprintf(ret + len, size - len, "%s", slash) < (int)(size - len) ? 0 : -ENAMETOOLONG;
}

int dir_open_in_root(int root, const char *path, int *ret_fd)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	                       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	*ret_fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return *ret_fd < 0 ? -errno : 0;
}

int dir_open_no_links(int root, const char *path, int *ret_fd)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};

	*ret_fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return *ret_fd < 0 ? -errno : 0;
}

/* What is read may be a secret: the old buffer is wiped, realloc() would not. */
static char *grow(char *old, size_t len, size_t size)
{
	char *p = malloc(size);

	if (p && len)
		memcpy(p, old, len);
	if (p && old) {
		explicit_bzero(old, len);
		free(old);
	}
	return p;
}

/* Up to max + 1 bytes of fd: one more shows that it is too long. Room for a NUL is left. */
static int read_up_to(int fd, size_t max, size_t first, char **buf, size_t *len)
{
	size_t size = 0;

	for (;;) {
		ssize_t n;

		if (*len + 1 >= size) {
			char *p = grow(*buf, *len, size = size ? size * 2 : first);

			if (!p)
				return -ENOMEM;
			*buf = p;
		}
		n = read(fd, *buf + *len, size - 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		*len += (size_t)n;
		if (*len > max)
			return -EFBIG;
	}
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	char *buf = NULL;
	size_t len = 0, first = 4096;
	struct stat st;
	int r;

	if (max > SSIZE_MAX / 4)
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uintmax_t)st.st_size > max && st.st_blocks > 0)
			return -EFBIG;
		/* files of /sys say 4096 whatever they hold: a hint, no more */
		first = ((uintmax_t)st.st_size < max ? (size_t)st.st_size : max) + 2;
	}
	r = read_up_to(fd, max, first, &buf, &len);
	if (r < 0) {
		if (buf)
			explicit_bzero(buf, len);
		free(buf);
		return r;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

int file_read(int root, const char *path, size_t max, char **ret, size_t *ret_len)
{
	CLEAN_FD fd = -1;
	int r = file_open(root, path, &fd);

	return r < 0 ? r : file_read_fd(fd, max, ret, ret_len);
}

static int write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The directory of path, and the name in it. */
static int open_dir_of(int root, const char *path, int *ret_dir, const char **ret_name)
{
	const char *slash;
	char dir[PATH_MAX];
	int fd;

	path = below(root, path);
	slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (**ret_name == '\0' || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0)
		return -EISDIR;
	if (slash && (size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	if (!slash) {
		strcpy(dir, ".");
	} else {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	fd = openat(root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_dir = fd;
	return 0;
}

static int create_temp(int dir, char name[static TEMP_LEN], int *ret_fd)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		struct timespec t;
		int fd;

		/* unlikely to be there is enough, O_EXCL does the rest; getrandom() would wait for
		 * entropy early in a boot */
		(void)clock_gettime(CLOCK_BOOTTIME, &t); /* cannot fail: a constant clock */
		(void)snprintf(name, TEMP_LEN, TEMP_PREFIX "%08x%08x", (unsigned)getpid(),
		               (unsigned)t.tv_nsec); /* fits */
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Closes fd whatever happens: network and quota file systems may report a lost write there. */
static int fill(int fd, const void *bytes, size_t len, mode_t mode)
{
	int r = write_all(fd, bytes, len);

	/* the mode is the caller's, not the umask's; late, so that nobody reads half of it */
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int file_write_atomic(int root, const char *path, const void *bytes, size_t len, mode_t mode)
{
	char temp[TEMP_LEN];
	const char *name;
	CLEAN_FD dir = -1;
	int fd = -1, r;

	r = open_dir_of(root, path, &dir, &name);
	if (r < 0)
		return r;
	r = create_temp(dir, temp, &fd);
	if (r < 0)
		return r;
	r = fill(fd, bytes, len, mode);
	if (r == 0 && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, temp, 0); /* the first error is what counts */
		return r;
	}
	return fsync(dir) < 0 ? -errno : 0;
}

static int sync_dir_of(int root, const char *path)
{
	const char *name;
	CLEAN_FD dir = -1;
	int r = open_dir_of(root, path, &dir, &name);

	if (r < 0)
		return r;
	return fsync(dir) < 0 ? -errno : 0;
}

int file_replace(int root, const char *from, const char *to, const char *backup)
{
	from = below(root, from);
	to = below(root, to);
	backup = below(root, backup);
	if (unlinkat(root, backup, 0) < 0 && errno != ENOENT)
		return -errno;
	if (linkat(root, to, root, backup, 0) < 0 && errno != ENOENT)
		return -errno;
	if (renameat(root, from, root, to) < 0)
		return -errno;
	return sync_dir_of(root, to);
}

int file_poke(int root, const char *path, const void *bytes, size_t len)
{
	int fd = openat(root, below(root, path), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, bytes, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != len)
		r = -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

bool file_exists(int root, const char *path)
{
	struct stat st;

	/* no following: an absolute link in a fixture tree would leave it */
	return fstatat(root, below(root, path), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool listed(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return name[0] != '.' && n >= s && strcmp(name + n - s, suffix) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int dir_list(int root, const char *path, const char *suffix, char names[][256], int max)
{
	CLEAN_DIR dir = NULL;
	struct dirent *e;
	int count = 0;
	int fd = openat(root, below(root, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;

		clean_fd(&fd);
		return r;
	}
	while (errno = 0, (e = readdir(dir))) {
		if (!listed(e->d_name, suffix))
			continue;
		if (count == max)
			return -E2BIG;
		(void)snprintf(names[count++], 256, "%s", e->d_name); /* NAME_MAX is 255 */
	}
	if (errno)
		return -errno;
	qsort(names, (size_t)count, sizeof(names[0]), compare_names);
	return count;
}

int file_patch(int root, const char *path, const void *bytes, size_t len)
{
	CLEAN_FD fd = openat(root, below(root, path), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pwrite(fd, bytes, len, 0);
	if (n < 0)
		return -errno;
	if ((size_t)n != len)
		return -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}
