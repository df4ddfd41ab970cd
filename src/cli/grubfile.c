#include "cli/grubfile.h"

#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static int open_block(const char *root, int flags)
{
	static const char *const places[] = { "boot/grub/grubenv", "boot/grub2/grubenv" };
	char path[PATH_MAX];
	int fd = -1;

	for (size_t i = 0; i < 2 && fd < 0; i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", root, places[i]) >= sizeof(path))
			return -ENAMETOOLONG;
		fd = open(path, flags | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

int grubfile_read(const char *root, char ret[static GRUBENV_LEN])
{
	CLEAN_FD fd = open_block(root, O_RDONLY);
	char one_more;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, ret, GRUBENV_LEN, 0);
	if (n < 0)
		return -errno;
	return grubenv_valid(ret, (size_t)n) && pread(fd, &one_more, 1, GRUBENV_LEN) == 0 ? 0 : -EBADMSG;
}

int grubfile_write(const char *root, const char block[static GRUBENV_LEN])
{
	CLEAN_FD fd = open_block(root, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pwrite(fd, block, GRUBENV_LEN, 0);
	if (n < 0)
		return -errno;
	if (n != GRUBENV_LEN)
		return -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}
