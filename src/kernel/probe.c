#include "kernel/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VERSION_2 2
#define HASH_SHA256_NUMBER 4 /* include/uapi/linux/hash_info.h */

void probe_signature(uint8_t type, uint32_t keyid, uint8_t ret[static PROBE_SIGNATURE_LEN])
{
	memset(ret, 0xa5, PROBE_SIGNATURE_LEN);
	ret[0] = type;
	ret[1] = VERSION_2;
	ret[2] = HASH_SHA256_NUMBER;
	for (int i = 0; i < 4; i++)
		ret[3 + i] = (uint8_t)(keyid >> (24 - 8 * i));
	ret[7] = 0;
	ret[8] = PROBE_SIGNATURE_LEN - 9;
}

void probe_key_name(uint32_t keyid, char ret[static 16])
{
	(void)snprintf(ret, 16, "id:%08x", keyid); /* 11 characters */
}

uint32_t probe_keyid(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t); /* cannot fail: a constant clock */
	return (uint32_t)t.tv_nsec ^ (uint32_t)t.tv_sec << 20;
}

enum outcome probe_failed(struct why *why, const char *name, int error, const char *operation)
{
	why_set(why, WHY_ERRNO, error, operation, name);
	why_detail(why, "on /run/imagate");
	return OUTCOME_BROKEN;
}

enum outcome probe_create(int dir_fd, const char *name, int *ret_fd, struct why *why)
{
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return probe_failed(why, name, errno, "unlink");
	*ret_fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return *ret_fd < 0 ? probe_failed(why, name, errno, "create") : OUTCOME_OK;
}
