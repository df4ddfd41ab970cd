/* 'imagate catalogue list' and 'diff'. */
#include "cli/catalogue.h"

#include "cli/shown.h"
#include "core/advice.h"
#include "gate/trusted.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static void print_json(struct json_object *o)
{
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* -- list --------------------------------------------------------------------------------- */

static void reason(const struct catalogues_item *i, char *ret, size_t size)
{
	*ret = '\0';
	if (i->state != CATALOGUE_ACTIVE)
		why_format(&i->why, ret, size);
}

static struct json_object *item_json(const struct catalogues_item *i)
{
	struct json_object *o = json_object_new_object();
	char why[512];

	reason(i, why, sizeof(why));
	json_object_object_add(o, "file", json_object_new_string(i->file));
	json_object_object_add(o, "state", json_object_new_string(catalogue_state_name(i->state)));
	json_object_object_add(o, "name", json_object_new_string(i->name));
	json_object_object_add(o, "epoch", json_object_new_int64(i->epoch));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)i->entries));
	json_object_object_add(o, "bytes", json_object_new_int64((int64_t)i->bytes));
	json_object_object_add(o, "why", *why ? json_object_new_string(why) : NULL);
	return o;
}

static void list_json(const struct catalogues *c, const struct config *config, enum outcome usable)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	size_t digests;
	unsigned epoch = catalogues_revoked(c, &digests);

	json_object_object_add(o, "directory", json_object_new_string(config->catalogues));
	json_object_object_add(o, "usable", json_object_new_boolean(usable == OUTCOME_OK));
	json_object_object_add(o, "revoked-epoch", json_object_new_int64(epoch));
	json_object_object_add(o, "revoked-digests", json_object_new_int64((int64_t)digests));
	for (size_t i = 0; i < catalogues_count(c); i++)
		json_object_array_add(list, item_json(catalogues_at(c, i)));
	json_object_object_add(o, "catalogues", list);
	print_json(o);
}

static void list_text(const struct catalogues *c)
{
	size_t digests;
	unsigned epoch = catalogues_revoked(c, &digests);
	char why[512];

	for (size_t i = 0; i < catalogues_count(c); i++) {
		const struct catalogues_item *it = catalogues_at(c, i);

		reason(it, why, sizeof(why));
		if (it->state == CATALOGUE_BAD)
			(void)printf("%-10s  %s: %s\n", catalogue_state_name(it->state), it->file, why);
		else
			(void)printf("%-10s  %s: %s, epoch %u, %zu files\n", catalogue_state_name(it->state), it->file, it->name, it->epoch,
			             it->entries);
		if (it->state == CATALOGUE_REVOKED || it->state == CATALOGUE_SUPERSEDED)
			(void)printf("%10s  %s\n", "", it->why.detail);
	}
	if (epoch)
		(void)printf("revoked: list of epoch %u, with %zu single contents\n", epoch, digests);
	else
		(void)puts("revoked: no list");
}

int catalogue_list(const struct catalogue_wish *w)
{
	struct config config;
	struct catalogues *c = NULL;
	struct why why = { 0 };
	enum outcome o;
	int r = catalogue_config(w, &config);

	if (r != IMAGATE_OK)
		return r;
	o = trusted_catalogues(AT_FDCWD, AT_FDCWD, &config, &c, &why);
	if (w->json)
		list_json(c, &config, o);
	else
		list_text(c);
	r = o == OUTCOME_OK ? IMAGATE_OK : catalogue_said(&why, o == OUTCOME_BROKEN ? IMAGATE_FAILED : IMAGATE_NOT_ADMITTED);
	for (size_t i = 0; r == IMAGATE_OK && i < catalogues_count(c); i++)
		if (catalogues_at(c, i)->state == CATALOGUE_BAD)
			r = IMAGATE_NOT_ADMITTED;
	catalogues_free(&c);
	return r;
}

/* -- diff --------------------------------------------------------------------------------- */

enum change { CHANGE_ADDED = 0, CHANGE_REMOVED, CHANGE_CHANGED, CHANGE_COUNT };

struct changes {
	struct json_object *list[CHANGE_COUNT]; /* NULL: text */
	size_t count;
};

static void tell(struct changes *c, enum change what, const struct catalogue_entry *e)
{
	static const char sign[] = { [CHANGE_ADDED] = '+', [CHANGE_REMOVED] = '-', [CHANGE_CHANGED] = '~' };
	char path[CATALOGUE_PATH_LEN];

	c->count++;
	catalogue_path(e, path);
	if (c->list[what])
		json_object_array_add(c->list[what], shown_json(path));
	else
		(void)printf("%c %.*s\n", sign[what], (int)e->path_len, e->path); /* a newline in it stays escaped */
}

static int order(const struct catalogue_entry *a, const struct catalogue_entry *b)
{
	int r = memcmp(a->path, b->path, a->path_len < b->path_len ? a->path_len : b->path_len);

	return r ? r : a->path_len < b->path_len ? -1 : a->path_len > b->path_len;
}

static void compare(const struct catalogue *a, const struct catalogue *b, struct changes *c)
{
	struct catalogue_entry x, y;
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		int r = i == a->count ? 1 : j == b->count ? -1 : 0;

		if (i < a->count)
			catalogue_at(a, i, &x);
		if (j < b->count)
			catalogue_at(b, j, &y);
		if (r == 0)
			r = order(&x, &y);
		if (r < 0)
			tell(c, CHANGE_REMOVED, &x);
		else if (r > 0)
			tell(c, CHANGE_ADDED, &y);
		else if (memcmp(x.hex, y.hex, CATALOGUE_HEX) != 0)
			tell(c, CHANGE_CHANGED, &y);
		i += r <= 0;
		j += r >= 0;
	}
}

static struct json_object *head_json(const struct catalogue *k)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string_len(k->name, (int)k->name_len));
	json_object_object_add(o, "epoch", json_object_new_int64(k->epoch));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)k->count));
	return o;
}

static void diff_json(const struct catalogue *a, const struct catalogue *b, const struct changes *c)
{
	static const char *const names[] = { [CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed", [CHANGE_CHANGED] = "changed" };
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "from", head_json(a));
	json_object_object_add(o, "to", head_json(b));
	for (int i = 0; i < CHANGE_COUNT; i++)
		json_object_object_add(o, names[i], c->list[i]);
	print_json(o);
}

int catalogue_diff(const struct catalogue_wish *w)
{
	struct catalogue_file f[2] = { { .text = NULL }, { .text = NULL } };
	struct changes c = { .count = 0 };
	struct why why = { 0 };
	int r = IMAGATE_OK;

	for (int i = 0; i < 2 && r == IMAGATE_OK; i++)
		if (catalogue_file_load(AT_FDCWD, w->args[i], NULL, &f[i], &why) != OUTCOME_OK)
			r = catalogue_said(&why, IMAGATE_USAGE);
	for (int i = 0; i < CHANGE_COUNT && w->json && r == IMAGATE_OK; i++)
		c.list[i] = json_object_new_array();
	if (r == IMAGATE_OK) {
		compare(&f[0].catalogue, &f[1].catalogue, &c);
		if (w->json)
			diff_json(&f[0].catalogue, &f[1].catalogue, &c);
		r = c.count ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	}
	for (int i = 0; i < 2; i++)
		catalogue_file_free(&f[i]);
	return r;
}
