#include "cli/upgraded.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "label/changed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MARK_PATH EVIDENCE_DIR "/upgraded" /* its mtime: what is older was looked at */
#define DENIED_PATH EVIDENCE_DIR "/denied"
#define LIST_MAX (256 * 1024 * 1024)

static int failed(const char *path, int error)
{
	log_error("%s: %s", path, strerror(error));
	return IMAGATE_FAILED;
}

static int keep_dir(void)
{
	return mkdir(EVIDENCE_DIR, 0700) < 0 && errno != EEXIST ? failed(EVIDENCE_DIR, errno) : IMAGATE_OK;
}

static int mark(const struct timespec *now)
{
	const struct timespec times[] = { *now, *now };
	int r = file_write_atomic(AT_FDCWD, MARK_PATH, "", 0, 0644);

	if (r == 0 && utimensat(AT_FDCWD, MARK_PATH, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r < 0 ? failed(MARK_PATH, -r) : IMAGATE_OK;
}

/* The clock that file systems stamp with. */
static struct timespec coarse_now(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return t;
}

/* The clock was set back: what is installed from now on would pass for older than the mark. */
static bool is_ahead(const struct stat *mark, const struct timespec *now)
{
	return mark->st_mtim.tv_sec > now->tv_sec;
}

int upgraded_begin(void)
{
	const struct timespec now = coarse_now();
	struct stat st;

	if (stat(MARK_PATH, &st) == 0 && !is_ahead(&st, &now))
		return IMAGATE_OK;
	return keep_dir() == IMAGATE_OK ? mark(&now) : IMAGATE_FAILED;
}

static int add_text(const char *name, int r, char *text, size_t len, struct paths *ret)
{
	size_t odd = 0;

	if (r == 0)
		r = paths_add_lines(ret, text, len, &odd);
	if (r < 0)
		return failed(name, -r);
	if (odd)
		log_warning("%s: %zu lines are no absolute paths: passed over", name, odd);
	return IMAGATE_OK;
}

static int add_given(const char *from, struct paths *ret)
{
	CLEAN_FREE char *text = NULL;
	bool is_input = !strcmp(from, "-");
	size_t len = 0;
	int r = is_input ? file_read_fd(STDIN_FILENO, LIST_MAX, &text, &len) : file_read(AT_FDCWD, from, LIST_MAX, &text, &len);

	return add_text(is_input ? "standard input" : from, r, text, len, ret);
}

static int add_denied(struct paths *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len = 0;
	int r = file_read(AT_FDCWD, DENIED_PATH, LIST_MAX, &text, &len);

	return r == -ENOENT ? IMAGATE_OK : add_text(DENIED_PATH, r, text, len, ret);
}

static int add_dpkg(const struct timespec *now, struct paths *ret)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct why why = { 0 };
	char text[512];
	struct stat st;

	if (stat(MARK_PATH, &st) < 0) {
		if (errno != ENOENT)
			return failed(MARK_PATH, errno);
		log_notice("from now on: what was installed before, 'imagate check --files' judges");
		return IMAGATE_OK;
	}
	if (is_ahead(&st, now)) {
		log_warning("the clock was set back since the last time: every package is looked at");
		st.st_mtim = (struct timespec){ 0 };
	}
	if (changed_by_dpkg(root, &st.st_mtim, ret, &why) == OUTCOME_OK)
		return IMAGATE_OK;
	why_format(&why, text, sizeof(text));
	log_error("%s", text);
	return IMAGATE_FAILED;
}

int upgraded_list(const struct upgraded_wish *w, struct paths *ret, struct timespec *ret_now)
{
	int code;

	*ret_now = coarse_now();
	code = w->files_from ? add_given(w->files_from, ret) : add_dpkg(ret_now, ret);
	if (code == IMAGATE_OK)
		code = add_denied(ret);
	paths_sort(ret);
	return code;
}

static int keep_denied(const struct paths *denied)
{
	CLEAN_FREE char *text = NULL;
	size_t len = 0, at = 0;
	int r;

	if (!denied->count)
		return unlink(DENIED_PATH) < 0 && errno != ENOENT ? failed(DENIED_PATH, errno) : IMAGATE_OK;
	for (size_t i = 0; i < denied->count; i++)
		len += strlen(denied->path[i]) + 1;
	text = malloc(len);
	if (!text)
		return failed(DENIED_PATH, ENOMEM);
	for (size_t i = 0; i < denied->count; i++) {
		size_t n = strlen(denied->path[i]);

		memcpy(text + at, denied->path[i], n);
		text[at + n] = '\n';
		at += n + 1;
	}
	r = file_write_atomic(AT_FDCWD, DENIED_PATH, text, len, 0644);
	return r < 0 ? failed(DENIED_PATH, -r) : IMAGATE_OK;
}

int upgraded_keep(const struct paths *denied, bool from_dpkg, const struct timespec *now)
{
	int code = keep_dir();

	if (code == IMAGATE_OK)
		code = keep_denied(denied);
	return code == IMAGATE_OK && from_dpkg ? mark(now) : code;
}
