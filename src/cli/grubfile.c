#include "cli/grubfile.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const places[] = { "boot/grub/grubenv", "boot/grub2/grubenv" };

/* The first that is there. */
static int find(const char *root, char ret[static PATH_MAX])
{
	for (size_t i = 0; i < 2; i++) {
		if ((size_t)snprintf(ret, PATH_MAX, "%s/%s", root, places[i]) >= PATH_MAX)
			return -ENAMETOOLONG;
		if (file_exists(AT_FDCWD, ret))
			return 0;
	}
	return -ENOENT;
}

int grubfile_read(const char *root, char ret[static GRUBENV_LEN])
{
	CLEAN_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len;
	int r = find(root, path);

	if (r == 0)
		r = file_read(AT_FDCWD, path, GRUBENV_LEN, &text, &len);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	if (!grubenv_valid(text, len))
		return -EBADMSG;
	memcpy(ret, text, GRUBENV_LEN);
	return 0;
}

int grubfile_write(const char *root, const char block[static GRUBENV_LEN])
{
	char path[PATH_MAX];
	int r = find(root, path);

	return r < 0 ? r : file_patch(AT_FDCWD, path, block, GRUBENV_LEN);
}
