#include "label/catalogues.h"

#include "base/file.h"
#include "core/names.h"
#include "core/revoked.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FILES_MAX 256

struct catalogues {
	struct catalogues_item *item;
	size_t count;
	bool usable;
	char *revoked_text; /* malloc'ed; NULL: there is no list */
	struct revoked revoked;
	uint8_t (*digest)[32]; /* revoked ones, sorted */
	size_t digests;
};

const char *catalogue_state_name(enum catalogue_state s)
{
	static const char *const names[] = {
		[CATALOGUE_BAD] = "bad", [CATALOGUE_ACTIVE] = "active", [CATALOGUE_SUPERSEDED] = "superseded",
		[CATALOGUE_REVOKED] = "revoked",
	};

	NAMES_COMPLETE(names, CATALOGUE_STATE_COUNT);
	return NAME_OF(names, s);
}

void catalogues_free(struct catalogues **slot)
{
	struct catalogues *c = *slot;

	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		catalogue_file_free(&c->item[i].loaded);
	free(c->item);
	free(c->revoked_text);
	free(c->digest);
	free(c);
	*slot = NULL;
}

/* -- revocation --------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static bool collect_digests(struct catalogues *c)
{
	struct revoked all = c->revoked;
	struct revoked_entry e;
	size_t n = 0;

	while (revoked_next(&all, &e))
		n += !e.name;
	c->digest = calloc(n + 1, sizeof(c->digest[0]));
	if (!c->digest)
		return false;
	all = c->revoked;
	while (revoked_next(&all, &e))
		if (!e.name)
			memcpy(c->digest[c->digests++], e.digest, sizeof(e.digest));
	qsort(c->digest, n, sizeof(c->digest[0]), by_bytes);
	return true;
}

static bool is_revoked(const struct catalogues *c, const uint8_t digest[static 32])
{
	return c->digests && bsearch(digest, c->digest, c->digests, sizeof(c->digest[0]), by_bytes);
}

static enum outcome refuse(struct why *why, const char *path, unsigned line, const char *detail)
{
	why_set(why, WHY_TEXT, line, "parse", path);
	why_detail(why, detail);
	return OUTCOME_REFUSED;
}

static enum outcome unreadable(struct why *why, const char *path, int error, const char *detail)
{
	why_set(why, WHY_ERRNO, error, "read", path);
	why_detail(why, detail);
	return error == ENOENT ? OUTCOME_REFUSED : OUTCOME_BROKEN;
}

static enum outcome parse_list(const struct catalogues_about *a, const char *path, size_t len, struct catalogues *c,
                               struct why *why)
{
	struct catalogue_error error;

	if (!revoked_parse(c->revoked_text, len, &c->revoked, &error))
		return refuse(why, path, error.line, error.reason);
	if (c->revoked.epoch < a->revoked_least)
		return refuse(why, path, 2, "an older list than [catalogue] revoked asks for");
	return collect_digests(c) ? OUTCOME_OK : unreadable(why, path, ENOMEM, "");
}

static enum outcome read_list(const struct catalogues_about *a, struct catalogues *c, struct why *why)
{
	CLEAN_FREE char *signature = NULL;
	char path[PATH_MAX], beside[PATH_MAX];
	size_t len, signature_len;
	enum outcome o;
	int r, s;

	(void)snprintf(path, sizeof(path), "%s/" REVOKED_NAME, a->dir); /* dir came from a shorter place */
	(void)snprintf(beside, sizeof(beside), "%s/" REVOKED_NAME CATALOGUE_SIGNATURE, a->dir);
	r = file_read(a->root, path, REVOKED_MAX, &c->revoked_text, &len);
	s = file_read(a->root, beside, CATALOGUE_SIGNATURE_MAX, &signature, &signature_len);
	if (r == -ENOENT && s == -ENOENT && !a->revoked_least)
		return OUTCOME_OK;
	if (r < 0)
		return unreadable(why, path, -r, "the revocation list is wanted: nothing is proven without it");
	if (s < 0)
		return unreadable(why, beside, -s, "the revocation list is not signed: nothing is proven until it is");
	o = a->verifier->detached(a->verifier->state, path, c->revoked_text, len, (const uint8_t *)signature, signature_len, why);
	return o == OUTCOME_OK ? parse_list(a, path, len, c, why) : o;
}

/* -- loading ------------------------------------------------------------------------------ */

static void describe(struct catalogues_item *item)
{
	const struct catalogue *k = &item->loaded.catalogue;

	memcpy(item->name, k->name, k->name_len); /* parsed: it fits */
	item->epoch = k->epoch;
	item->entries = k->count;
	item->bytes = item->loaded.text_size + (2 * k->count + k->memory.heads) * sizeof(uint32_t);
}

/* Some words with a number: catalogues are few. */
static void no_longer(struct catalogues_item *item, enum catalogue_state state, const char *words, unsigned epoch)
{
	char text[WHY_DETAIL_LEN];

	item->state = state;
	catalogue_file_free(&item->loaded);
	(void)snprintf(text, sizeof(text), "%s, epoch %u: %s %u", item->name, item->epoch, words, epoch); /* cut is fine */
	why_set(&item->why, WHY_TEXT, 0, catalogue_state_name(state), item->file);
	why_detail(&item->why, text);
}

static void supersede(struct catalogues *c, struct catalogues_item *new)
{
	for (size_t i = 0; i < c->count; i++) {
		struct catalogues_item *old = &c->item[i];
		struct catalogues_item *lower = new->epoch > old->epoch ? old : new;

		if (old == new || old->state != CATALOGUE_ACTIVE || strcmp(old->name, new->name))
			continue;
		no_longer(lower, CATALOGUE_SUPERSEDED, "there is one of epoch", lower == old ? new->epoch : old->epoch);
		return; /* one of a name is active */
	}
}

static void load_one(const struct catalogues_about *a, const char *file, struct catalogues *c)
{
	struct catalogues_item *item = &c->item[c->count++];
	char path[PATH_MAX];
	unsigned lowest;

	(void)snprintf(item->file, sizeof(item->file), "%s", file); /* a name: it fits */
	(void)snprintf(path, sizeof(path), "%s/%s", a->dir, file);
	if (catalogue_file_load(a->root, path, a->verifier, &item->loaded, &item->why) != OUTCOME_OK)
		return;
	describe(item);
	lowest = c->revoked_text ? revoked_lowest(&c->revoked, item->name, strlen(item->name)) : 0;
	if (item->epoch < lowest) {
		no_longer(item, CATALOGUE_REVOKED, "the revocation list takes none below", lowest);
		return;
	}
	item->state = CATALOGUE_ACTIVE;
	supersede(c, item);
}

static enum outcome load(const struct catalogues_about *a, struct catalogues *c, struct why *why)
{
	CLEAN_FREE char (*names)[256] = calloc(FILES_MAX, sizeof(*names));
	enum outcome o;
	int n = !names ? -ENOMEM : strlen(a->dir) > PATH_MAX - 300 ? -ENAMETOOLONG
	        : dir_list(a->root, a->dir, CATALOGUE_SUFFIX, names, FILES_MAX);

	if (n < 0) {
		why_set(why, WHY_ERRNO, -n, "list", a->dir);
		return n == -ENOENT && !a->revoked_least ? OUTCOME_ABSENT : n == -ENOENT ? OUTCOME_REFUSED : OUTCOME_BROKEN;
	}
	o = read_list(a, c, why);
	if (o != OUTCOME_OK)
		return o;
	c->item = calloc((size_t)n + 1, sizeof(*c->item));
	if (!c->item)
		return unreadable(why, a->dir, ENOMEM, "");
	for (int i = 0; i < n; i++)
		load_one(a, names[i], c);
	for (size_t i = 0; i < c->count; i++)
		c->usable |= c->item[i].state == CATALOGUE_ACTIVE;
	if (!c->usable) {
		why_set(why, WHY_TEXT, 0, "no active catalogue", a->dir);
		why_detail(why, "'imagate catalogue list' says why");
	}
	return c->usable ? OUTCOME_OK : OUTCOME_ABSENT;
}

enum outcome catalogues_load(const struct catalogues_about *about, struct catalogues **ret, struct why *why)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return unreadable(why, about->dir, ENOMEM, "");
	return load(about, *ret, why);
}

/* -- asking ------------------------------------------------------------------------------- */

enum outcome catalogue_proves(const struct catalogues *c, const char *path, const uint8_t digest[static 32])
{
	enum outcome o = OUTCOME_ABSENT;

	if (!c || !c->usable)
		return OUTCOME_BLOCKED;
	if (is_revoked(c, digest))
		return OUTCOME_REFUSED;
	for (size_t i = 0; i < c->count; i++) {
		const struct catalogue *k = &c->item[i].loaded.catalogue;
		struct catalogue_entry e;
		size_t at;

		if (c->item[i].state != CATALOGUE_ACTIVE || (at = catalogue_by_path(k, path)) == CATALOGUE_NONE)
			continue;
		catalogue_at(k, at, &e);
		if (catalogue_has(&e, digest))
			return OUTCOME_OK;
		o = OUTCOME_REFUSED;
	}
	return o;
}

enum outcome catalogue_proves_content(const struct catalogues *c, const uint8_t digest[static 32])
{
	if (!c || !c->usable)
		return OUTCOME_BLOCKED;
	if (is_revoked(c, digest))
		return OUTCOME_REFUSED;
	for (size_t i = 0; i < c->count; i++)
		if (c->item[i].state == CATALOGUE_ACTIVE &&
		    catalogue_by_digest(&c->item[i].loaded.catalogue, digest, CATALOGUE_NONE) != CATALOGUE_NONE)
			return OUTCOME_OK;
	return OUTCOME_ABSENT;
}

void catalogue_paths(const struct catalogues *c, const uint8_t digest[static 32],
                     void (*each)(const char *path, void *arg), void *arg)
{
	char path[CATALOGUE_PATH_LEN];

	for (size_t i = 0; c && i < c->count; i++) {
		const struct catalogue *k = &c->item[i].loaded.catalogue;
		struct catalogue_entry e;

		if (c->item[i].state != CATALOGUE_ACTIVE)
			continue;
		for (size_t at = CATALOGUE_NONE; (at = catalogue_by_digest(k, digest, at)) != CATALOGUE_NONE;) {
			catalogue_at(k, at, &e);
			catalogue_path(&e, path);
			each(path, arg);
		}
	}
}

struct alias {
	int root;
	const char *path;
	bool found;
};

static void leads_there(const char *path, void *arg)
{
	struct alias *a = arg;
	char real[PATH_MAX];

	a->found = a->found || (path_real_in_root(a->root, path, real, sizeof(real)) == 0 && !strcmp(real, a->path));
}

enum outcome catalogue_proves_at(const struct catalogues *c, int root, const char *path, const uint8_t digest[static 32])
{
	struct alias a = { root, path, false };
	enum outcome o = catalogue_proves(c, path, digest);

	if (o == OUTCOME_OK || catalogue_proves_content(c, digest) != OUTCOME_OK)
		return o;
	catalogue_paths(c, digest, leads_there, &a);
	return a.found ? OUTCOME_OK : o;
}

size_t catalogues_count(const struct catalogues *c)
{
	return c ? c->count : 0;
}

const struct catalogues_item *catalogues_at(const struct catalogues *c, size_t i)
{
	return &c->item[i];
}

unsigned catalogues_revoked(const struct catalogues *c, size_t *ret_digests)
{
	*ret_digests = c ? c->digests : 0;
	return c && c->revoked_text ? c->revoked.epoch : 0;
}
