/* GRUB's script language, as far as a grub.cfg needs it that grub-mkconfig made: which commands GRUB runs, each as the string
 * that it measures into PCR 8. Two ways to go over a script:
 *   grub_learn()    along what GRUB ran in this boot, by the script that it read then: proves that we read the script as GRUB
 *                   does, and learns what only GRUB knows (its own variables, whether a font was there).
 *   grub_foresee()  what GRUB will run by another script or environment block, with what was learned. What depends on
 *                   something that nobody has learned is refused, and why is said.
 * Loops, wildcards and other files' scripts are refused.
 * Sources: GRUB 2.06 grub-core/script/{yylex.l,parser.y,execute.c,argv.c}, commands/{menuentry,test}.c, normal/menu.c. */
#ifndef IMAGATE_CORE_GRUBSCRIPT_H
#define IMAGATE_CORE_GRUBSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define GRUB_COMMANDS 512 /* that a boot runs */
#define GRUB_LEARNED 64

/* All strings live here; the caller's bytes, used up from the front. */
struct grub_memory {
	char *bytes;
	size_t size, used;
};

struct grub_script {
	const char *text; /* grub.cfg */
	size_t len;
	const char *prefix; /* $prefix, as it was set when GRUB began with it; NULL: unknown */
	const char *env;    /* the environment block, GRUBENV_LEN bytes; NULL: there is none */
	bool guess;         /* of what only GRUB knows: it has its features, and what may fail fails */
};

struct grub_commands {
	size_t count;
	const char *line[GRUB_COMMANDS];
};

struct grub_learned {
	size_t vars, facts;
	struct {
		const char *name, *value;
	} var[GRUB_LEARNED]; /* GRUB's own */
	struct grub_fact {
		const char *command, *value; /* value: of $?, NULL: not known */
		bool ok;
	} fact[GRUB_LEARNED];
	bool by_hand; /* not the default entry: somebody chose it */
};

/* False: *ret_why, in the memory or constant. */
bool grub_learn(struct grub_memory *m, const struct grub_script *s, const struct grub_commands *ran, struct grub_learned *ret,
                const char **ret_why);
bool grub_foresee(struct grub_memory *m, const struct grub_script *s, const struct grub_learned *l, struct grub_commands *ret,
                  const char **ret_why);

/* The words of a command line, which holds no quotes any more; blanks part them. Returns the next one, NULL at the end. */
const char *grub_word(const char **at, size_t *ret_len);

#endif
