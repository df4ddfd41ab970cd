/* 'imagate catalogue build' and 'check': a tree's files, hashed in parallel. */
#include "cli/catalogue.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/progress.h"
#include "cli/shown.h"
#include "crypto/keyset.h"
#include "gate/trusted.h"
#include "label/treedigest.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HEAD_LEN 256

static enum outcome walk(const struct catalogue_wish *w, int root, const struct keyset *keys, struct treedigest *t, double *ret_seconds,
                         struct why *why)
{
	struct prover provers[WALK_THREADS_MAX] = { { .state = NULL } };
	struct progress p;
	enum outcome o = OUTCOME_OK;

	for (unsigned i = 0; i < t->threads && o == OUTCOME_OK; i++)
		o = prover_open(keys, &provers[i], why);
	if (o == OUTCOME_OK) {
		t->provers = provers;
		progress_begin(&p, &t->files, &t->bytes, w->all && !w->count ? root : -1);
		o = treedigest_run(root, t, why);
		*ret_seconds = progress_end(&p);
	}
	for (unsigned i = 0; i < t->threads; i++)
		prover_close(&provers[i]);
	return o;
}

/* Exit code. */
static int digest_tree(const struct catalogue_wish *w, struct treedigest *ret, double *ret_seconds)
{
	CLEAN_FD root = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct keyset *keys = keyset_new(); /* none are needed for digests */
	struct why why = { 0 };
	enum outcome o;

	*ret = (struct treedigest){ .threads = walk_threads(w->threads), .starts = (const char *const *)w->args, .all = w->all };
	if (root < 0 || !keys) {
		log_error("%s: %s", w->root, strerror(root < 0 ? errno : ENOMEM));
		keyset_free(&keys);
		return IMAGATE_USAGE;
	}
	o = walk(w, root, keys, ret, ret_seconds, &why);
	keyset_free(&keys);
	if (o == OUTCOME_OK)
		return IMAGATE_OK;
	return catalogue_said(&why, why.domain == WHY_ERRNO && why.code == ENOENT ? IMAGATE_USAGE : IMAGATE_FAILED);
}

static const char *error_words(int error)
{
	return error == EAGAIN ? "it is being written to: try again" : strerror(error);
}

/* -- build -------------------------------------------------------------------------------- */

static size_t format_all(const struct treedigest *t, const char *head, char *ret, size_t size)
{
	static char line[CATALOGUE_LINE_LEN];
	size_t used = strlen(head);

	memcpy(ret, head, used);
	for (size_t i = 0; i < t->count; i++) {
		size_t n = catalogue_format(t->entry[i].digest, t->entry[i].path, line);

		if (!n || n > size - used) { /* not reached: walks make no such paths, and size has room for each */
			log_error("%s: cannot stand in a catalogue", t->entry[i].path);
			return 0;
		}
		memcpy(ret + used, line, n);
		used += n;
	}
	return used;
}

static size_t room_for(const struct treedigest *t)
{
	size_t size = HEAD_LEN;

	for (size_t i = 0; i < t->count; i++)
		size += 2 * strlen(t->entry[i].path) + CATALOGUE_HEX + 4;
	return size;
}

static int store(const char *path, const struct treedigest *t, const char *head, size_t *ret_size)
{
	size_t size = room_for(t);
	CLEAN_FREE char *text = malloc(size);
	int r;

	if (!text) {
		log_error("%s: %s", path, strerror(ENOMEM));
		return IMAGATE_FAILED;
	}
	*ret_size = format_all(t, head, text, size);
	if (!*ret_size)
		return IMAGATE_FAILED;
	r = *ret_size > CATALOGUE_TEXT_MAX ? -EFBIG : file_write_atomic(AT_FDCWD, path, text, *ret_size, 0644);
	if (r == 0)
		return IMAGATE_OK;
	log_error("%s: %s", path, strerror(-r));
	return IMAGATE_FAILED;
}

/* A catalogue that lacks files is not written. */
static int complain(const struct treedigest *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entry[i].error)
			log_error("%s: %s", t->entry[i].path, error_words(t->entry[i].error));
	if (t->bad)
		log_error("%zu files or directories could not be read: no catalogue was written", t->bad);
	return t->bad ? IMAGATE_FAILED : IMAGATE_OK;
}

struct title {
	char name[CATALOGUE_NAME_MAX + 1];
	unsigned epoch;
};

static bool name_of(const struct catalogue_wish *w, char ret[static CATALOGUE_NAME_MAX + 1])
{
	const char *base = strrchr(w->output, '/'), *name = w->name ? w->name : base ? base + 1 : w->output;
	size_t len = strlen(name), suffix = strlen(CATALOGUE_SUFFIX);

	if (!w->name && len > suffix && !strcmp(name + len - suffix, CATALOGUE_SUFFIX))
		len -= suffix;
	if (!catalogue_name_ok(name, len))
		return false;
	memcpy(ret, name, len);
	ret[len] = '\0';
	return true;
}

/* One more than what is there under the same name. */
static unsigned next_epoch(const char *path, const char *name)
{
	struct catalogue_file f;
	unsigned epoch = 0;

	if (catalogue_file_load(AT_FDCWD, path, NULL, &f, NULL) != OUTCOME_OK)
		return 1;
	if (f.catalogue.name_len == strlen(name) && !memcmp(f.catalogue.name, name, strlen(name)))
		epoch = f.catalogue.epoch;
	catalogue_file_free(&f);
	return epoch < CATALOGUE_EPOCH_MAX ? epoch + 1 : epoch;
}

static void built(const struct catalogue_wish *w, const struct title *title, const struct treedigest *t, size_t size, double seconds)
{
	struct json_object *o;

	if (!w->json) {
		(void)printf("%s: %s, epoch %u, %zu files, %.1f MiB hashed in %.2f s\n", w->output, title->name, title->epoch, t->count,
		             (double)t->bytes / (1024 * 1024), seconds);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "file", json_object_new_string(w->output));
	json_object_object_add(o, "name", json_object_new_string(title->name));
	json_object_object_add(o, "epoch", json_object_new_int64(title->epoch));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)t->count));
	json_object_object_add(o, "hashed", json_object_new_int64((int64_t)t->bytes));
	json_object_object_add(o, "size", json_object_new_int64((int64_t)size));
	json_object_object_add(o, "seconds", json_object_new_double(seconds));
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

int catalogue_build(const struct catalogue_wish *w)
{
	struct title title = { .epoch = w->epoch };
	struct treedigest t;
	char head[HEAD_LEN];
	double seconds = 0;
	size_t size = 0;
	int r;

	if (!w->output || !name_of(w, title.name)) {
		log_error(w->output ? "catalogue build: FILE's name is no name for a catalogue: give --name NAME"
		                    : "catalogue build: -o FILE is wanted");
		return IMAGATE_USAGE;
	}
	if (!title.epoch)
		title.epoch = next_epoch(w->output, title.name);
	(void)catalogue_format_head(title.name, title.epoch, head, sizeof(head)); /* it fits */
	r = digest_tree(w, &t, &seconds);
	if (r == IMAGATE_OK)
		r = complain(&t);
	if (r == IMAGATE_OK)
		r = store(w->output, &t, head, &size);
	if (r == IMAGATE_OK)
		built(w, &title, &t, size, seconds);
	treedigest_free(&t);
	return r;
}

/* -- check -------------------------------------------------------------------------------- */

struct report {
	struct json_object *list; /* NULL: text */
	size_t unproven;
};

static void first_path(const char *path, void *arg)
{
	char *ret = arg;

	if (!*ret)
		(void)snprintf(ret, CATALOGUE_PATH_LEN, "%s", path);
}

static void describe(const struct catalogues *c, const struct treedigest_entry *e, enum outcome o, char *ret, size_t size)
{
	static char other[CATALOGUE_PATH_LEN];
	enum outcome content = e->error ? OUTCOME_BROKEN : catalogue_proves_content(c, e->digest);

	*other = '\0';
	if (content == OUTCOME_OK)
		catalogue_paths(c, e->digest, first_path, other);
	if (e->error)
		(void)snprintf(ret, size, "%s", error_words(e->error));
	else if (content == OUTCOME_REFUSED)
		(void)snprintf(ret, size, "this content is revoked");
	else
		(void)snprintf(ret, size, "%s%s%s", o == OUTCOME_REFUSED ? "other content than in the catalogue" : "in no catalogue",
		               *other ? "; it is that of " : "", other);
}

static void tell(const struct catalogues *c, const struct treedigest_entry *e, enum outcome o, struct report *r)
{
	static char reason[CATALOGUE_PATH_LEN + 64];
	struct json_object *f;
	struct shown plain;

	r->unproven++;
	describe(c, e, o, reason, sizeof(reason));
	if (!r->list) {
		(void)printf("%s: ", shown(e->path, &plain));
		(void)printf("%s\n", shown(reason, &plain));
		return;
	}
	f = json_object_new_object();
	json_object_object_add(f, "path", shown_json(e->path));
	json_object_object_add(f, "reason", shown_json(reason));
	json_object_array_add(r->list, f);
}

static void checked(const struct treedigest *t, const struct report *r, double seconds)
{
	struct json_object *o;

	if (!r->list) {
		(void)printf("%zu files in %.2f s, %zu not proven\n", t->count, seconds, r->unproven);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "files", json_object_new_int64((int64_t)t->count));
	json_object_object_add(o, "unproven", r->list);
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int check_tree(const struct catalogue_wish *w, const struct catalogues *c)
{
	struct report report = { .list = NULL };
	CLEAN_FD root = open(w->root, O_PATH | O_DIRECTORY | O_CLOEXEC); /* digest_tree() says what is wrong with it */
	struct treedigest t;
	double seconds = 0;
	int r = digest_tree(w, &t, &seconds);

	if (r == IMAGATE_OK) {
		report.list = w->json ? json_object_new_array() : NULL;
		for (size_t i = 0; i < t.count; i++) {
			enum outcome o = t.entry[i].error ? OUTCOME_BROKEN : catalogue_proves_at(c, root, t.entry[i].path, t.entry[i].digest);

			if (o != OUTCOME_OK)
				tell(c, &t.entry[i], o, &report);
		}
		checked(&t, &report, seconds);
		r = report.unproven ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	}
	treedigest_free(&t);
	return r;
}

int catalogue_check(const struct catalogue_wish *w)
{
	struct config config;
	struct catalogues *c = NULL;
	struct why why = { 0 };
	enum outcome o;
	int r = catalogue_config(w, &config);

	if (r != IMAGATE_OK)
		return r;
	o = trusted_catalogues(AT_FDCWD, AT_FDCWD, &config, &c, &why);
	r = o == OUTCOME_OK ? check_tree(w, c) : catalogue_said(&why, o == OUTCOME_REFUSED ? IMAGATE_NOT_ADMITTED : IMAGATE_USAGE);
	catalogues_free(&c);
	return r;
}
