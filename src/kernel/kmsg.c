#include "kernel/kmsg.h"

#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RECORD_LEN 8192 /* PRINTK_MESSAGE_MAX is 2048; each record is one read() */

int kmsg_begin(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		int r = -errno;

		clean_fd(&fd);
		return r;
	}
	return fd;
}

bool kmsg_saw(int fd, const char *one, const char *other)
{
	char record[RECORD_LEN];
	bool saw = false;
	ssize_t n;

	/* EPIPE: records were overwritten before they were read; the next ones can be */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && (errno == EPIPE || errno == EINTR))) {
		if (n < 0)
			continue;
		record[n] = '\0';
		if (strstr(record, one) && strstr(record, other))
			saw = true;
	}
	return saw;
}
