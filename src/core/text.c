#include "core/text.h"

#include <stdint.h>
#include <string.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool text_line(struct text *t, const char **ret, size_t *ret_len)
{
	const char *newline;

	if (t->next == t->end)
		return false;
	newline = memchr(t->next, '\n', (size_t)(t->end - t->next));
	*ret = t->next;
	*ret_len = (size_t)((newline ? newline : t->end) - t->next);
	t->next = newline ? newline + 1 : t->end;
	return true;
}

bool text_word(struct text *t, const char **ret, size_t *ret_len)
{
	const char *p = t->next;

	while (p < t->end && blank(*p))
		p++;
	*ret = p;
	while (p < t->end && !blank(*p))
		p++;
	t->next = p;
	*ret_len = (size_t)(p - *ret);
	return *ret_len != 0;
}

void text_trim(const char **p, size_t *len)
{
	while (*len && blank(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len && blank((*p)[*len - 1]))
		(*len)--;
}

bool text_is(const char *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

bool text_begins(const char *p, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(p, prefix, n) == 0;
}

bool text_number(const char *p, size_t len, unsigned max, unsigned *ret)
{
	unsigned n = 0;

	if (len == 0 || len > 9 || (len > 1 && p[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(p[i] - '0');
	}
	if (n > max)
		return false;
	*ret = n;
	return true;
}

/* How long the character is that begins here; 0: none of UTF-8 does. */
static size_t utf8_len(const uint8_t *p)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90))
		return 0; /* longer than it need be, half a pair, or beyond the last one */
	return n;
}

void text_plain(const char *from, bool controls, char *to, size_t size)
{
	const uint8_t *p = (const uint8_t *)from;
	size_t used = 0;

	for (size_t n; *p; p += n ? n : 1) {
		bool control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);

		n = utf8_len(p);
		if (used + (n ? n : 1) >= size)
			break;
		if (n == 0 || (control && !controls))
			to[used++] = '?';
		else
			memcpy(to + used, p, n);
		used += n && (!control || controls) ? n : 0;
	}
	to[used] = '\0';
}
