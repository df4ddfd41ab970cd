/* Catalogues and lists of what is revoked. What is taken is looked at again by a simpler eye: each line formatted
 * anew is the same line, sorted, and found by its path and its content. */
#include "core/revoked.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct catalogue *c, size_t i, char path[2][CATALOGUE_PATH_LEN])
{
	static char line[CATALOGUE_LINE_LEN];
	struct catalogue_entry e;
	uint8_t digest[32];
	size_t len, at = CATALOGUE_NONE;

	catalogue_at(c, i, &e);
	if (e.hex < c->text || e.path + e.path_len >= c->text + c->len || e.path_len - 1 > 2 * CATALOGUE_PATH_LEN)
		abort();
	catalogue_path(&e, path[i % 2]);
	catalogue_digest(&e, digest);
	len = catalogue_format(digest, path[i % 2], line);
	if (!len || memcmp(line, e.hex - e.escaped, len) != 0)
		abort();
	if (i && catalogue_compare(path[(i + 1) % 2], path[i % 2]) >= 0)
		abort();
	if (strstr(path[i % 2], "/../") || strstr(path[i % 2], "//") || catalogue_by_path(c, path[i % 2]) != i)
		abort();
	do
		at = catalogue_by_digest(c, digest, at);
	while (at != i && at != CATALOGUE_NONE);
	if (at != i || !catalogue_has(&e, digest))
		abort();
}

static void list(const char *text, size_t size)
{
	struct catalogue_error error = { 0, NULL };
	struct revoked_entry e;
	struct revoked r;

	if (!revoked_parse(text, size, &r, &error)) {
		if (!error.line || !error.reason)
			abort();
		return;
	}
	if (!revoked_is(text, size) || catalogue_is(text, size))
		abort();
	for (struct revoked all = r; revoked_next(&all, &e);)
		if (e.name && revoked_lowest(&r, e.name, e.name_len) < e.lowest)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[2][CATALOGUE_PATH_LEN];
	const char *text = (const char *)data;
	size_t room = catalogue_room(size), heads = catalogue_heads(size);
	uint32_t *memory = calloc(2 * room + heads, sizeof(*memory));
	struct catalogue_memory m = { memory, memory + room, room, memory + 2 * room, heads };
	struct catalogue_error error = { 0, NULL };
	struct catalogue c;

	if (!memory)
		return 0;
	if (catalogue_parse(text, size, &m, &c, &error)) {
		for (size_t i = 0; i < c.count; i++)
			look(&c, i, path);
		if (!catalogue_name_ok(c.name, c.name_len) || !c.epoch || !catalogue_is(text, size))
			abort();
	} else if (!error.line || !error.reason) {
		abort();
	}
	free(memory);
	list(text, size);
	return 0;
}
