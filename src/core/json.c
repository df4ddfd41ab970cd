#include "core/json.h"

#include "core/text.h"

#include <string.h>

bool json_fail(struct json *j, const char *error)
{
	if (!j->error)
		j->error = error;
	return false;
}

void json_begin(struct json *j, const char *text, size_t len)
{
	*j = (struct json){ .text = text, .next = text, .end = text + len };
}

unsigned json_line(const struct json *j)
{
	unsigned n = 1;

	for (const char *p = j->text; p < j->next; p++)
		n += *p == '\n';
	return n;
}

/* The next character that counts; NUL at the end, which is no character of JSON's. */
static char peek(struct json *j)
{
	while (j->next < j->end && (*j->next == ' ' || *j->next == '\t' || *j->next == '\r' || *j->next == '\n'))
		j->next++;
	return j->next < j->end && !j->error ? *j->next : '\0';
}

static bool take(struct json *j, char c, const char *error)
{
	if (peek(j) != c)
		return json_fail(j, error);
	j->next++;
	return true;
}

bool json_open(struct json *j, char kind)
{
	return take(j, kind, kind == '{' ? "an object, '{', is wanted here" : "an array, '[', is wanted here");
}

bool json_more(struct json *j, char kind, bool *first)
{
	const char close = kind == '{' ? '}' : ']';
	bool was_first = *first;

	*first = false;
	if (peek(j) == close) {
		j->next++;
		return false;
	}
	return was_first ? !j->error : take(j, ',', "neither ',' nor the end of the object or array");
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind "\u". */
static bool escaped_number(struct json *j, char *ret)
{
	int n = 0;

	if (j->end - j->next < 4)
		return json_fail(j, "the text is cut short");
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(*j->next++);

		if (d < 0)
			return json_fail(j, "not an escape of JSON's");
		n = n * 16 + d;
	}
	*ret = n > 0 && n < 0x80 ? (char)n : '?';
	return true;
}

/* Behind the backslash. */
static bool escaped(struct json *j, char *ret)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (j->next == j->end)
		return json_fail(j, "the text is cut short");
	if (*j->next == 'u')
		return j->next++, escaped_number(j, ret);
	at = memchr(from, *j->next++, sizeof(from) - 1);
	if (!at)
		return json_fail(j, "not an escape of JSON's");
	*ret = to[at - from];
	return true;
}

bool json_string(struct json *j, char *ret, size_t size, size_t *ret_len)
{
	size_t n = 0;

	if (!take(j, '"', "a string is wanted here"))
		return false;
	while (j->next < j->end && *j->next != '"') {
		char c = *j->next++;

		if ((unsigned char)c < 0x20)
			return json_fail(j, "a control character in a string");
		if (c == '\\' && !escaped(j, &c))
			return false;
		if (n + 1 < size)
			ret[n] = c;
		n++;
	}
	if (j->next == j->end)
		return json_fail(j, "a string without an end");
	j->next++;
	if (size)
		ret[n < size ? n : size - 1] = '\0';
	*ret_len = n;
	return true;
}

bool json_key(struct json *j, char *ret, size_t size, size_t *ret_len)
{
	return json_string(j, ret, size, ret_len) && take(j, ':', "':' is wanted here");
}

/* Whatever is neither string nor bracket: a number, or a word. */
static bool plain(struct json *j, const char **ret, size_t *ret_len)
{
	static const char letters[] = "+-.0123456789abcdefghijklmnopqrstuvwxyzE";

	(void)peek(j); /* skips blanks */
	*ret = j->next;
	while (j->next < j->end && memchr(letters, *j->next, sizeof(letters) - 1))
		j->next++;
	*ret_len = (size_t)(j->next - *ret);
	return *ret_len && !j->error;
}

bool json_number(struct json *j, unsigned max, unsigned *ret)
{
	const char *p;
	size_t len;

	return (plain(j, &p, &len) && text_number(p, len, max, ret)) || json_fail(j, "not a number, or one that is too large");
}

static bool skip(struct json *j, int depth)
{
	char kind = peek(j);
	bool first = true;
	const char *p;
	size_t len;

	if (kind == '"')
		return json_string(j, NULL, 0, &len);
	if (kind != '{' && kind != '[')
		return plain(j, &p, &len) || json_fail(j, "a value is wanted here");
	if (depth == 0)
		return json_fail(j, "nested too deeply");
	j->next++;
	while (json_more(j, kind, &first))
		if ((kind == '{' && !json_key(j, NULL, 0, &len)) || !skip(j, depth - 1))
			return false;
	return !j->error;
}

bool json_skip(struct json *j)
{
	return skip(j, JSON_DEPTH);
}

bool json_end(struct json *j)
{
	(void)peek(j); /* skips blanks */
	return j->next == j->end ? !j->error : json_fail(j, "something follows the end");
}
