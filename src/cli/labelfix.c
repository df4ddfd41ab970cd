#include "cli/labelfix.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/everywhere.h"
#include "cli/evidence.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "crypto/crypto.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABELLED_PATH EVIDENCE_DIR "/labelled" /* with which key all was labelled */
#define KEY_LINE (4 + 2 * KEY_ID_LEN + 2)

static void report(const char *path, const char *reason, void *arg)
{
	unsigned *thousands = arg;

	if (reason)
		log_warning("%s: %s", path, reason);
	else
		log_notice("labelling: %u000 files, %s", ++*thousands, path);
}

/* Somebody looks on: imagate-label.service at the console. */
static enum outcome aloud(everywhere_fn how, const char *dir, touch_report_fn fn, void *arg, struct touch_count *ret,
                          struct why *why)
{
	enum outcome o;

	log_notice("labelling %s ...", dir);
	o = how(dir, fn, arg, ret, why);
	if (o == OUTCOME_OK)
		log_notice("labelling %s: %zu files, %zu labelled now, %zu failed", dir, ret->seen, ret->labelled, ret->failed);
	return o;
}

static enum outcome all(const char *dir, touch_report_fn fn, void *arg, struct touch_count *ret, struct why *why)
{
	return aloud(touch_tree, dir, fn, arg, ret, why);
}

static enum outcome missing(const char *dir, touch_report_fn fn, void *arg, struct touch_count *ret, struct why *why)
{
	return aloud(touch_missing, dir, fn, arg, ret, why);
}

static int said(enum outcome o, const struct touch_count *sum, const struct why *why)
{
	if (o != OUTCOME_OK)
		return sealing_failed("label", why);
	(void)printf("%zu files in scope: %zu labelled now, %zu labelled before, %zu failed\n",
	             sum->seen, sum->labelled, sum->kept, sum->failed);
	return sum->failed ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
}

int labelfix(char **paths)
{
	struct touch_count sum = { 0 }, c;
	struct why why = { 0 };
	unsigned thousands = 0;
	enum outcome o = *paths ? OUTCOME_OK : everywhere(all, report, &thousands, &sum, &why);

	for (; o == OUTCOME_OK && *paths; paths++) {
		o = touch_tree(*paths, report, &thousands, &c, &why);
		if (o == OUTCOME_OK)
			touch_count_add(&sum, &c);
	}
	return said(o, &sum, &why);
}

/* The key that this system's labels are made with, as a line. */
static void key_line(char ret[static KEY_LINE])
{
	CLEAN_FREE char *text = NULL;
	static struct config c;
	static struct seal s;
	size_t len;

	(void)snprintf(ret, KEY_LINE, "key=none\n");
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, NULL) != OUTCOME_OK)
		config_defaults(&c);
	if (file_read(AT_FDCWD, c.seal, SEAL_FILE_MAX, &text, &len) < 0 || seal_file_parse(c.seal, text, len, &s, NULL) != OUTCOME_OK)
		return;
	memcpy(ret, "key=", 4);
	hex_encode(s.key_id, KEY_ID_LEN, ret + 4);
	memcpy(ret + 4 + 2 * KEY_ID_LEN, "\n", 2);
}

/* The unit runs it in every boot; what to do, this boot's stage says. The first time with this key every file is
 * mapped, since a label may be there and be another key's; after that what has none. */
int labelfix_by_stage(void)
{
	static struct record r;
	CLEAN_FREE char *done = NULL;
	char key[KEY_LINE];
	struct touch_count sum = { 0 };
	struct why why = { 0 };
	unsigned thousands = 0;
	size_t len;
	enum outcome o;
	bool again;
	int k;

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	if (r.decision.stage != STAGE_FIX || r.decision.verdict != VERDICT_ADMIT)
		return IMAGATE_OK;
	key_line(key);
	again = file_read(AT_FDCWD, LABELLED_PATH, KEY_LINE, &done, &len) == 0 && !strcmp(done, key);
	o = everywhere(again ? missing : all, report, &thousands, &sum, &why);
	if (o == OUTCOME_OK && !again && !sum.failed) {
		sync(); /* what says so outlives a power cut: so must the labels */
		k = mkdir(EVIDENCE_DIR, 0700) < 0 && errno != EEXIST ? -errno
		    : file_write_atomic(AT_FDCWD, LABELLED_PATH, key, strlen(key), 0644);
		if (k < 0)
			log_error("%s: %s", LABELLED_PATH, strerror(-k));
	}
	return said(o, &sum, &why);
}
