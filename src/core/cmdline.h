/* The kernel command line, read as the kernel reads it: lib/cmdline.c next_arg(),
 * kernel/params.c (quotes, '-' and '_' alike in names, "--" ends the kernel's part). */
#ifndef IMAGATE_CORE_CMDLINE_H
#define IMAGATE_CORE_CMDLINE_H

#include "core/stage.h"

#include <stdbool.h>
#include <stddef.h>

#define CMDLINE_MAX 4096 /* COMMAND_LINE_SIZE is 2048 on x86; others differ */

/* One word: pointers into the caller's buffer, not NUL-terminated. value is NULL where
 * there is no '='. Quotes are stripped as next_arg() strips them. */
struct cmdline_word {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

struct cmdline_iter {
	const char *next, *end;
};

void cmdline_begin(struct cmdline_iter *it, const char *text, size_t len);
bool cmdline_next(struct cmdline_iter *it, struct cmdline_word *ret);
bool cmdline_name_is(const struct cmdline_word *w, const char *name);

struct cmdline {
	enum stage stage;      /* imagate.stage=; the last one counts */
	bool stage_bad;        /* it was given, and is no stage */
	char stage_word[32];   /* as it was given, for the message */
	char appraise[16];     /* last ima_appraise=, "" if none */
	char lsm[256];         /* last lsm=; valid if has_lsm */
	bool has_lsm;
	bool evm_fix;          /* evm=fix */
	bool ima_policy;       /* ima_policy=, ima_tcb or ima_appraise_tcb was given */
	char init[256];        /* init=, "" if none */
	bool rescue;           /* imagate.rescue */
	bool trial;            /* imagate.trial=N: the boot loader says that this stage is on trial, N tries left */
	unsigned trial_left;   /* N; more than 9: it was no digit */
	bool truncated;        /* a value did not fit its field: treat as unknown */
};

/* What was sealed is the digest of the normal form: every word that the kernel takes, in its order,
 * one a line, without those that cannot matter (cmdline.c lists them) and those named in words
 * (blank-separated names). '-' in names becomes '_'. Returns the length, 0 if it does not fit; an
 * empty normal form is one newline. */
size_t cmdline_normal(const char *text, size_t len, const char *words, char *ret, size_t size);

/* The first word of which we know what it does against the gate, or NULL; *ret_what says what. */
bool cmdline_hostile(const char *text, size_t len, struct cmdline_word *ret, const char **ret_what);

void cmdline_parse(const char *text, size_t len, struct cmdline *ret);

#endif
