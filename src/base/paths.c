#include "base/paths.h"

#include "core/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void paths_free(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->path[i]);
	free(p->path);
	*p = (struct paths){ 0 };
}

int paths_add(struct paths *p, const char *path, size_t len)
{
	char **bigger, *copy;

	if (len < 2 || len >= PATH_MAX || path[0] != '/' || path[len - 1] == '/' || memchr(path, '\0', len))
		return -EINVAL;
	if (p->count == p->room) {
		bigger = realloc(p->path, (p->room ? p->room * 2 : 256) * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		p->path = bigger;
		p->room = p->room ? p->room * 2 : 256;
	}
	copy = strndup(path, len);
	if (!copy)
		return -ENOMEM;
	p->path[p->count++] = copy;
	return 0;
}

int paths_add_lines(struct paths *p, const char *text, size_t len, size_t *ret_odd)
{
	struct text t = { text, text + len };
	const char *line;
	size_t line_len, odd = 0;
	int r = 0;

	while (r != -ENOMEM && text_line(&t, &line, &line_len)) {
		r = line_len ? paths_add(p, line, line_len) : 0;
		odd += r == -EINVAL;
	}
	if (ret_odd)
		*ret_odd = odd;
	return r == -ENOMEM ? r : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void paths_sort(struct paths *p)
{
	size_t kept = 0;

	if (!p->count)
		return;
	qsort(p->path, p->count, sizeof(*p->path), compare);
	for (size_t i = 1; i < p->count; i++) {
		if (strcmp(p->path[kept], p->path[i]) != 0)
			p->path[++kept] = p->path[i];
		else
			free(p->path[i]);
	}
	p->count = kept + 1;
}

bool paths_has(const struct paths *p, const char *path)
{
	return p->count && bsearch(&path, p->path, p->count, sizeof(*p->path), compare);
}
