/* GRUB's '[': commands/test.c. What it asks of files is not known here. */
#include "core/grubrun.h"

#include "core/text.h"

#include <string.h>

struct test {
	const struct grub_argv *a;
	size_t at, end;
};

static enum grub_truth truth(bool b)
{
	return b ? GRUB_TRUE : GRUB_FALSE;
}

/* Of numbers as people write them; GRUB reads others, too. */
static enum grub_truth compare_numbers(const char *a, const char *op, const char *b)
{
	unsigned x, y;

	if (!text_number(a, strlen(a), GRUB_NUMBER_MAX, &x) || !text_number(b, strlen(b), GRUB_NUMBER_MAX, &y))
		return GRUB_UNKNOWN;
	if (!strcmp(op, "-eq"))
		return truth(x == y);
	if (!strcmp(op, "-ne"))
		return truth(x != y);
	if (!strcmp(op, "-lt"))
		return truth(x < y);
	if (!strcmp(op, "-le"))
		return truth(x <= y);
	return truth(!strcmp(op, "-gt") ? x > y : x >= y);
}

static enum grub_truth compare(const char *a, const char *op, const char *b, bool *ret_is)
{
	static const char *const numeric[] = { "-eq", "-ne", "-lt", "-le", "-gt", "-ge" };

	*ret_is = true;
	if (!strcmp(op, "=") || !strcmp(op, "=="))
		return truth(!strcmp(a, b));
	if (!strcmp(op, "!="))
		return truth(strcmp(a, b) != 0);
	for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++)
		if (!strcmp(op, numeric[i]))
			return compare_numbers(a, op, b);
	*ret_is = false;
	return GRUB_UNKNOWN;
}

static enum grub_truth term(struct test *t)
{
	const char *const *arg = t->a->arg + t->at;
	size_t left = t->end - t->at;
	enum grub_truth is;
	bool binary;

	if (left >= 3) {
		is = compare(arg[0], arg[1], arg[2], &binary);
		t->at += binary ? 3 : 0;
		if (binary)
			return is;
	}
	if (left >= 2 && arg[0][0] == '-' && arg[0][1] && !arg[0][2] && strchr("desfnz", arg[0][1])) {
		t->at += 2;
		if (arg[0][1] == 'n' || arg[0][1] == 'z')
			return truth((arg[1][0] == '\0') == (arg[0][1] == 'z'));
		return GRUB_UNKNOWN;
	}
	t->at++;
	return truth(arg[0][0] != '\0');
}

static enum grub_truth factor(struct test *t)
{
	bool not = false;
	enum grub_truth is;

	for (; t->at < t->end && !strcmp(t->a->arg[t->at], "!"); t->at++)
		not = !not;
	if (t->at == t->end)
		return GRUB_UNKNOWN;
	is = term(t);
	return is == GRUB_UNKNOWN || !not ? is : truth(is == GRUB_FALSE);
}

enum grub_truth grub_test(const struct grub_argv *a)
{
	struct test t = { a, 1, a->count };
	enum grub_truth all = GRUB_FALSE, is;

	if (a->count && !strcmp(a->arg[0], "[")) {
		if (strcmp(a->arg[a->count - 1], "]") != 0)
			return GRUB_UNKNOWN;
		t.end--;
	}
	/* "a -a b -o c": -a binds */
	for (bool begin = true; t.at < t.end; begin = false) {
		if (!begin && strcmp(t.a->arg[t.at++], "-o") != 0)
			return GRUB_UNKNOWN;
		if (t.at == t.end)
			return GRUB_UNKNOWN;
		is = factor(&t);
		while (t.at < t.end && !strcmp(t.a->arg[t.at], "-a") && t.end - t.at > 1) {
			enum grub_truth other;

			t.at++;
			other = factor(&t);
			is = is == GRUB_FALSE || other == GRUB_FALSE ? GRUB_FALSE : is == GRUB_UNKNOWN ? is : other;
		}
		all = all == GRUB_TRUE || is == GRUB_TRUE ? GRUB_TRUE : all == GRUB_UNKNOWN ? all : is;
	}
	return all;
}
