#include "core/story.h"

#include <stdio.h>
#include <string.h>

#define LOOK_AHEAD 64 /* records of one PCR: bounds what hostile logs cost */

/* One log, one PCR: the record at hand. */
struct side {
	const struct eventlog *log;
	struct event_cursor cursor;
	struct story_teller teller;
	struct event e;
	bool there;
};

static void step(struct side *s, unsigned pcr)
{
	do {
		s->there = event_next(&s->cursor, &s->e);
		if (s->there)
			story_hear(&s->teller, &s->e);
	} while (s->there && (s->e.pcr != pcr || !event_extends(&s->e)));
}

static bool same(const struct side *a, const struct side *b, uint16_t alg)
{
	const uint8_t *x = event_digest(&a->e, alg), *y = event_digest(&b->e, alg);

	return x && y && memcmp(x, y, bank_size(alg)) == 0;
}

/* How many records of s come before one with the digest of other; 0: none does within sight. */
static unsigned ahead(const struct side *s, const struct side *other, unsigned pcr, uint16_t alg)
{
	struct side look = *s;

	for (unsigned n = 1; n <= LOOK_AHEAD; n++) {
		step(&look, pcr);
		if (!look.there)
			return 0;
		if (same(&look, other, alg))
			return n;
	}
	return 0;
}

static void tell(const struct comparison *c, struct side *s, struct story *ret)
{
	event_story(&s->teller, s->log, &s->e, c->alg, c->hash, c->hash_arg, ret);
}

static void emit(const struct comparison *c, struct difference *d, enum difference_kind kind)
{
	d->kind = kind;
	c->emit(d, c->emit_arg);
}

static unsigned removed(const struct comparison *c, struct side *a, unsigned pcr)
{
	struct difference d = { .pcr = pcr, .event_a = a->e.number };

	tell(c, a, &d.a);
	emit(c, &d, DIFFERENCE_REMOVED);
	step(a, pcr);
	return 1;
}

static unsigned added(const struct comparison *c, struct side *b, unsigned pcr)
{
	struct difference d = { .pcr = pcr, .event_b = b->e.number };

	tell(c, b, &d.b);
	emit(c, &d, DIFFERENCE_ADDED);
	step(b, pcr);
	return 1;
}

/* The same kind of thing at the same place is a thing that changed. */
static unsigned changed(const struct comparison *c, struct side *a, struct side *b, unsigned pcr)
{
	struct difference d = { .pcr = pcr, .event_a = a->e.number, .event_b = b->e.number };

	tell(c, a, &d.a);
	tell(c, b, &d.b);
	if (d.a.subject != d.b.subject || a->e.type != b->e.type)
		return removed(c, a, pcr) + added(c, b, pcr);
	emit(c, &d, DIFFERENCE_CHANGED);
	step(a, pcr);
	step(b, pcr);
	return 1;
}

static unsigned differ(const struct comparison *c, struct side *a, struct side *b, unsigned pcr)
{
	unsigned skip_a = ahead(a, b, pcr, c->alg), skip_b = ahead(b, a, pcr, c->alg), n = 0;

	if (!skip_a && !skip_b)
		return changed(c, a, b, pcr);
	if (skip_a && (!skip_b || skip_a <= skip_b))
		while (skip_a--)
			n += removed(c, a, pcr);
	else
		while (skip_b--)
			n += added(c, b, pcr);
	return n;
}

static unsigned compare_pcr(const struct comparison *c, unsigned pcr)
{
	struct side a = { .log = c->a }, b = { .log = c->b };
	unsigned n = 0;

	event_begin(&a.cursor, c->a);
	event_begin(&b.cursor, c->b);
	step(&a, pcr);
	step(&b, pcr);
	while (a.there || b.there) {
		if (!b.there)
			n += removed(c, &a, pcr);
		else if (!a.there)
			n += added(c, &b, pcr);
		else if (!same(&a, &b, c->alg))
			n += differ(c, &a, &b, pcr);
		else {
			step(&a, pcr);
			step(&b, pcr);
		}
	}
	return n;
}

/* -- in words ---------------------------------------------------------------------------- */

static const char *const kinds[] = {
	[DIFFERENCE_CHANGED] = "changed", [DIFFERENCE_ADDED] = "was added", [DIFFERENCE_REMOVED] = "was removed",
};

const char *difference_kind_name(enum difference_kind k)
{
	static const char *const names[] = {
		[DIFFERENCE_CHANGED] = "changed", [DIFFERENCE_ADDED] = "added", [DIFFERENCE_REMOVED] = "removed",
	};

	return (size_t)k < sizeof(names) / sizeof(names[0]) ? names[k] : "?";
}

/* Both names without the words that they share at the beginning and at the end. */
static void change_words(const struct difference *d, const char *words, char *ret, size_t size)
{
	const char *a = d->a.name, *b = d->b.name;
	size_t same = 0, begin = 0, a_len = strlen(a), b_len = strlen(b), end = 0;

	for (; a[same] && a[same] == b[same]; same++)
		if (a[same] == ' ')
			begin = same + 1;
	for (same = 0; same < a_len - begin && same < b_len - begin && a[a_len - 1 - same] == b[b_len - 1 - same]; same++)
		if (a[a_len - 1 - same] == ' ')
			end = same + 1;
	(void)snprintf(ret, size, "%s: '%.*s' became '%.*s' (%s)", words, (int)(a_len - begin - end), a + begin,
	               (int)(b_len - begin - end), b + begin, measurer_name(d->a.by)); /* cut */
}

void difference_words(const struct difference *d, char *ret, size_t size)
{
	const struct story *s = d->kind == DIFFERENCE_ADDED ? &d->b : &d->a;
	char words[STORY_NAME_MAX + 128];

	story_words(s, words, sizeof(words));
	if (d->kind == DIFFERENCE_CHANGED && strcmp(d->a.name, d->b.name) != 0)
		change_words(d, words, ret, size);
	else
		(void)snprintf(ret, size, "%s %s (%s)", words, kinds[d->kind], measurer_name(s->by)); /* cut */
}

unsigned eventlog_compare(const struct comparison *c)
{
	unsigned n = 0;

	for (unsigned pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
		if (c->mask & UINT32_C(1) << pcr)
			n += compare_pcr(c, pcr);
	return n;
}
