/* The only tokenizer: pieces of a caller's buffer, by pointer and length, never terminated.
 * Blanks are space, tab and carriage return. */
#ifndef IMAGATE_CORE_TEXT_H
#define IMAGATE_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What is still to be read. */
struct text {
	const char *next, *end;
};

/* The next line without its newline; false at the end. */
bool text_line(struct text *t, const char **ret, size_t *ret_len);
/* The next word between blanks; false if there is none. */
bool text_word(struct text *t, const char **ret, size_t *ret_len);
/* Cuts blanks on both sides. */
void text_trim(const char **p, size_t *len);
bool text_is(const char *p, size_t len, const char *word);
bool text_begins(const char *p, size_t len, const char *prefix);
/* Decimal digits and nothing else, no leading zeros, at most max. */
bool text_number(const char *p, size_t len, unsigned max, unsigned *ret);
/* What may be shown of a name that anybody could give: bytes that are no UTF-8 become '?', and, where controls are not
 * to pass, control characters: a terminal obeys them. Cut to size. */
void text_plain(const char *from, bool controls, char *to, size_t size);

#endif
