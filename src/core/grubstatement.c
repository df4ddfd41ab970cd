#include "core/grubrun.h"

#include <string.h>

/* -- one command ------------------------------------------------------------------------------------ */

static struct grub_token block(struct grub_run *r, struct grub_cursor *c)
{
	struct grub_token body = { GRUB_OPEN, c->p, 0 }, end = grub_list(r, c, false);

	if (end.kind != GRUB_CLOSE)
		grub_refuse(r, "a block that does not end", body.p, 0);
	body.len = (size_t)(end.p - body.p);
	return body;
}

static void run(struct grub_run *r, const struct grub_token *words, size_t count, const struct grub_token *body)
{
	struct grub_argv a;
	const char *line = NULL;

	if (!grub_expand(r, words, count, body, &a, &line)) {
		r->stop |= r->probing;
		return;
	}
	if (r->ran)
		r->at++;
	else if (r->out->count == GRUB_COMMANDS)
		grub_refuse(r, "the script runs too many commands", NULL, 0);
	else
		r->out->line[r->out->count++] = line;
	if (!r->why)
		grub_perform(r, &a, body, line);
}

static struct grub_token command(struct grub_run *r, struct grub_cursor *c, struct grub_token first, bool go)
{
	struct grub_token words[GRUB_ARGS], t, body = { GRUB_END, NULL, 0 };
	size_t count = 0;

	for (t = first; t.kind == GRUB_WORD; t = grub_lex(c)) {
		if (count == GRUB_ARGS) {
			grub_refuse(r, "a command with too many words", first.p, first.len);
			return t;
		}
		words[count++] = t;
	}
	if (t.kind == GRUB_OPEN && (grub_token_is(&first, "menuentry") || grub_token_is(&first, "submenu"))) {
		if (++r->depth > GRUB_DEPTH)
			grub_refuse(r, "blocks that are too deep", NULL, 0);
		body = r->why ? body : block(r, c);
		r->depth--;
		t = grub_lex(c);
	}
	if (t.kind == GRUB_OPEN || t.kind == GRUB_BAD)
		grub_refuse(r, "what comes behind this command is not understood", first.p, first.len);
	if (go && !r->why && !r->stop)
		run(r, words, count, body.kind == GRUB_OPEN ? &body : NULL);
	return t;
}

static struct grub_token function(struct grub_run *r, struct grub_cursor *c, bool go)
{
	struct grub_token name = grub_lex(c), open = grub_lex(c), body;
	const char *copy;

	if (name.kind != GRUB_WORD || open.kind != GRUB_OPEN) {
		grub_refuse(r, "a function that is not understood", name.p, name.len);
		return name;
	}
	if (++r->depth > GRUB_DEPTH)
		grub_refuse(r, "blocks that are too deep", NULL, 0);
	body = r->why ? open : block(r, c);
	r->depth--;
	copy = go && !r->why ? grub_take(r, name.p, name.len) : NULL;
	if (copy && r->functions == GRUB_FUNCTIONS)
		grub_refuse(r, "the script has too many functions", NULL, 0);
	if (copy && !r->why) {
		r->function[r->functions].name = copy;
		r->function[r->functions].body = body.p;
		r->function[r->functions++].len = body.len;
	}
	return grub_lex(c);
}

/* -- if ------------------------------------------------------------------------------------------------- */

/* Would GRUB's next command be the first of what begins here? Commands of another branch decide nothing. */
static bool probe(struct grub_run *r, struct grub_cursor c)
{
	size_t used = r->m->used;
	struct grub_run *before = grub_room(r->m, sizeof(*r));
	bool hit;

	if (!before) {
		grub_refuse(r, "the script is too large", NULL, 0);
		return false;
	}
	memcpy(before, r, sizeof(*r));
	r->probing = true;
	r->stop = r->hit = false;
	(void)grub_list(r, &c, true);
	hit = r->hit;
	memcpy(r, before, sizeof(*r));
	r->m->used = used;
	return hit;
}

static void learn_fact(struct grub_run *r, bool ok)
{
	struct grub_learned *l = r->l;

	r->status = ok ? GRUB_TRUE : GRUB_FALSE;
	r->status_text = ok ? "0" : NULL;
	for (size_t i = 0; i < l->facts; i++)
		if (!strcmp(l->fact[i].command, r->last))
			return;
	if (l->facts < GRUB_LEARNED)
		l->fact[l->facts++] = (struct grub_fact){ r->last, r->status_text, ok };
}

/* The last command decides; what it said, where only GRUB knows, shows in what came next: this branch, or the other. */
static bool decide(struct grub_run *r, struct grub_cursor yes)
{
	struct grub_cursor no = yes;
	bool is_yes, is_no;
	struct grub_token t;

	if (r->why || r->stop || r->status != GRUB_UNKNOWN)
		return r->status == GRUB_TRUE;
	if (r->guess) /* its environment block is there, or not; of no other file is anything known */
		return r->env && strstr(r->last, "/grubenv ");
	if (!r->ran) {
		grub_refuse(r, "whether this succeeds is known to GRUB alone", r->last, strlen(r->last));
		return false;
	}
	t = grub_list(r, &no, false);
	is_yes = probe(r, yes);
	is_no = !r->why && t.len && !grub_token_is(&t, "fi") && probe(r, no);
	if (is_yes && is_no)
		grub_refuse(r, "it cannot be told which way GRUB went behind this", r->last, strlen(r->last));
	if (!r->why)
		learn_fact(r, is_yes);
	return is_yes;
}

static struct grub_token conditional(struct grub_run *r, struct grub_cursor *c, bool go)
{
	bool taken = false, yes;
	struct grub_token t;

	do {
		t = grub_list(r, c, go && !taken);
		if (!grub_token_is(&t, "then")) {
			grub_refuse(r, "an if without then", t.p, t.len);
			return t;
		}
		yes = go && !taken && decide(r, *c);
		t = grub_list(r, c, yes);
		taken |= yes;
	} while (!r->why && grub_token_is(&t, "elif"));
	if (grub_token_is(&t, "else"))
		t = grub_list(r, c, go && !taken);
	if (!grub_token_is(&t, "fi"))
		grub_refuse(r, "an if without fi", t.p, t.len);
	if (go && !taken) {
		r->status = GRUB_TRUE;
		r->status_text = "0";
	}
	return grub_lex(c);
}

/* -- all of it ---------------------------------------------------------------------------------------------- */

static bool is_end(const struct grub_token *t)
{
	static const char *const words[] = { "then", "elif", "else", "fi" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (grub_token_is(t, words[i]))
			return true;
	return t->kind == GRUB_CLOSE || t->kind == GRUB_END;
}

static bool is_loop(const struct grub_token *t)
{
	static const char *const words[] = { "while", "until", "for", "select", "time", "do", "done", "return", "break", "continue", "!" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (grub_token_is(t, words[i]))
			return true;
	return t->kind != GRUB_WORD;
}

struct grub_token grub_list(struct grub_run *r, struct grub_cursor *c, bool go)
{
	struct grub_token t = grub_lex(c);

	if (++r->depth > GRUB_DEPTH)
		grub_refuse(r, "the script is too deep", NULL, 0);
	while (!r->why && !r->stop && !is_end(&t)) {
		if (t.kind == GRUB_SEPARATOR)
			t = grub_lex(c);
		else if (is_loop(&t))
			grub_refuse(r, "this is not understood", t.p, t.len);
		else if (grub_token_is(&t, "if"))
			t = conditional(r, c, go);
		else if (grub_token_is(&t, "function"))
			t = function(r, c, go);
		else
			t = command(r, c, t, go);
	}
	r->depth--;
	return t;
}
