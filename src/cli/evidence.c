#include "cli/evidence.h"

#include "base/file.h"
#include "base/log.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEPT 64

bool evidence_record(struct record *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int e = file_read(AT_FDCWD, RECORD_PATH, RECORD_MAX, &text, &len);

	if (e == 0 && record_parse(text, len, ret))
		return true;
	log_error("%s: %s", RECORD_PATH, e == -ENOENT ? "not there: the gate did not run in this boot"
	                                 : e < 0 ? strerror(-e) : "not a record of this version of imagate");
	return false;
}

static void boot_id(char ret[static 40])
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	(void)snprintf(ret, 40, "unknown");
	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &len) == 0)
		(void)snprintf(ret, 40, "%.36s", text); /* a UUID */
}

void evidence_now(const struct record *r, struct boot_evidence *ret)
{
	CLEAN_FREE char *text = NULL;
	struct boot_evidence kept;
	size_t len;

	/* without watch nobody has counted */
	*ret = (struct boot_evidence){ .stage = r->decision.stage, .lost = 1 };
	boot_id(ret->boot);
	if (file_read(AT_FDCWD, DENIALS_PATH, EVIDENCE_LINE, &text, &len) == 0 && len && text[len - 1] == '\n' &&
	    evidence_parse(text, len - 1, &kept)) {
		ret->denials = kept.denials;
		ret->lost = kept.lost;
		memcpy(ret->first, kept.first, sizeof(ret->first));
	}
}

static bool same_boot(const char *line, size_t len, const char *boot)
{
	struct boot_evidence e;

	return evidence_parse(line, len, &e) && !strcmp(e.boot, boot);
}

int evidence_keep(const struct boot_evidence *e)
{
	CLEAN_FREE char *text = NULL;
	char next[EVIDENCE_MAX + EVIDENCE_LINE];
	struct text t = { NULL, NULL };
	const char *line;
	size_t len = 0, line_len, used = 0, lines = 0, skip;
	int r;

	if (mkdir(EVIDENCE_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = file_read(AT_FDCWD, EVIDENCE_PATH, EVIDENCE_MAX, &text, &len);
	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	skip = lines >= KEPT ? lines - KEPT + 1 : 0;
	t = (struct text){ text, text ? text + len : text };
	while (text && text_line(&t, &line, &line_len)) {
		if (skip) {
			skip--;
		} else if (!same_boot(line, line_len, e->boot)) {
			memcpy(next + used, line, line_len);
			next[used + line_len] = '\n';
			used += line_len + 1;
		}
	}
	used += evidence_format(e, next + used, sizeof(next) - used);
	return file_write_atomic(AT_FDCWD, EVIDENCE_PATH, next, used, 0600);
}

unsigned evidence_count(const struct boot_evidence *now)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	if (now->stage == STAGE_AUDIT && (now->denials || now->lost))
		return 0;
	return file_read(AT_FDCWD, EVIDENCE_PATH, EVIDENCE_MAX, &text, &len) == 0 ? evidence_clean(text, len, now->boot) : 0;
}

size_t evidence_last(struct boot_evidence *ret, size_t max)
{
	CLEAN_FREE char *text = NULL;
	struct boot_evidence e;
	struct text t;
	const char *line;
	size_t len, n = 0;

	if (file_read(AT_FDCWD, EVIDENCE_PATH, EVIDENCE_MAX, &text, &len) < 0)
		return 0;
	t = (struct text){ text, text + len };
	while (text_line(&t, &line, &len)) {
		if (!evidence_parse(line, len, &e) || e.stage != STAGE_AUDIT)
			continue;
		if (n == max)
			memmove(ret, ret + 1, --n * sizeof(*ret));
		ret[n++] = e;
	}
	return n;
}
