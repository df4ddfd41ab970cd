/* For the parts of grubscript: what a run over a script knows. */
#ifndef IMAGATE_CORE_GRUBRUN_H
#define IMAGATE_CORE_GRUBRUN_H

#include "core/grubscript.h"

#define GRUB_VARS 256
#define GRUB_FUNCTIONS 32
#define GRUB_ENTRIES 128
#define GRUB_ARGS 64
#define GRUB_DEPTH 32
#define GRUB_NUMBER_MAX 999999

enum grub_token_kind { GRUB_END, GRUB_SEPARATOR, GRUB_WORD, GRUB_OPEN, GRUB_CLOSE, GRUB_BAD };
struct grub_token {
	enum grub_token_kind kind;
	const char *p; /* a word as it stands there, with its quotes */
	size_t len;
};
struct grub_cursor {
	const char *p, *end;
};

struct grub_argv {
	size_t count;
	const char *arg[GRUB_ARGS];
};

enum grub_truth { GRUB_FALSE, GRUB_TRUE, GRUB_UNKNOWN };

struct grub_line; /* grubexpand.c */

struct grub_run {
	struct grub_memory *m;
	struct grub_line *line; /* to expand into */
	struct grub_learned *l;
	const struct grub_commands *ran; /* learning: along this */
	size_t at;
	struct grub_commands *out; /* else */
	const char *env;
	bool guess;
	struct {
		const char *name, *value; /* value NULL: not set */
		bool exported;
	} var[GRUB_VARS];
	size_t vars;
	struct {
		const char *name, *body;
		size_t len;
	} function[GRUB_FUNCTIONS];
	size_t functions;
	struct grub_entry {
		struct grub_argv args; /* the first is the title */
		const char *id, *body;
		size_t len;
		bool submenu;
	} entry[GRUB_ENTRIES];
	size_t entries;
	struct grub_argv params;
	enum grub_truth status; /* of the last command */
	const char *status_text, *last;
	unsigned depth;
	const char *why; /* set: it is over */
	bool probing, stop, hit; /* would the next command be the one that GRUB ran? */
};

/* grubword.c */
bool grub_is_name(char ch, bool first);
void grub_learn_variable(struct grub_run *r, const char *name, const char *value);
void *grub_room(struct grub_memory *m, size_t size); /* zeros; NULL: there is none */
char *grub_take(struct grub_run *r, const char *p, size_t len); /* a copy; NULL: no room, and why is set */
void grub_refuse(struct grub_run *r, const char *text, const char *what, size_t len);
struct grub_token grub_lex(struct grub_cursor *c);
bool grub_token_is(const struct grub_token *t, const char *word);
const char *grub_get(const struct grub_run *r, const char *name, bool *ret_unknown);
void grub_set(struct grub_run *r, const char *name, const char *value);
/* grubexpand.c */
struct grub_line *grub_line_new(struct grub_memory *m);
/* Expands; learning: so that it is what GRUB ran, and what was unknown is learned. body: a menu entry's. */
bool grub_expand(struct grub_run *r, const struct grub_token *words, size_t count, const struct grub_token *body,
                 struct grub_argv *ret, const char **ret_line);

/* grubtest.c */
enum grub_truth grub_test(const struct grub_argv *a);

/* grubstatement.c: go: execute, else only find the end. Returns the token that ended it. */
struct grub_token grub_list(struct grub_run *r, struct grub_cursor *c, bool go);

/* grubscript.c */
void grub_perform(struct grub_run *r, const struct grub_argv *a, const struct grub_token *body, const char *line);

#endif
