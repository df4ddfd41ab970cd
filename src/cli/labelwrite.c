#include "cli/labelwrite.h"

#include "base/clean.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/pin.h"
#include "cli/progress.h"
#include "cli/shown.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "crypto/signer.h"
#include "gate/trusted.h"
#include "label/labeller.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED 10

struct tools {
	struct judging judging;
	struct signer *signer[MAKER_KEYS];
	struct maker maker[WALK_THREADS_MAX];
	unsigned threads;
	struct catalogues *catalogues; /* NULL: content need not be proven */
};

static int said(const struct why *why, int code)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return code;
}

static int open_signers(const struct labelwrite_wish *w, struct tools *t)
{
	static const char *const options[] = { "--sign KEY needs --cert CERTIFICATE", "--evm-sign KEY needs --evm-cert CERTIFICATE" };
	struct why why = { 0 };

	for (int k = 0; k < MAKER_KEYS; k++) {
		if (!w->key[k] != !w->cert[k]) {
			log_error("%s", options[k]);
			return IMAGATE_USAGE;
		}
		if (w->key[k] && signer_open(&(struct signer_wish){ w->key[k], w->cert[k], pin_ask }, &t->signer[k], &why) != OUTCOME_OK)
			return said(&why, IMAGATE_USAGE);
	}
	return IMAGATE_OK;
}

static int open_makers(const struct labelwrite_wish *w, struct tools *t)
{
	const struct signer *signers[MAKER_KEYS] = { t->signer[MAKER_IMA], t->signer[MAKER_EVM] };
	int algo = w->hash ? hash_algo_from_name(w->hash, strlen(w->hash)) : HASH_SHA256;
	struct why why = { 0 };

	if (algo < 0) {
		log_error("--hash: sha256, sha384, sha512, sha224 or sha1");
		return IMAGATE_USAGE;
	}
	t->threads = walk_threads(w->threads);
	for (unsigned i = 0; i < t->threads; i++)
		if (maker_open(algo, signers, &t->judging.hmac, &t->maker[i], &why) != OUTCOME_OK)
			return said(&why, IMAGATE_USAGE);
	return IMAGATE_OK;
}

/* This system's catalogues, whatever root is labelled by them. */
static int open_catalogues(const struct labelwrite_wish *w, struct tools *t)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static struct config c;
	struct why why = { 0 };
	enum outcome o;

	if (!w->from_catalogue)
		return IMAGATE_OK;
	if (w->hash && strcmp(w->hash, "sha256") != 0) {
		log_error("--from-catalogue goes with sha256, which catalogues are made of");
		return IMAGATE_USAGE;
	}
	if (ini_config_load(AT_FDCWD, w->judging.config, &c, &why) != OUTCOME_OK)
		return said(&why, IMAGATE_USAGE);
	o = trusted_catalogues(root, root, &c, &t->catalogues, &why);
	trusted_warn(t->catalogues);
	return o == OUTCOME_OK ? IMAGATE_OK : said(&why, IMAGATE_USAGE);
}

/* A label over an fs-verity digest is only good where a rule asks for it: else the kernel denies the file. */
static int judge_verity(const struct labelwrite_wish *w, const struct tools *t)
{
	if (!w->verity)
		return IMAGATE_OK;
	if (w->hash && strcmp(w->hash, "sha256") != 0 && strcmp(w->hash, "sha512") != 0) {
		log_error("--verity goes with --hash sha256 or sha512, which fs-verity knows");
		return IMAGATE_USAGE;
	}
	if (!t->judging.about.verity && !w->all) {
		log_error("%s: no rule says digest_type=verity: add one (appraise ... digest_type=verity appraise_type=sigv3), or take "
		          "--all", t->judging.policy_path);
		return IMAGATE_USAGE;
	}
	return IMAGATE_OK;
}

struct asked {
	const struct catalogues *catalogues;
	int root;
};

static bool proven(const char *path, const uint8_t *digest, size_t len, void *arg)
{
	const struct asked *a = arg;

	return len == 32 && catalogue_proves_at(a->catalogues, a->root, path, digest) == OUTCOME_OK;
}

static void close_tools(struct tools *t)
{
	catalogues_free(&t->catalogues);
	for (unsigned i = 0; i < t->threads; i++)
		maker_close(&t->maker[i]);
	for (int k = 0; k < MAKER_KEYS; k++)
		signer_close(&t->signer[k]);
	judging_end(&t->judging);
}

/* -- what it says --------------------------------------------------------------------------- */

static void print_bad(const struct labeller *l)
{
	for (size_t i = 0; i < l->bad_count && i < NAMED; i++)
		log_warning("%s: %s", l->bad[i].path, l->bad[i].reason);
	if (l->bad_count > NAMED)
		log_warning("... and %zu more; --json names them all", l->bad_count - NAMED);
}

static struct json_object *to_json(const struct labeller *l, bool dry)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "dry-run", json_object_new_boolean(dry));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)l->files));
	json_object_object_add(o, "labelled", json_object_new_int64((int64_t)l->labelled));
	json_object_object_add(o, "kept", json_object_new_int64((int64_t)l->kept));
	json_object_object_add(o, "out-of-scope", json_object_new_int64((int64_t)l->skipped));
	json_object_object_add(o, "fs-verity", json_object_new_int64((int64_t)l->enabled));
	json_object_object_add(o, "unproven", json_object_new_int64((int64_t)l->unproven));
	for (size_t i = 0; i < l->bad_count; i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "path", shown_json(l->bad[i].path));
		json_object_object_add(f, "reason", json_object_new_string(l->bad[i].reason));
		json_object_array_add(list, f);
	}
	json_object_object_add(o, "failed", list);
	return o;
}

static void say(const struct labeller *l, const struct labelwrite_wish *w, double seconds, struct json_object *list)
{
	if (list) {
		json_object_array_add(list, to_json(l, w->dry_run));
		return;
	}
	print_bad(l);
	(void)printf("%zu files in %.2f s: %zu %s, %zu right already, %zu not in scope of the policy, %zu failed\n", (size_t)l->files,
	             seconds, (size_t)l->labelled, w->dry_run ? "would be labelled" : "labelled", (size_t)l->kept, (size_t)l->skipped,
	             l->bad_count);
	if (w->verity)
		(void)printf("%zu %s fs-verity now: never to be written again, only replaced\n", (size_t)l->enabled,
		             w->dry_run ? "would have" : "have");
	if (w->from_catalogue)
		(void)printf("%zu are proven by no catalogue: left as they were\n", (size_t)l->unproven);
}

/* -- the walk ------------------------------------------------------------------------------- */

static int label_one(const struct labelwrite_wish *w, const struct tools *t, int root, const char *start, struct json_object *list)
{
	struct asked asked = { t->catalogues, root };
	struct labeller l = { .about = &t->judging.about, .makers = t->maker, .threads = t->threads, .start = start, .list = w->list, .all = w->all,
		.dry_run = w->dry_run, .verity = w->verity, .verity_least = (uint64_t)w->verity_least * 1024, .proven = t->catalogues ? proven : NULL, .proven_arg = &asked };
	struct progress p;
	struct why why = { 0 };
	enum outcome o;
	double seconds;
	int code;

	progress_begin(&p, &l.files, &l.bytes, start || w->list ? -1 : root);
	o = labeller_run(root, &l, &why);
	seconds = progress_end(&p);
	if (o == OUTCOME_OK && !w->list)
		say(&l, w, seconds, list);
	code = o == OUTCOME_REFUSED ? said(&why, IMAGATE_USAGE) : o != OUTCOME_OK ? said(&why, IMAGATE_FAILED)
	       : l.bad_count        ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	labeller_free(&l);
	return code;
}

static int label_all(const struct labelwrite_wish *w, const struct tools *t)
{
	CLEAN_FD root = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct json_object *list = w->json ? json_object_new_array() : NULL;
	int code = IMAGATE_OK;

	if (root < 0) {
		log_error("%s: %s", w->root, strerror(errno));
		json_object_put(list);
		return IMAGATE_USAGE;
	}
	if (w->list || !*w->paths)
		code = label_one(w, t, root, NULL, list);
	for (char **p = w->paths; !w->list && *p; p++) {
		int c = label_one(w, t, root, *p, list);

		code = c > code ? c : code;
	}
	if (list)
		(void)puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
	return code;
}

int labelwrite(const struct labelwrite_wish *w)
{
	static struct tools t;
	int r = judging_begin(&w->judging, &t.judging);

	/* a policy that the kernel would refuse says nothing about what is in scope */
	if (r == IMAGATE_OK)
		r = judge_verity(w, &t);
	if (r == IMAGATE_OK)
		r = open_signers(w, &t);
	if (r == IMAGATE_OK)
		r = open_makers(w, &t);
	if (r == IMAGATE_OK)
		r = open_catalogues(w, &t);
	if (r == IMAGATE_OK)
		r = label_all(w, &t);
	close_tools(&t);
	return r;
}
