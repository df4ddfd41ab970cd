#include "cli/upgraded.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "gate/trusted.h"
#include "label/ready.h"
#include "label/touch.h"
#include "label/walk.h"

#include <fcntl.h>
#include <string.h>

struct work {
	const struct upgraded_wish *wish;
	int root;
	struct judging judging;
	struct prover prover[WALK_THREADS_MAX];
	unsigned threads;
	struct config config;
	struct catalogues *catalogues;
	bool demands_proof; /* [catalogue] x509 is there: only what a catalogue proves gets a label */
	bool unproven;      /* and there is none that could */
};

static int said(const struct why *why)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return IMAGATE_FAILED;
}

/* A file may be denied at several hooks. */
size_t upgraded_files(const struct survey *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->bad_count; i++)
		n += i == 0 || strcmp(s->bad[i].path, s->bad[i - 1].path) != 0;
	return n;
}

/* -- what needs a label ------------------------------------------------------------------------ */

static int judge(struct work *w, const struct paths *list, struct survey *ret)
{
	struct why why = { 0 };

	*ret = (struct survey){ .about = &w->judging.about, .provers = w->prover, .threads = w->threads, .list = list };
	return survey_run(w->root, ret, &why) == OUTCOME_OK ? IMAGATE_OK : said(&why);
}

/* The bad ones' paths, sorted. signable: also those that only a signature helps. */
static int bad_paths(const struct survey *s, bool signable, struct paths *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->bad_count; i++)
		if (signable || s->bad[i].state != LABEL_STATE_SIGNATURE_REQUIRED)
			r = paths_add(ret, s->bad[i].path, strlen(s->bad[i].path));
	if (r < 0)
		log_error("label: %s", strerror(-r));
	paths_sort(ret);
	return r < 0 ? IMAGATE_FAILED : IMAGATE_OK;
}

/* -- how they get one: each step leaves to the next what it could not do ------------------------- */

static bool proven(const char *path, const uint8_t digest[static 32], void *arg)
{
	const struct work *w = arg;

	return catalogue_proves_at(w->catalogues, w->root, path, digest) == OUTCOME_OK;
}

/* What came with the package. */
static int by_package(struct work *w, const struct survey *s)
{
	struct paths wanted = { 0 };
	struct ready r = { .root = w->root, .prover = &w->prover[0], .wanted = &wanted, .proven = w->demands_proof ? proven : NULL,
		.proven_arg = w };
	struct why why = { 0 };
	int code = bad_paths(s, true, &wanted);
	enum outcome o;

	if (code == IMAGATE_OK) {
		o = ready_write(&r, w->config.catalogues, &why);
		if (o != OUTCOME_OK && o != OUTCOME_ABSENT)
			(void)said(&why); /* the files whose labels were lost are named later on */
		if (r.refused)
			log_warning("%zu files came with good labels, which the kernel does not take: with EVM's HMAC on, the policy needs "
			            "hash rules (as signed.policy has them)", r.refused);
	}
	paths_free(&wanted);
	return code;
}

static void unmappable(const char *path, const char *reason, void *arg)
{
	(void)path;
	(void)reason;
	(void)arg; /* it is looked at once more */
}

static bool content_proven(const struct work *w, const char *path)
{
	const struct prover *p = &w->prover[0];
	uint8_t digest[32];
	CLEAN_FD fd = -1;
	size_t len;

	return !w->demands_proof ||
	       (file_open(w->root, path, &fd) == 0 &&
	        p->file(p->state, fd, HASH_SHA256, digest, sizeof(digest), &len, NULL) == OUTCOME_OK && len == sizeof(digest) &&
	        catalogue_proves_at(w->catalogues, w->root, path, digest) == OUTCOME_OK);
}

/* In the fix stage the kernel labels what it sees; with EVM on it takes no hash from anybody else. */
static int by_kernel(struct work *w, const struct survey *s)
{
	struct touch_count c;
	struct why why = { 0 };

	for (size_t i = 0; i < s->bad_count; i++) {
		const char *path = s->bad[i].path;

		if ((i && !strcmp(path, s->bad[i - 1].path)) || !content_proven(w, path))
			continue;
		if (touch_tree(path, unmappable, NULL, &c, &why) != OUTCOME_OK)
			(void)said(&why); /* the others may go well; all are looked at once more */
	}
	return IMAGATE_OK;
}

/* By the keys that were given; else the hash, where a hash is enough. */
static int by_us(struct work *w, const struct survey *s)
{
	struct labelwrite_wish l = w->wish->label;
	struct paths wanted = { 0 };
	int code = bad_paths(s, l.key[MAKER_IMA] || l.key[MAKER_EVM], &wanted);

	l.list = &wanted;
	l.from_catalogue = w->demands_proof;
	if (code == IMAGATE_OK && wanted.count && labelwrite(&l) == IMAGATE_FAILED)
		code = IMAGATE_FAILED;
	paths_free(&wanted);
	return code;
}

static int next_step(struct work *w, int (*step)(struct work *, const struct survey *), struct survey *s)
{
	struct paths again = { 0 };
	int code = step(w, s);

	if (code == IMAGATE_OK)
		code = bad_paths(s, true, &again);
	survey_free(s);
	if (code == IMAGATE_OK)
		code = judge(w, &again, s);
	paths_free(&again);
	return code;
}

/* -- together ---------------------------------------------------------------------------------- */

static int open_work(struct work *w, const struct upgraded_wish *wish)
{
	struct why why = { 0 };
	enum outcome o = OUTCOME_OK;
	int code;

	w->wish = wish;
	w->threads = walk_threads(0);
	code = judging_begin(&wish->label.judging, &w->judging);
	if (code != IMAGATE_OK)
		return code;
	if (ini_config_load(AT_FDCWD, wish->label.judging.config, &w->config, &why) != OUTCOME_OK)
		return said(&why);
	w->demands_proof = file_exists(AT_FDCWD, w->config.x509_catalogue);
	for (unsigned i = 0; o == OUTCOME_OK && i < w->threads; i++)
		o = prover_open(w->judging.keys, &w->prover[i], &why);
	if (o != OUTCOME_OK)
		return said(&why);
	if (w->demands_proof)
		o = trusted_catalogues(w->root, w->root, &w->config, &w->catalogues, &why);
	w->unproven = o != OUTCOME_OK;
	if (o != OUTCOME_OK && o != OUTCOME_ABSENT)
		(void)said(&why);
	return IMAGATE_OK;
}

static void close_work(struct work *w)
{
	catalogues_free(&w->catalogues);
	for (unsigned i = 0; i < w->threads; i++)
		prover_close(&w->prover[i]);
	judging_end(&w->judging);
}

int upgraded_label(const struct upgraded_wish *wish, const struct record *record, const struct paths *list,
                   struct survey *ret, size_t *ret_labelled)
{
	static struct work w;
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool fix = record && record->decision.stage == STAGE_FIX, act = !wish->dry_run;
	size_t before = 0;
	int code;

	w = (struct work){ .root = root };
	*ret = (struct survey){ 0 };
	code = open_work(&w, wish);
	if (code == IMAGATE_OK)
		code = judge(&w, list, ret);
	before = upgraded_files(ret);
	act = act && !w.unproven;
	if (code == IMAGATE_OK && ret->bad_count && act)
		code = next_step(&w, by_package, ret);
	if (code == IMAGATE_OK && ret->bad_count && act && fix)
		code = next_step(&w, by_kernel, ret);
	if (code == IMAGATE_OK && ret->bad_count && act)
		code = next_step(&w, by_us, ret);
	*ret_labelled = before - upgraded_files(ret);
	close_work(&w);
	return code;
}
