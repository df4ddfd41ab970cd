#include "core/critical.h"

#include "core/seal.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define HEAD "Imagate-Critical: 1"
#define STAMP "Stamp: "
#define PATH_LEN 4096

bool critical_parse(const char *text, size_t len, struct critical *ret, unsigned *ret_line, const char **ret_error)
{
	struct text t = { text, text + len };
	const char *line;
	uint8_t stamp[8];
	size_t line_len, n;

	*ret_line = 1;
	*ret_error = "not a list of boot-critical files of this version: run 'dracut -f'";
	if (!text_line(&t, &line, &line_len) || !text_is(line, line_len, HEAD))
		return false;
	*ret_line = 2;
	*ret_error = "'Stamp: ' and 16 hex digits are wanted here: run 'dracut -f'";
	if (!text_line(&t, &line, &line_len) || !text_begins(line, line_len, STAMP) ||
	    !hex_decode(line + strlen(STAMP), line_len - strlen(STAMP), stamp, sizeof(stamp), &n) ||
	    n != sizeof(stamp))
		return false;
	ret->stamp = 0;
	for (size_t i = 0; i < sizeof(stamp); i++)
		ret->stamp = ret->stamp << 8 | stamp[i];
	ret->next = t.next;
	ret->end = t.end;
	return true;
}

bool critical_next(struct critical *c, const char **ret, size_t *ret_len)
{
	struct text t = { c->next, c->end };
	bool found = false;

	while (!found && text_line(&t, ret, ret_len)) {
		text_trim(ret, ret_len);
		found = *ret_len > 1 && *ret_len < PATH_LEN && **ret == '/' && !memchr(*ret, '\0', *ret_len);
	}
	c->next = t.next;
	return found;
}

size_t critical_format(uint64_t stamp, char *ret, size_t size)
{
	char hex[17];
	uint8_t bytes[8];
	int n;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(stamp >> 8 * (7 - i));
	hex_encode(bytes, sizeof(bytes), hex);
	n = snprintf(ret, size, HEAD "\n" STAMP "%s\n", hex);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
