#include "core/labeldump.h"

#include "core/seal.h"

#include <string.h>

#define FILE_MARK "# file: "

static int octal(const char *p, const char *end)
{
	int n = 0;

	for (int i = 1; i <= 3; i++) {
		if (p + i >= end || p[i] < '0' || p[i] > '7')
			return -1;
		n = n * 8 + p[i] - '0';
	}
	return n > 0 && n < 256 ? n : -1;
}

/* Every component is one. */
static bool plain(const char *path)
{
	for (const char *p = path, *next; *p; p = next) {
		size_t len = strcspn(++p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		next = p + len;
	}
	return *path;
}

static bool path_of(const char *p, size_t len, char ret[static LABELDUMP_PATH_LEN])
{
	const char *end = p + len;
	size_t n = 0;

	if (text_begins(p, len, "./"))
		p += 2;
	if (p < end && *p == '/')
		p++;
	ret[n++] = '/';
	for (; p < end; p++) {
		int c = *p == '\\' ? octal(p, end) : (unsigned char)*p;

		if (c <= 0 || n + 1 >= LABELDUMP_PATH_LEN)
			return false;
		p += *p == '\\' ? 3 : 0;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return plain(ret);
}

static bool value(const char *p, size_t len, uint8_t ret[static LABEL_MAX], size_t *ret_len)
{
	return text_begins(p, len, "0x") && hex_decode(p + 2, len - 2, ret, LABEL_MAX, ret_len) && *ret_len;
}

/* A line of the file that ret is about. NULL: it is good. */
static const char *attribute(const char *line, size_t len, struct labeldump_entry *ret)
{
	static const char ima[] = "security.ima=", evm[] = "security.evm=";
	bool is_ima = text_begins(line, len, ima), is_evm = text_begins(line, len, evm);
	size_t head = sizeof(ima) - 1;

	if (!memchr(line, '=', len))
		return "neither '# file: PATH' nor NAME=VALUE: getfattr -d -e hex writes it";
	if (!is_ima && !is_evm)
		return NULL;
	if ((is_ima && ret->ima_len) || (is_evm && ret->evm_len))
		return "this file's label is there twice";
	if (!value(line + head, len - head, is_ima ? ret->ima : ret->evm, is_ima ? &ret->ima_len : &ret->evm_len))
		return "the value is no label in hexadecimal digits: getfattr -e hex";
	return NULL;
}

bool labeldump_next(struct labeldump *d, struct labeldump_entry *ret, const char **ret_error)
{
	bool open = false;
	const char *line;
	size_t len;

	*ret_error = NULL;
	ret->ima_len = ret->evm_len = 0;
	for (struct text before = d->text; !*ret_error && text_line(&d->text, &line, &len); before = d->text) {
		bool begins = text_begins(line, len, FILE_MARK);

		if (open && (begins || len == 0)) {
			d->text = begins ? before : d->text;
			d->line += !begins;
			return true;
		}
		d->line++;
		if (begins) {
			open = path_of(line + strlen(FILE_MARK), len - strlen(FILE_MARK), ret->path);
			*ret_error = open ? NULL : "no path: absolute or below the root, without '.', '..' and empty components";
		} else if (len && line[0] != '#') {
			*ret_error = open ? attribute(line, len, ret) : "an attribute before any '# file: PATH'";
		}
	}
	return open && !*ret_error;
}
