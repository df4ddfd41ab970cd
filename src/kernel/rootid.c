#include "kernel/rootid.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define UUID_LINE "\nE:ID_FS_UUID="

/* The device that mountinfo names for this mount point: "... MOUNT ... - TYPE DEVICE ...". */
static int device_of_mount(const char *mounted, dev_t *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], at[1024], device[1024];
	struct stat st;
	int r = -ENOENT;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		const char *dash = strstr(line, " - ");

		if (!dash || sscanf(line, "%*s %*s %*s %*s %1023s", at) != 1 || strcmp(at, mounted) != 0 ||
		    sscanf(dash, " - %*s %1023s", device) != 1)
			continue;
		r = stat(device, &st) < 0 ? -errno : S_ISBLK(st.st_mode) ? 0 : -ENOTBLK;
		if (r == 0)
			*ret = st.st_rdev;
	}
	(void)fclose(f); /* was only read */
	return r;
}

enum outcome root_uuid(const char *mounted, char ret[static ROOT_UUID_MAX], struct why *why)
{
	CLEAN_FREE char *text = NULL;
	char path[64];
	const char *at;
	struct stat st;
	size_t len;
	dev_t dev;
	int r = stat(mounted, &st) < 0 ? -errno : 0;

	dev = st.st_dev;
	if (r == 0 && major(dev) == 0)
		r = device_of_mount(mounted, &dev);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/run/udev/data/b%u:%u", major(dev), minor(dev)); /* fits */
		r = file_read(AT_FDCWD, path, 65536, &text, &len);
	}
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "identify", mounted);
		return OUTCOME_ABSENT;
	}
	at = strstr(text, UUID_LINE);
	len = at ? strcspn(at + strlen(UUID_LINE), "\n") : 0;
	if (len == 0 || len >= ROOT_UUID_MAX) {
		why_set(why, WHY_TEXT, 0, "identify", mounted);
		why_detail(why, "udev knows no UUID of this file system");
		return OUTCOME_ABSENT;
	}
	memcpy(ret, at + strlen(UUID_LINE), len);
	ret[len] = '\0';
	return OUTCOME_OK;
}
