#include "core/revoked.h"

#include "core/seal.h"
#include "core/text.h"

#include <string.h>

#define FIRST "# imagate-revoked: 1"
#define EPOCH "# epoch: "

bool revoked_is(const char *text, size_t len)
{
	struct text t = { text, text + len };
	const char *line;
	size_t n;

	return text_line(&t, &line, &n) && text_is(line, n, FIRST);
}

/* NULL: it is good. */
static const char *entry(const char *word, size_t len, struct text *rest, struct revoked_entry *ret)
{
	const char *number, *more;
	size_t number_len, n;

	*ret = (struct revoked_entry){ .name = NULL };
	if (!text_word(rest, &number, &number_len))
		return len == CATALOGUE_HEX && hex_decode(word, len, ret->digest, sizeof(ret->digest), &n)
		       ? NULL : "'NAME EPOCH', or a digest of 64 hex digits";
	if (!catalogue_name_ok(word, len))
		return "no name of a catalogue";
	if (!text_number(number, number_len, CATALOGUE_EPOCH_MAX, &ret->lowest) || !ret->lowest)
		return "the lowest epoch that is still good: a number from 1 to 999999999";
	if (text_word(rest, &more, &n))
		return "a third word";
	ret->name = word;
	ret->name_len = len;
	return NULL;
}

/* The next entry, and what is wrong with it; lines are counted. False at the end. */
static bool step(struct text *t, struct revoked_entry *ret, unsigned *number, const char **fault)
{
	const char *line, *word;
	size_t len, word_len;

	while (text_line(t, &line, &len)) {
		struct text words = { line, line + len };

		++*number;
		if (!text_word(&words, &word, &word_len) || *word == '#')
			continue;
		*fault = entry(word, word_len, &words, ret);
		return true;
	}
	return false;
}

bool revoked_next(struct revoked *r, struct revoked_entry *ret)
{
	struct text t = { r->next, r->end };
	const char *fault = NULL;
	unsigned number = 0;
	bool found = step(&t, ret, &number, &fault);

	r->next = t.next;
	return found && !fault; /* the whole was looked at before */
}

bool revoked_parse(const char *text, size_t len, struct revoked *ret, struct catalogue_error *error)
{
	struct text t = { text, text + len };
	struct revoked_entry e;
	const char *line;
	size_t n;

	*error = (struct catalogue_error){ 1, NULL };
	if (!text_line(&t, &line, &n) || !text_is(line, n, FIRST))
		error->reason = "no revocation list of this version: the first line must be '" FIRST "'";
	if (error->reason)
		return false;
	error->line = 2;
	if (!text_line(&t, &line, &n) || !text_begins(line, n, EPOCH) ||
	    !text_number(line + strlen(EPOCH), n - strlen(EPOCH), CATALOGUE_EPOCH_MAX, &ret->epoch) || !ret->epoch)
		error->reason = "'" EPOCH "NUMBER' is wanted here, from 1 on, higher with each new list";
	ret->next = t.next;
	ret->end = t.end;
	while (!error->reason && step(&t, &e, &error->line, &error->reason))
		;
	if (!error->reason && text[len - 1] != '\n')
		error->reason = "the last line does not end: the file was cut";
	return !error->reason;
}

unsigned revoked_lowest(const struct revoked *r, const char *name, size_t len)
{
	struct revoked all = *r;
	struct revoked_entry e;
	unsigned lowest = 0;

	while (revoked_next(&all, &e))
		if (e.name && e.name_len == len && !memcmp(e.name, name, len) && e.lowest > lowest)
			lowest = e.lowest;
	return lowest;
}
