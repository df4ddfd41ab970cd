#include "core/story.h"

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
		s->teller.stub |= s->there && s->e.pcr == 11;
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

unsigned eventlog_compare(const struct comparison *c)
{
	unsigned n = 0;

	for (unsigned pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
		if (c->mask & UINT32_C(1) << pcr)
			n += compare_pcr(c, pcr);
	return n;
}
