/* JSON by asking for what is expected: no tree, no memory. After the first error every question is answered with false,
 * and error says what was wrong. Source: RFC 8259; what it leaves open is refused: numbers that are no small natural ones
 * can only be skipped, and so can what nests deeper than JSON_DEPTH. */
#ifndef IMAGATE_CORE_JSON_H
#define IMAGATE_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH 16

struct json {
	const char *text, *next, *end;
	const char *error; /* constant; NULL: none yet */
};

void json_begin(struct json *j, const char *text, size_t len);
/* '{' or '['. */
bool json_open(struct json *j, char kind);
/* One more element, of an object or array that is open; *first: true before the first. False: its end, which is taken, or
 * an error. */
bool json_more(struct json *j, char kind, bool *first);
/* NUL-terminated, cut to size; the whole length is returned. Characters beyond ASCII stay as they are, escaped ones
 * become '?'. */
bool json_string(struct json *j, char *ret, size_t size, size_t *ret_len);
/* A string and its colon. */
bool json_key(struct json *j, char *ret, size_t size, size_t *ret_len);
bool json_number(struct json *j, unsigned max, unsigned *ret);
/* Whatever value comes next. */
bool json_skip(struct json *j);
/* Nothing follows. */
bool json_end(struct json *j);
/* From 1, of where it is now. */
unsigned json_line(const struct json *j);
/* Sets the error where there is none yet. False, always. */
bool json_fail(struct json *j, const char *error);

#endif
