#include "core/grubrun.h"

#include "core/text.h"

#include <string.h>

void grub_refuse(struct grub_run *r, const char *text, const char *what, size_t len)
{
	char *to = r->m->bytes + r->m->used;
	size_t n = strlen(text), room = r->m->size - r->m->used;

	if (r->why)
		return;
	r->why = text;
	if (len > 120)
		len = 120;
	if (!what || n + len + 3 > room)
		return;
	memcpy(to, text, n);
	memcpy(to + n, ": ", 2);
	for (size_t i = 0; i < len; i++)
		to[n + 2 + i] = what[i] < ' ' ? ' ' : what[i];
	to[n + 2 + len] = '\0';
	r->m->used += n + len + 3;
	r->why = to;
}

void *grub_room(struct grub_memory *m, size_t size)
{
	size_t at = (m->used + 15) & ~(size_t)15;

	if (at > m->size || size > m->size - at)
		return NULL;
	m->used = at + size;
	return memset(m->bytes + at, 0, size);
}

char *grub_take(struct grub_run *r, const char *p, size_t len)
{
	char *to = r->m->bytes + r->m->used;

	if (len >= r->m->size - r->m->used) {
		grub_refuse(r, "the script is too large", NULL, 0);
		return NULL;
	}
	memmove(to, p, len);
	to[len] = '\0';
	r->m->used += len + 1;
	return to;
}

const char *grub_word(const char **at, size_t *ret_len)
{
	const char *p = *at + strspn(*at, " ");

	*ret_len = strcspn(p, " ");
	*at = p + *ret_len;
	return *ret_len ? p : NULL;
}

/* -- tokens ---------------------------------------------------------------------------------------- */

bool grub_is_name(char ch, bool first)
{
	return ch == '_' || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (!first && ch >= '0' && ch <= '9');
}

static void skip_blanks(struct grub_cursor *c)
{
	while (c->p < c->end) {
		if (*c->p == '\\' && c->end - c->p > 1 && c->p[1] == '\n')
			c->p += 2;
		else if (*c->p == ' ' || *c->p == '\t' || *c->p == '\r')
			c->p++;
		else if (*c->p == '#')
			while (c->p < c->end && *c->p != '\n')
				c->p++;
		else
			return;
	}
}

/* Behind the quotes that begin here; NULL: they do not end. */
static const char *quotes_end(const char *p, const char *end)
{
	const char quote = *p++;

	for (; p < end; p++) {
		if (quote == '"' && *p == '\\' && end - p > 1)
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return NULL;
}

static const char *word_end(const char *p, const char *end)
{
	while (p && p < end && !strchr(" \t\r\n;{}&|<>", *p)) {
		if (*p == '\\') {
			p = end - p > 1 ? p + 2 : NULL;
		} else if (*p == '\'' || *p == '"') {
			p = quotes_end(p, end);
		} else if (*p == '$' && end - p > 1 && p[1] == '{') {
			p = memchr(p, '}', (size_t)(end - p));
			p = p ? p + 1 : NULL;
		} else if (*p == '$' && end - p > 1 && p[1] == '"') {
			return NULL; /* to be translated */
		} else {
			p++;
		}
	}
	return p;
}

struct grub_token grub_lex(struct grub_cursor *c)
{
	struct grub_token t = { GRUB_END, c->p, 0 };
	const char *end;

	skip_blanks(c);
	t.p = c->p;
	if (c->p == c->end)
		return t;
	t.len = 1;
	switch (*c->p) {
	case '\n':
	case ';': t.kind = GRUB_SEPARATOR; break;
	case '{': t.kind = GRUB_OPEN; break;
	case '}': t.kind = GRUB_CLOSE; break;
	default:
		end = *c->p ? word_end(c->p, c->end) : NULL;
		t.kind = end && end > c->p ? GRUB_WORD : GRUB_BAD;
		t.len = t.kind == GRUB_WORD ? (size_t)(end - c->p) : 1;
	}
	c->p += t.len;
	return t;
}

bool grub_token_is(const struct grub_token *t, const char *word)
{
	return t->kind == GRUB_WORD && text_is(t->p, t->len, word);
}

/* -- variables --------------------------------------------------------------------------------------- */

/* Those that GRUB itself sets: where they are not known they are no empty ones. */
static bool is_grubs_own(const char *name)
{
	static const char *const begin[] = { "feature_", "grub_", "net_", "pxe", "shim", "secure", "cmdpath", "config_", "root", "prefix",
	                                     "color_", "menu_color", "lang", "locale", "lockdown", "pager", "superusers", "tpm", "debug", "check_", "gfx" };

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (!strncmp(name, begin[i], strlen(begin[i])))
			return true;
	return false;
}

static const char *learned(const struct grub_learned *l, const char *name)
{
	for (size_t i = 0; i < l->vars; i++)
		if (!strcmp(l->var[i].name, name))
			return l->var[i].value;
	return NULL;
}

static const char *parameter(const struct grub_run *r, const char *name)
{
	size_t n = (size_t)(*name - '0');

	return n == 0 || n > r->params.count || name[1] ? "" : r->params.arg[n - 1];
}

const char *grub_get(const struct grub_run *r, const char *name, bool *ret_unknown)
{
	const char *v;

	*ret_unknown = false;
	if (*name >= '0' && *name <= '9')
		return parameter(r, name);
	if (!strcmp(name, "?")) {
		*ret_unknown = !r->status_text && !r->guess;
		return r->status_text ? r->status_text : "1";
	}
	for (size_t i = r->vars; i > 0; i--)
		if (!strcmp(r->var[i - 1].name, name))
			return r->var[i - 1].value ? r->var[i - 1].value : "";
	v = r->ran ? NULL : learned(r->l, name);
	if (!v && r->guess)
		return strncmp(name, "feature_", 8) ? "" : "y";
	*ret_unknown = !v && (r->ran || is_grubs_own(name));
	return v ? v : "";
}

void grub_set(struct grub_run *r, const char *name, const char *value)
{
	for (size_t i = 0; i < r->vars; i++)
		if (!strcmp(r->var[i].name, name)) {
			r->var[i].value = value;
			return;
		}
	if (r->vars == GRUB_VARS) {
		grub_refuse(r, "the script has too many variables", NULL, 0);
		return;
	}
	r->var[r->vars].exported = false;
	r->var[r->vars].name = name;
	r->var[r->vars++].value = value;
}

void grub_learn_variable(struct grub_run *r, const char *name, const char *value)
{
	struct grub_learned *l = r->l;

	if (!strcmp(name, "?")) {
		r->status_text = value;
		r->status = strcmp(value, "0") ? GRUB_FALSE : GRUB_TRUE;
		if (l->facts < GRUB_LEARNED)
			l->fact[l->facts++] = (struct grub_fact){ r->last, value, r->status == GRUB_TRUE };
		return;
	}
	grub_set(r, name, value);
	if (is_grubs_own(name) && l->vars < GRUB_LEARNED) {
		l->var[l->vars].name = name;
		l->var[l->vars++].value = value;
	}
}
