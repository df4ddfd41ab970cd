#include "core/grubenv.h"

#include <string.h>

#define SIGNATURE "# GRUB Environment Block\n"
#define HEAD (sizeof(SIGNATURE) - 1)

bool grubenv_valid(const char *block, size_t len)
{
	return len == GRUBENV_LEN && !memcmp(block, SIGNATURE, HEAD);
}

/* One past the newline that ends the line at p; the end where there is none. */
static const char *line_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '\n')
			return p + 1;
	}
	return end;
}

/* The line "name=..."; NULL if there is none. */
static const char *find(const char *block, const char *name)
{
	const char *end = block + GRUBENV_LEN;
	size_t n = strlen(name);

	for (const char *p = block + HEAD; p < end && *p != '#'; p = line_end(p, end))
		if ((size_t)(end - p) > n && !memcmp(p, name, n) && p[n] == '=')
			return p;
	return NULL;
}

bool grubenv_get(const char *block, const char *name, char *ret, size_t size)
{
	const char *p = find(block, name), *end;

	if (!p || size == 0)
		return false;
	end = line_end(p, block + GRUBENV_LEN);
	for (p += strlen(name) + 1; p < end && *p != '\n'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		if (--size == 0)
			return false;
		*ret++ = *p;
	}
	*ret = '\0';
	return true;
}

static bool plain(const char *word)
{
	for (; *word; word++)
		if (!((*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z') || (*word >= '0' && *word <= '9') ||
		      *word == '_' || *word == '.' || *word == '-'))
			return false;
	return true;
}

/* Where the padding begins. */
static size_t used(const char *block)
{
	const char *p = block + HEAD, *end = block + GRUBENV_LEN;

	while (p < end && *p != '#')
		p = line_end(p, end);
	return (size_t)(p - block);
}

bool grubenv_set(char block[static GRUBENV_LEN], const char *name, const char *value)
{
	char next[GRUBENV_LEN];
	const char *old = find(block, name);
	size_t end = used(block), n = strlen(name), v = value ? strlen(value) : 0, at = end;

	if (n == 0 || !plain(name) || (value && !plain(value)))
		return false;
	memcpy(next, block, GRUBENV_LEN);
	if (old) {
		const char *behind = line_end(old, block + GRUBENV_LEN);

		at = (size_t)(old - block);
		memcpy(next + at, behind, end - (size_t)(behind - block));
		at += end - (size_t)(behind - block);
	}
	if (value && at + n + 1 + v + 1 > GRUBENV_LEN)
		return false;
	if (value) {
		memcpy(next + at, name, n);
		next[at + n] = '=';
		memcpy(next + at + n + 1, value, v);
		next[at + n + 1 + v] = '\n';
		at += n + v + 2;
	}
	memset(next + at, '#', GRUBENV_LEN - at);
	memcpy(block, next, GRUBENV_LEN);
	return true;
}
