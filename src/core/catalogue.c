#include "core/catalogue.h"

#include "core/seal.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define FIRST "# imagate-catalogue: 1"
#define NAME "# name: "
#define EPOCH "# epoch: "
#define LINE_MIN (CATALOGUE_HEX + 5) /* two blanks, '/', a letter, newline */

size_t catalogue_room(size_t len)
{
	return len / LINE_MIN + 1;
}

size_t catalogue_heads(size_t len)
{
	size_t n = 1;

	while (n < len / 128)
		n *= 2;
	return n;
}

bool catalogue_is(const char *text, size_t len)
{
	struct text t = { text, text + len };
	const char *line;
	size_t n;

	return text_line(&t, &line, &n) && text_is(line, n, FIRST);
}

/* -- head --------------------------------------------------------------------------------- */

bool catalogue_name_ok(const char *name, size_t len)
{
	if (len == 0 || len > CATALOGUE_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr("._+-~:", c))))
			return false;
	}
	return true;
}

/* NULL: it is good. */
static const char *comment(struct catalogue *c, const char *line, size_t len)
{
	if (text_begins(line, len, NAME)) {
		if (c->name)
			return "a second name";
		c->name = line + strlen(NAME);
		c->name_len = len - strlen(NAME);
		if (!catalogue_name_ok(c->name, c->name_len))
			return "a name has 1 to 64 letters, digits and . _ + - ~ : and begins with neither . nor -";
	} else if (text_begins(line, len, EPOCH)) {
		if (c->epoch)
			return "a second epoch";
		if (!text_number(line + strlen(EPOCH), len - strlen(EPOCH), CATALOGUE_EPOCH_MAX, &c->epoch) || !c->epoch)
			return "an epoch is a number from 1 to 999999999";
	}
	return NULL;
}

/* Up to the first entry; t is there afterwards, *number is the line before. */
static const char *head(struct catalogue *c, struct text *t, unsigned *number)
{
	const char *line, *fault = NULL;
	size_t len;

	*number = 1;
	if (!text_line(t, &line, &len) || !text_is(line, len, FIRST))
		return "no catalogue of this version: the first line must be '" FIRST "'";
	while (!fault && t->next < t->end && *t->next == '#' && text_line(t, &line, &len)) {
		++*number;
		fault = comment(c, line, len);
	}
	if (!fault && (!c->name || !c->epoch))
		fault = "'" NAME "NAME' and '" EPOCH "NUMBER' are wanted before this line";
	return fault;
}

size_t catalogue_format_head(const char *name, unsigned epoch, char *ret, size_t size)
{
	int n = snprintf(ret, size, FIRST "\n" NAME "%s\n" EPOCH "%u\n", name, epoch);

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* -- entries ------------------------------------------------------------------------------ */

static bool is_hex(const char *p)
{
	unsigned bad = 0;

	for (int i = 0; i < CATALOGUE_HEX; i++) /* without branches: compilers make vectors of it */
		bad |= !(((unsigned)(uint8_t)(p[i] - '0') < 10) | ((unsigned)(uint8_t)(p[i] - 'a') < 6));
	return !bad;
}

static uint8_t byte_of(const char *hex)
{
	unsigned a = (uint8_t)hex[0], b = (uint8_t)hex[1];

	return (uint8_t)(((a & 15) + 9 * (a >> 6)) << 4 | ((b & 15) + 9 * (b >> 6)));
}

static uint32_t key_of(const char *hex)
{
	return (uint32_t)byte_of(hex) << 24 | (uint32_t)byte_of(hex + 2) << 16 | (uint32_t)byte_of(hex + 4) << 8 |
	       byte_of(hex + 6);
}

/* The letter after the backslash; 0: stands for itself. */
static char escape_of(char c)
{
	return c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : '\0';
}

static bool is_dots(const char *p, size_t len)
{
	return len == 0 || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')));
}

/* NULL: a good path. Components before from, which is behind a '/', are known to be good. */
static const char *path_fault(const char *p, size_t len, size_t from, bool escaped)
{
	size_t escapes = 0, start = from;

	for (size_t i = from; i <= len; i++) {
		char c = i < len ? p[i] : '/';

		if (c == '/') {
			if (is_dots(p + start, i - start))
				return "a path has no empty component, no '.' and no '..'";
			start = i + 1;
		} else if (c == '\\') {
			if (++i == len || !strchr("\\nr", p[i]) || !p[i])
				return "after a backslash \\, n or r is wanted";
			escapes++;
		} else if (c == '\r' || c == '\0') {
			return c ? "a carriage return is written \\r" : "a path has no NUL";
		}
	}
	if (len - escapes >= CATALOGUE_PATH_LEN)
		return "the path is too long";
	if (escapes && !escaped)
		return "a backslash in the path: the line must begin with one, too";
	return escaped && !escapes ? "the line begins with a backslash, and its path has none" : NULL;
}

static size_t common(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	for (uint64_t x, y; i + 8 <= len; i += 8) {
		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			break;
	}
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

/* What is the same as in the line before need not be looked at twice: lines are sorted, so that is most of it. */
static const char *path_after(const struct catalogue_entry *before, const struct catalogue_entry *e)
{
	size_t shorter = before->path_len < e->path_len ? before->path_len : e->path_len;
	size_t same = common(before->path, e->path, shorter), from = same;

	if (same == e->path_len)
		return same == before->path_len ? "the path is there twice" : "not sorted by path";
	if (same < before->path_len && (uint8_t)e->path[same] < (uint8_t)before->path[same])
		return "not sorted by path";
	if (before->escaped || e->escaped)
		from = 1;
	while (from > 1 && e->path[from - 1] != '/')
		from--;
	return path_fault(e->path, e->path_len, from ? from : 1, e->escaped);
}

/* Cuts a line into its parts; NULL: they are good but for the path's own form. */
static const char *parts(const char *line, size_t len, struct catalogue_entry *ret)
{
	ret->escaped = len && *line == '\\';
	line += ret->escaped;
	len -= ret->escaped;
	if (len && *line == '#')
		return "comments stand before the first entry";
	if (len < CATALOGUE_HEX || !is_hex(line))
		return "64 hex digits in lower case are wanted first";
	if (len < CATALOGUE_HEX + 4 || memcmp(line + CATALOGUE_HEX, "  /", 3))
		return "two blanks and an absolute path are wanted after the digest";
	ret->hex = line;
	ret->path = line + CATALOGUE_HEX + 2;
	ret->path_len = len - CATALOGUE_HEX - 2;
	return NULL;
}

static void keep(struct catalogue *c, const char *line, const struct catalogue_entry *e)
{
	uint32_t *slot = &c->memory.head[key_of(e->hex) & (c->memory.heads - 1)];

	c->memory.line[c->count] = (uint32_t)(line - c->text);
	c->memory.next[c->count] = *slot;
	*slot = (uint32_t)++c->count; /* index + 1: 0 is none */
}

static const char *entries(struct catalogue *c, struct text *t, unsigned *number)
{
	struct catalogue_entry before = { .path = "", .path_len = 0 }, e;
	const char *line, *fault = NULL;
	size_t len;

	while (!fault && text_line(t, &line, &len)) {
		++*number;
		fault = parts(line, len, &e);
		if (!fault)
			fault = path_after(&before, &e);
		if (!fault && c->count == c->memory.room)
			fault = "too many entries";
		if (!fault)
			keep(c, line, &e);
		before = e;
	}
	return fault;
}

bool catalogue_parse(const char *text, size_t len, const struct catalogue_memory *memory, struct catalogue *ret,
                     struct catalogue_error *error)
{
	struct text t = { text, text + len };

	*ret = (struct catalogue){ .text = text, .len = len, .memory = *memory };
	error->line = 0;
	if (len > CATALOGUE_TEXT_MAX)
		error->reason = "larger than a catalogue may be (1 GiB): make several";
	else
		error->reason = head(ret, &t, &error->line);
	if (!error->reason)
		error->reason = entries(ret, &t, &error->line);
	if (!error->reason && text[len - 1] != '\n')
		error->reason = "the last line does not end: the file was cut";
	return !error->reason;
}

/* -- writing ------------------------------------------------------------------------------ */

size_t catalogue_format(const uint8_t digest[static 32], const char *path, char ret[static CATALOGUE_LINE_LEN])
{
	size_t len = strlen(path), n = 0;
	bool escaped = strpbrk(path, "\\\n\r") != NULL;

	if (len < 2 || len >= CATALOGUE_PATH_LEN || *path != '/')
		return 0;
	if (escaped)
		ret[n++] = '\\';
	hex_encode(digest, 32, ret + n);
	n += CATALOGUE_HEX;
	ret[n++] = ' ';
	ret[n++] = ' ';
	for (const char *p = path; *p; p++) {
		char letter = escape_of(*p);

		if (letter)
			ret[n++] = '\\';
		ret[n++] = letter ? letter : *p;
	}
	len = n - CATALOGUE_HEX - 2 - escaped;
	if (path_fault(ret + n - len, len, 1, escaped))
		return 0;
	ret[n++] = '\n';
	return n;
}

static unsigned weight(char c)
{
	char letter = escape_of(c);

	return letter ? (unsigned)'\\' << 8 | (unsigned)letter : (unsigned)(uint8_t)c << 8;
}

int catalogue_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (int)weight(*a) - (int)weight(*b);
}

/* -- looking up --------------------------------------------------------------------------- */

void catalogue_at(const struct catalogue *c, size_t i, struct catalogue_entry *ret)
{
	const char *line = c->text + c->memory.line[i];

	ret->escaped = *line == '\\';
	ret->hex = line + ret->escaped;
	ret->path = ret->hex + CATALOGUE_HEX + 2;
	line = memchr(ret->path, '\n', (size_t)(c->text + c->len - ret->path));
	ret->path_len = (size_t)((line ? line : c->text + c->len) - ret->path);
}

void catalogue_digest(const struct catalogue_entry *e, uint8_t ret[static 32])
{
	for (size_t i = 0; i < 32; i++)
		ret[i] = byte_of(e->hex + 2 * i);
}

void catalogue_path(const struct catalogue_entry *e, char ret[static CATALOGUE_PATH_LEN])
{
	for (const char *p = e->path, *end = p + e->path_len; p < end; p++) {
		if (*p == '\\' && p + 1 < end) {
			p++;
			*ret++ = *p == 'n' ? '\n' : *p == 'r' ? '\r' : '\\';
		} else {
			*ret++ = *p;
		}
	}
	*ret = '\0';
}

bool catalogue_has(const struct catalogue_entry *e, const uint8_t digest[static 32])
{
	char hex[CATALOGUE_HEX + 1];

	hex_encode(digest, 32, hex);
	return !memcmp(e->hex, hex, CATALOGUE_HEX);
}

/* A path of the file system against one of the text. */
static int against(const char *path, const struct catalogue_entry *e)
{
	const uint8_t *q = (const uint8_t *)e->path, *end = q + e->path_len;

	for (; *path; path++) {
		char letter = escape_of(*path);
		uint8_t first = letter ? '\\' : (uint8_t)*path;

		if (q == end || first != *q)
			return q == end ? 1 : first - *q;
		q++;
		if (letter && (q == end || (uint8_t)letter != *q))
			return q == end ? 1 : letter - *q;
		q += letter != 0;
	}
	return q == end ? 0 : -1;
}

size_t catalogue_by_path(const struct catalogue *c, const char *path)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct catalogue_entry e;
		int order;

		catalogue_at(c, middle, &e);
		order = against(path, &e);
		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return CATALOGUE_NONE;
}

size_t catalogue_by_digest(const struct catalogue *c, const uint8_t digest[static 32], size_t after)
{
	uint32_t key = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
	uint32_t i = 0;

	if (c->count)
		i = after == CATALOGUE_NONE ? c->memory.head[key & (c->memory.heads - 1)] : c->memory.next[after];
	for (; i; i = c->memory.next[i - 1]) {
		struct catalogue_entry e;

		catalogue_at(c, i - 1, &e);
		if (catalogue_has(&e, digest))
			return i - 1;
	}
	return CATALOGUE_NONE;
}
