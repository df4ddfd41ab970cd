#include "core/advice.h"

#include <inttypes.h>
#include <stdio.h>

/* Numbers of errno(3) on Linux (asm-generic); core may not ask the C library. */
static const struct {
	int number;
	const char *words;
} errnos[] = {
	{ 1, "operation not permitted" },
	{ 2, "no such file" },
	{ 5, "input/output error" },
	{ 12, "out of memory" },
	{ 13, "permission denied" },
	{ 16, "busy" },
	{ 17, "exists already" },
	{ 19, "no such device or key type" },
	{ 20, "not a directory" },
	{ 21, "is a directory" },
	{ 22, "invalid argument" },
	{ 26, "open for writing by somebody" },
	{ 27, "file too large" },
	{ 28, "no space left on device" },
	{ 30, "read-only file system" },
	{ 36, "name too long" },
	{ 40, "too many levels of symbolic links" },
	{ 61, "no data" },
	{ 62, "timed out waiting" },
	{ 65, "package not installed (a crypto algorithm is missing in the kernel)" },
	{ 74, "bad message (not a certificate?)" },
	{ 95, "not supported" },
	{ 110, "timed out" },
	{ 126, "required key not available" },
	{ 127, "key has expired" },
	{ 128, "key has been revoked" },
	{ 129, "key was rejected" },
};

static const char *errno_words(int64_t number)
{
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].number == number)
			return errnos[i].words;
	return NULL;
}

static void code_words(const struct why *w, char *ret, size_t size)
{
	const char *words = w->domain == WHY_ERRNO ? errno_words(w->code) : NULL;

	*ret = '\0';
	if (words)
		(void)snprintf(ret, size, ": %s", words);
	else if (w->domain == WHY_ERRNO)
		(void)snprintf(ret, size, ": errno %" PRId64, w->code);
	else if (w->domain == WHY_TPM)
		(void)snprintf(ret, size, ": TPM code 0x%" PRIx64, w->code);
	else if (w->domain == WHY_CRYPTO)
		(void)snprintf(ret, size, ": OpenSSL code 0x%" PRIx64, w->code);
}

void why_format(const struct why *w, char *ret, size_t size)
{
	char code[96], line[24] = "";

	code_words(w, code, sizeof(code));
	if (w->domain == WHY_TEXT && w->code > 0)
		(void)snprintf(line, sizeof(line), ":%" PRId64, w->code);
	(void)snprintf(ret, size, "%s%s%s%s%s%s%s", w->operation ? w->operation : "",
	               w->operation && *w->operation ? " " : "", w->subject, line, code,
	               *w->detail ? ": " : "", w->detail); /* cut is fine */
}
