#include "core/grubscript.h"

#include "core/grubenv.h"
#include "core/grubrun.h"
#include "core/text.h"

#include <string.h>

/* -- commands ----------------------------------------------------------------------------------------- */

static void status(struct grub_run *r, enum grub_truth is)
{
	r->status = is;
	r->status_text = is == GRUB_TRUE ? "0" : NULL;
}

static void set(struct grub_run *r, const char *word)
{
	const char *eq = strchr(word, '=');
	const char *name = eq ? grub_take(r, word, (size_t)(eq - word)) : NULL;

	if (name)
		grub_set(r, name, eq + 1);
}

static void export(struct grub_run *r, const struct grub_argv *a)
{
	for (size_t i = 1; i < a->count; i++)
		for (size_t k = 0; k < r->vars; k++)
			if (!strcmp(r->var[k].name, a->arg[i]))
				r->var[k].exported = true;
}

/* Learning, nobody knows what was in it; what the script asks of it shows it. */
static void load_env(struct grub_run *r, const struct grub_argv *a)
{
	const char *p = r->env, *end;

	if (a->count > 1 && (a->count > 2 || strcmp(a->arg[1], "--skip-sig") != 0))
		grub_refuse(r, "load_env of something else than the whole block", NULL, 0);
	if (r->ran || r->why)
		return;
	if (!p) {
		grub_refuse(r, "GRUB's environment block cannot be read", NULL, 0);
		return;
	}
	for (end = p + GRUBENV_LEN; p < end && *p;) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p)), *eq;
		char *name, *value;

		line_end = line_end ? line_end : end;
		eq = *p == '#' ? NULL : memchr(p, '=', (size_t)(line_end - p));
		name = eq ? grub_take(r, p, (size_t)(eq - p)) : NULL;
		value = name ? grub_take(r, eq + 1, (size_t)(line_end - eq - 1)) : NULL;
		if (value && strchr(value, '\\'))
			grub_refuse(r, "GRUB's environment block has quoted characters", NULL, 0);
		if (value)
			grub_set(r, name, value);
		p = line_end + 1;
	}
}

static void call(struct grub_run *r, size_t n, const struct grub_argv *a)
{
	struct grub_cursor c = { r->function[n].body, r->function[n].body + r->function[n].len };
	struct grub_argv params = r->params;

	r->params.count = a->count - 1;
	memcpy(r->params.arg, a->arg + 1, (a->count - 1) * sizeof(a->arg[0]));
	(void)grub_list(r, &c, true);
	r->params = params;
}

static bool is_option(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && (arg[n] == '\0' || arg[n] == '=');
}

/* The options that menuentry and submenu have; what is left are the title and the entry's parameters. */
static void menuentry(struct grub_run *r, const struct grub_argv *a, const struct grub_token *body)
{
	static const char *const options[] = { "--class", "--users", "--hotkey", "--source", "--id" };
	struct grub_entry *e = &r->entry[r->entries];

	if (r->entries == GRUB_ENTRIES || !body) {
		grub_refuse(r, body ? "the menu is too long" : "a menu entry without commands", NULL, 0);
		return;
	}
	*e = (struct grub_entry){ .body = body->p, .len = body->len, .submenu = !strcmp(a->arg[0], "submenu") };
	for (size_t i = 1; i + 1 < a->count; i++) { /* the last is the body */
		const char *arg = a->arg[i], *eq = strchr(arg, '=');
		bool option = false, id = is_option(arg, "--id");

		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++)
			option |= is_option(arg, options[k]);
		if (option && !eq && i + 2 < a->count)
			eq = a->arg[++i] - 1;
		if (option && !eq)
			grub_refuse(r, "a menu entry's option without a value", NULL, 0);
		else if (id)
			e->id = eq + 1;
		else if (!option && !strncmp(arg, "--", 2) && strcmp(arg, "--unrestricted") != 0)
			grub_refuse(r, "a menu entry's option that is not known", arg, strlen(arg));
		else if (!option && strncmp(arg, "--", 2) != 0)
			e->args.arg[e->args.count++] = arg;
	}
	if (e->args.count == 0)
		grub_refuse(r, "a menu entry without a title", NULL, 0);
	else
		r->entries++;
}

static bool is_harmless(const char *name)
{
	static const char *const names[] = { "echo", "true", "save_env", "setparams", "insmod", "terminal_input", "terminal_output", "loadfont",
	                                     "search", "search.fs_uuid", "search.fs_label", "linux", "linux16", "linuxefi", "initrd",
	                                     "initrdefi", "background_image", "background_color", "fwsetup", "play", "serial", "sleep",
	                                     "clear", "keystatus", "hwmatch", "cmostest", "badram" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* What GRUB alone knows of a command: learned, where it was of any use in this boot. */
static void recall(struct grub_run *r, const char *line)
{
	const struct grub_learned *l = r->l;

	r->status = GRUB_UNKNOWN;
	r->status_text = NULL;
	for (size_t i = 0; !r->ran && i < l->facts; i++)
		if (!strcmp(l->fact[i].command, line)) {
			r->status = l->fact[i].ok ? GRUB_TRUE : GRUB_FALSE;
			r->status_text = l->fact[i].value;
		}
}

static void forget(struct grub_run *r, const struct grub_argv *a)
{
	/* 'search --set=root': which device it is is not ours to say, and nobody asks */
	for (size_t i = 1; i < a->count; i++)
		if (!strncmp(a->arg[i], "--set=", 6))
			for (size_t k = 0; k < r->vars; k++)
				if (!strcmp(r->var[k].name, a->arg[i] + 6)) {
					memmove(&r->var[k], &r->var[k + 1], (--r->vars - k) * sizeof(r->var[0]));
					break;
				}
}

void grub_perform(struct grub_run *r, const struct grub_argv *a, const struct grub_token *body, const char *line)
{
	const char *name = a->arg[0];
	bool builtin = true;

	r->last = line;
	for (size_t i = r->functions; i > 0; i--)
		if (!strcmp(r->function[i - 1].name, name)) {
			call(r, i - 1, a);
			return;
		}
	if (!strcmp(name, "[") || !strcmp(name, "test")) {
		enum grub_truth is = grub_test(a);

		if (is == GRUB_UNKNOWN)
			recall(r, line);
		else
			status(r, is);
		return;
	}
	if (!strcmp(name, "set"))
		for (size_t i = 1; i < a->count; i++)
			set(r, a->arg[i]);
	else if (!strcmp(name, "unset"))
		for (size_t i = 1; i < a->count; i++)
			grub_set(r, a->arg[i], NULL);
	else if (!strcmp(name, "export"))
		export(r, a);
	else if (!strcmp(name, "menuentry") || !strcmp(name, "submenu"))
		menuentry(r, a, body);
	else
		builtin = false;
	if (builtin) {
		status(r, GRUB_TRUE);
	} else if (!strcmp(name, "load_env")) {
		load_env(r, a);
		recall(r, line);
	} else if (strchr(name, '=')) {
		set(r, name);
		status(r, GRUB_TRUE);
	} else if (is_harmless(name)) {
		forget(r, a);
		recall(r, line);
	} else {
		grub_refuse(r, "what this command does is not known", line, strlen(line));
	}
}

/* -- the menu --------------------------------------------------------------------------------------------- */

/* Title or id, up to a single '>': normal/menu.c menuentry_eq(). */
static bool is_called(const char *name, const char *spec)
{
	for (; name && *name; name++, spec++) {
		if (*name == '>' && (*spec++ != '>'))
			return false;
		if (*name != *spec)
			return false;
	}
	return name && (*spec == '\0' || (*spec == '>' && spec[1] != '>'));
}

static const struct grub_entry *by_default(struct grub_run *r, size_t from, const char *spec)
{
	size_t digits = strspn(spec, "0123456789");
	unsigned n;

	if (digits && ((spec[digits] && spec[digits] != '>') || !text_number(spec, digits, GRUB_NUMBER_MAX, &n)))
		grub_refuse(r, "a default entry that is no plain number", spec, strlen(spec));
	else if (digits)
		return &r->entry[n < r->entries - from ? from + n : from];
	for (size_t i = from; i < r->entries; i++)
		if (is_called(r->entry[i].args.arg[0], spec) || is_called(r->entry[i].id, spec))
			return &r->entry[i];
	return &r->entry[from];
}

/* The words 'setparams' and the entry's parameters, quoted, as a script. */
static void setparams(struct grub_run *r, const struct grub_entry *e, struct grub_token *words)
{
	words[0] = (struct grub_token){ GRUB_WORD, "setparams", 9 };
	for (size_t i = 0; i < e->args.count; i++) {
		size_t n = strlen(e->args.arg[i]);
		char *quoted = grub_take(r, e->args.arg[i], n); /* and two bytes more */

		if (!quoted || strchr(e->args.arg[i], '\'') || r->m->size - r->m->used < 2) {
			grub_refuse(r, "a menu entry's title has a quote", e->args.arg[i], n);
			return;
		}
		r->m->used += 2;
		*quoted = '\'';
		memcpy(quoted + 1, e->args.arg[i], n);
		memcpy(quoted + 1 + n, "'", 2);
		words[1 + i] = (struct grub_token){ GRUB_WORD, quoted, n + 2 };
	}
}

static bool ran_next(const struct grub_run *r, const struct grub_entry *e)
{
	const char *p = r->at < r->ran->count ? r->ran->line[r->at] : "";

	if (strncmp(p, "setparams", 9) != 0)
		return false;
	p += 9;
	for (size_t i = 0; i < e->args.count; i++) {
		size_t n = strlen(e->args.arg[i]);

		if (*p++ != ' ' || strncmp(p, e->args.arg[i], n) != 0)
			return false;
		p += n;
	}
	return *p == '\0';
}

static const struct grub_entry *choose(struct grub_run *r, size_t from)
{
	bool unknown;
	const char *spec = grub_get(r, "default", &unknown);
	const struct grub_entry *e;

	if (r->entries == from) {
		grub_refuse(r, "the menu is empty", NULL, 0);
		return NULL;
	}
	e = by_default(r, from, spec);
	if (!r->ran || (!unknown && ran_next(r, e)))
		return e;
	r->l->by_hand = !unknown;
	for (size_t i = from; i < r->entries; i++)
		if (ran_next(r, &r->entry[i]))
			return &r->entry[i];
	grub_refuse(r, "which entry of the menu GRUB took in this boot cannot be told", NULL, 0);
	return NULL;
}

/* A submenu sees what is exported, and what is behind '>' of the default. */
static void enter(struct grub_run *r)
{
	bool unknown;
	const char *spec = grub_get(r, "default", &unknown), *rest = strchr(spec, '>');

	while (rest && rest[1] == '>') /* doubled: one of the title's */
		rest = strchr(rest + 2, '>');
	for (size_t i = r->vars; i > 0; i--)
		if (!r->var[i - 1].exported)
			memmove(&r->var[i - 1], &r->var[i], (--r->vars - (i - 1)) * sizeof(r->var[0]));
	grub_set(r, "default", rest ? rest + 1 : NULL);
}

static void boot(struct grub_run *r)
{
	struct grub_entry e;
	struct grub_token words[1 + GRUB_ARGS];
	size_t from = 0;

	for (unsigned level = 0; !r->why; level++) {
		const struct grub_entry *chosen = choose(r, from);
		struct grub_cursor c;
		struct grub_argv a;
		const char *line = NULL;

		if (!chosen)
			return;
		e = *chosen;
		from = r->entries;
		if (e.submenu)
			enter(r);
		setparams(r, &e, words);
		if (r->why || !grub_expand(r, words, 1 + e.args.count, NULL, &a, &line))
			return;
		if (r->ran)
			r->at++;
		else if (r->out->count < GRUB_COMMANDS)
			r->out->line[r->out->count++] = line;
		r->params = e.args;
		c = (struct grub_cursor){ e.body, e.body + e.len };
		if (grub_list(r, &c, true).kind != GRUB_END)
			grub_refuse(r, "a menu entry that is not understood", e.args.arg[0], strlen(e.args.arg[0]));
		if (!e.submenu)
			return;
		if (level == 4)
			grub_refuse(r, "submenus that are too deep", NULL, 0);
	}
}

/* -- all of it ------------------------------------------------------------------------------------------------ */

static bool go(struct grub_run *r, const struct grub_script *s, const char **ret_why)
{
	struct grub_cursor c = { s->text, s->text + s->len };

	r->env = s->env;
	r->guess = s->guess;
	status(r, GRUB_TRUE);
	r->last = "";
	if (s->prefix) {
		grub_set(r, "prefix", s->prefix);
		r->var[0].exported = true;
	}
	if (grub_list(r, &c, true).kind != GRUB_END)
		grub_refuse(r, "the script is not understood", NULL, 0);
	if (!r->why)
		boot(r);
	if (!r->why && r->ran && r->at != r->ran->count)
		grub_refuse(r, "GRUB ran more commands in this boot than its script has", r->ran->line[r->at], strlen(r->ran->line[r->at]));
	*ret_why = r->why;
	return !r->why;
}

static struct grub_run *begin(struct grub_memory *m, const char **ret_why)
{
	struct grub_run *r = grub_room(m, sizeof(*r));

	*ret_why = "no room";
	if (!r)
		return NULL;
	r->m = m;
	r->line = grub_line_new(m);
	return r->line ? r : NULL;
}

bool grub_learn(struct grub_memory *m, const struct grub_script *s, const struct grub_commands *ran, struct grub_learned *ret,
                const char **ret_why)
{
	struct grub_run *r = begin(m, ret_why);

	*ret = (struct grub_learned){ 0 };
	if (!r)
		return false;
	r->l = ret;
	r->ran = ran;
	return go(r, s, ret_why);
}

bool grub_foresee(struct grub_memory *m, const struct grub_script *s, const struct grub_learned *l, struct grub_commands *ret,
                  const char **ret_why)
{
	struct grub_learned learned = *l;
	struct grub_run *r = begin(m, ret_why);

	ret->count = 0;
	if (!r)
		return false;
	r->l = &learned;
	r->out = ret;
	return go(r, s, ret_why);
}
