#include "core/grubrun.h"

#include <string.h>

#define LINE_LEN 65536 /* of one command; a menu entry's has its whole body */
#define UNKNOWN 8
#define MARK '\001' /* in place of what is not known; no script of ours has it */

/* What is assumed of unknown variables: of one, or (name NULL) that all are empty. */
struct guess {
	const char *name, *value;
};
struct grub_line {
	struct grub_run *r;
	const struct guess *guess;
	char text[LINE_LEN]; /* the arguments, each with its NUL */
	size_t len, start;
	bool word;           /* one has begun */
	size_t count, begin[GRUB_ARGS];
	const char *unknown[UNKNOWN]; /* that were met */
	size_t unknowns;
	bool full;
	char joined[LINE_LEN];
};

static void begin_word(struct grub_line *l)
{
	if (!l->word)
		l->start = l->len;
	l->word = true;
}

static void put(struct grub_line *l, char ch)
{
	begin_word(l);
	if (l->len + 2 >= sizeof(l->text))
		l->full = true;
	else
		l->text[l->len++] = ch;
}

static void end_word(struct grub_line *l)
{
	if (!l->word)
		return;
	if (l->count == GRUB_ARGS || l->len + 2 >= sizeof(l->text)) {
		l->full = true;
		return;
	}
	l->text[l->len++] = '\0';
	l->begin[l->count++] = l->start;
	l->word = false;
}

static void meet(struct grub_line *l, const char *name)
{
	for (size_t i = 0; i < l->unknowns; i++)
		if (!strcmp(l->unknown[i], name))
			return;
	if (l->unknowns == UNKNOWN)
		l->full = true;
	else
		l->unknown[l->unknowns++] = name;
}

static void variable(struct grub_line *l, const char *p, size_t len, bool quoted)
{
	char *name = grub_take(l->r, p, len);
	bool unknown = false;
	const char *v = name ? grub_get(l->r, name, &unknown) : "";

	if (unknown) {
		meet(l, name);
		v = l->guess && l->guess->name && !strcmp(l->guess->name, name) ? l->guess->value : "";
	}
	if (quoted)
		begin_word(l);
	for (; *v; v++) {
		if (!quoted && strchr(" \t\n", *v))
			end_word(l);
		else if (!quoted && strchr("*?\\", *v))
			grub_refuse(l->r, "a wildcard in a variable", p, len);
		else
			put(l, *v);
	}
}

/* At '$'. Returns behind the name; NULL: what it is is not known. */
static const char *dollar(struct grub_line *l, const char *p, const char *end, bool quoted)
{
	const char *from = p + 1, *to = from;

	if (from < end && *from == '{') {
		from++;
		to = memchr(from, '}', (size_t)(end - from));
		if (to)
			variable(l, from, (size_t)(to - from), quoted);
		return to ? to + 1 : NULL;
	}
	if (from < end && (*from == '?' || (*from >= '0' && *from <= '9')))
		to++;
	else
		while (to < end && grub_is_name(*to, to == from))
			to++;
	if (to > from) {
		variable(l, from, (size_t)(to - from), quoted);
		return to;
	}
	if (!quoted)
		return NULL;
	put(l, '$');
	return from;
}

static const char *double_quoted(struct grub_line *l, const char *p, const char *end)
{
	begin_word(l);
	while (p && p < end && *p != '"') {
		if (*p == '\\' && end - p > 1 && strchr("\"$\\\n", p[1])) {
			if (p[1] != '\n')
				put(l, p[1]);
			p += 2;
		} else if (*p == '$') {
			p = dollar(l, p, end, true);
		} else {
			put(l, *p++);
		}
	}
	return p ? p + 1 : NULL;
}

static void word(struct grub_line *l, const struct grub_token *t)
{
	const char *p = t->p, *end = t->p + t->len;

	while (p && p < end) {
		if (*p == '\\' && end - p > 1) {
			if (p[1] != '\n')
				put(l, p[1]);
			p += 2;
		} else if (*p == '\'') {
			begin_word(l);
			for (p++; p < end && *p != '\''; p++)
				put(l, *p);
			p++;
		} else if (*p == '"') {
			p = double_quoted(l, p + 1, end);
		} else if (*p == '$') {
			p = dollar(l, p, end, false);
		} else if (strchr("*?", *p)) {
			p = NULL; /* a wildcard */
		} else {
			put(l, *p++);
		}
	}
	if (!p)
		grub_refuse(l->r, "a word that is not understood", t->p, t->len);
	end_word(l);
}

static void render(struct grub_line *l, const struct guess *g, const struct grub_token *words, size_t count, const struct grub_token *body)
{
	l->guess = g;
	l->len = l->count = l->unknowns = 0;
	l->word = l->full = false;
	for (size_t i = 0; i < count; i++)
		word(l, &words[i]);
	if (body) {
		put(l, '{');
		for (size_t i = 0; i < body->len; i++)
			put(l, body->p[i]);
		put(l, '}');
		end_word(l);
	}
	if (l->full)
		grub_refuse(l->r, "a command that is too long", words->p, words->len);
}

/* One blank between the arguments. */
static size_t join(struct grub_line *l)
{
	char *ret = l->joined;

	if (l->len == 0) {
		*ret = '\0';
		return 0;
	}
	for (size_t i = 0; i < l->len; i++)
		ret[i] = l->text[i] ? l->text[i] : ' ';
	ret[l->len - 1] = '\0';
	return l->len - 1;
}

static bool is(struct grub_line *l, const char *text)
{
	(void)join(l);
	return !strcmp(l->joined, text);
}

/* What the one unknown variable must have been for this to be what GRUB ran: a mark in its place shows where it is. */
static const char *solve(struct grub_line *l, const struct grub_token *words, size_t count, const struct grub_token *body, const char *want)
{
	static const char mark[] = { MARK, '\0' };
	struct guess g = { l->unknown[0], mark };
	size_t len, times = 0, n = strlen(want);
	const char *first;

	render(l, &g, words, count, body);
	len = join(l);
	first = memchr(l->joined, MARK, len);
	for (size_t i = 0; i < len; i++)
		times += l->joined[i] == MARK;
	if (!first || n + times < len || (n + times - len) % times)
		return NULL;
	g.value = (size_t)(first - l->joined) <= n ? grub_take(l->r, want + (first - l->joined), (n + times - len) / times) : NULL;
	if (!g.value)
		return NULL;
	render(l, &g, words, count, body);
	return is(l, want) ? g.value : NULL;
}

static bool learn(struct grub_line *l, const struct grub_token *words, size_t count, const struct grub_token *body, const char *want)
{
	struct grub_run *r = l->r;
	const char *value = "", *name[UNKNOWN];
	size_t n = l->unknowns;

	memcpy(name, l->unknown, sizeof(name));
	if (!is(l, want))
		value = n == 1 ? solve(l, words, count, body, want) : NULL;
	if (!value)
		return false;
	for (size_t i = 0; !r->probing && i < n; i++)
		grub_learn_variable(r, name[i], value);
	return true;
}

static bool take(struct grub_line *l, struct grub_argv *ret, const char **ret_line)
{
	size_t len = join(l);

	ret->count = l->count;
	for (size_t i = 0; i < l->count; i++)
		ret->arg[i] = grub_take(l->r, l->text + l->begin[i], strlen(l->text + l->begin[i]));
	*ret_line = grub_take(l->r, l->joined, len);
	return !l->r->why;
}

struct grub_line *grub_line_new(struct grub_memory *m)
{
	return grub_room(m, sizeof(struct grub_line));
}

bool grub_expand(struct grub_run *r, const struct grub_token *words, size_t count, const struct grub_token *body,
                 struct grub_argv *ret, const char **ret_line)
{
	struct grub_line *l = r->line;
	const char *want = !r->ran ? NULL : r->at < r->ran->count ? r->ran->line[r->at] : "";
	bool same = true;

	l->r = r;
	render(l, NULL, words, count, body);
	if (r->why || l->count == 0)
		return false;
	if (!r->ran && l->unknowns)
		grub_refuse(r, "what this variable is is known to GRUB alone", l->unknown[0], strlen(l->unknown[0]));
	if (r->ran)
		same = learn(l, words, count, body, want);
	if (r->probing) {
		r->hit = same;
		return false;
	}
	if (!same)
		grub_refuse(r, r->at < r->ran->count ? "GRUB ran another command in this boot than its script has there"
		                                     : "GRUB ran fewer commands in this boot than its script has", want, strlen(want));
	return !r->why && take(l, ret, ret_line);
}
