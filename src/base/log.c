#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_LEN 1024

/* as in syslog(3), and sd-daemon(3)'s prefixes */
enum priority { PRIORITY_ERROR = 3, PRIORITY_WARNING, PRIORITY_NOTICE, PRIORITY_INFO, PRIORITY_DEBUG };

static char log_prefix[32] = "imagate";

void log_set_prefix(const char *prefix)
{
	(void)snprintf(log_prefix, sizeof(log_prefix), "%s", prefix); /* cut is fine */
}

/* JOURNAL_STREAM is inherited by children whose stderr goes elsewhere: systemd.exec(5) says
 * to compare. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, is) == 0;
}

static void write_all(const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* stderr is gone: there is nobody to tell */
		p += n;
		len -= (size_t)n;
	}
}

__attribute__((format(printf, 2, 0))) static void log_line(enum priority p, const char *fmt, va_list ap)
{
	int saved = errno;
	char line[LINE_LEN];
	size_t start, len;
	int n;

	n = stderr_is_journal() ? snprintf(line, sizeof(line), "<%d>%s: ", (int)p, log_prefix)
	                        : snprintf(line, sizeof(line), "%s: ", log_prefix);
	start = len = (size_t)n; /* short: the prefix is at most 31 bytes */
	errno = saved;           /* %m */
	n = vsnprintf(line + start, sizeof(line) - start - 1, fmt, ap);
	if (n > 0)
		len += (size_t)n < sizeof(line) - start - 1 ? (size_t)n : sizeof(line) - start - 2;
	/* one message is one line: a newline in it would begin another, with no priority */
	for (size_t i = start; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	write_all(line, len);
	errno = saved;
}

#define LOG_BODY(priority)                                                                         \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		log_line(priority, fmt, ap);                                                       \
		va_end(ap);                                                                        \
	} while (0)

void log_error(const char *fmt, ...)
{
	LOG_BODY(PRIORITY_ERROR);
}

void log_warning(const char *fmt, ...)
{
	LOG_BODY(PRIORITY_WARNING);
}

void log_notice(const char *fmt, ...)
{
	LOG_BODY(PRIORITY_NOTICE);
}

void log_info(const char *fmt, ...)
{
	LOG_BODY(PRIORITY_INFO);
}

void log_debug(const char *fmt, ...)
{
	const char *on = getenv("IMAGATE_DEBUG");

	if (on && strcmp(on, "1") == 0)
		LOG_BODY(PRIORITY_DEBUG);
}
