#include "base/ini.h"

#include "base/file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define INI_MAX (64 * 1024)
/* libinih's INI_MAX_LINE, with its newline and NUL: longer lines it cuts in two */
#define INI_LINE_MAX 198

struct reading {
	struct config *config;
	char error[CONFIG_ERROR_LEN]; /* of the first bad assignment */
	bool bad;
};

static int assign(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;

	if (r->bad)
		return 0; /* libinih goes on to the end; the first error is the one to tell */
	r->bad = !config_set(r->config, section, name, value, r->error);
	return !r->bad;
}

static enum outcome broken(struct why *why, const char *path, int line, const char *text)
{
	why_set(why, WHY_TEXT, line, "configuration", path);
	why_detail(why, text);
	return OUTCOME_BROKEN;
}

/* Line number of the first that libinih would not read as one line; 0 if there is none. */
static int overlong(const char *text)
{
	int n = 1;

	for (const char *p = text; *p; n++) {
		size_t len = strcspn(p, "\n");

		if (len > INI_LINE_MAX)
			return n;
		p += len + (p[len] == '\n');
	}
	return 0;
}

enum outcome ini_config(const char *path, const char *text, struct config *ret, struct why *why)
{
	struct reading r = { .config = ret };
	int line = overlong(text);

	config_defaults(ret);
	if (line)
		return broken(why, path, line, "the line is too long (198 characters)");
	line = ini_parse_string(text, assign, &r);
	if (line < 0)
		return broken(why, path, 0, "out of memory");
	if (line > 0)
		return broken(why, path, line, r.bad ? r.error : "not 'key = value' or '[section]'");
	if (!config_check(ret, r.error))
		return broken(why, path, 0, r.error);
	return OUTCOME_OK;
}

enum outcome ini_config_load(int root, const char *path, struct config *ret, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(root, path, INI_MAX, &text, &len);

	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", path);
		return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
	}
	if (strlen(text) != len)
		return broken(why, path, 0, "a NUL byte: this is no text file");
	return ini_config(path, text, ret, why);
}
