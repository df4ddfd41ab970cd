#include "core/grubenv.h"

#include <string.h>

#define SIGNATURE "# GRUB Environment Block\n"
#define HEAD (sizeof(SIGNATURE) - 1)

bool grubenv_valid(const char *block, size_t len)
{
	return len == GRUBENV_LEN && !memcmp(block, SIGNATURE, HEAD);
}

/* One past the newline that ends the line at p (a comment is a line, too); NULL where no newline comes any
 * more: that is padding. */
static const char *line_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '\n')
			return p + 1;
	}
	return NULL;
}

/* The line "name=..."; NULL if there is none. */
static const char *find(const char *block, const char *name)
{
	const char *end = block + GRUBENV_LEN, *next;
	size_t n = strlen(name);

	for (const char *p = block + HEAD; (next = line_end(p, end)); p = next)
		if ((size_t)(next - p) > n && !memcmp(p, name, n) && p[n] == '=')
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
	const char *p = block + HEAD, *next;

	while ((next = line_end(p, block + GRUBENV_LEN)))
		p = next;
	return (size_t)(p - block);
}

bool grubenv_set(char block[static GRUBENV_LEN], const char *name, const char *value)
{
	char next[GRUBENV_LEN];
	size_t at, n = strlen(name), v = value ? strlen(value) : 0;

	if (n == 0 || !plain(name) || (value && !plain(value)))
		return false;
	memcpy(next, block, GRUBENV_LEN);
	at = used(next);
	/* every one of that name: somebody may have edited it */
	for (const char *old; (old = find(next, name));) {
		const char *behind = line_end(old, next + GRUBENV_LEN);
		size_t cut = (size_t)(behind - old);

		memmove(next + (old - next), behind, at - (size_t)(behind - next));
		at -= cut;
		memset(next + at, '#', cut);
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
