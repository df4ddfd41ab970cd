/* Catalogues as text: what is taken, what is refused at which line, what is found; and lists of what is revoked. */
#include "test.h"

#include "core/revoked.h"

#include <stdlib.h>

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "11111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* in the bucket of D1 */
#define HEAD "# imagate-catalogue: 1\n# name: n\n# epoch: 7\n"
#define E1 D1 "  /a\n"
#define E2 D2 "  /b\n"

struct parsed {
	uint32_t *memory;
	struct catalogue c;
	struct catalogue_error error;
	bool good;
};

static struct parsed parse_len(const char *text, size_t len)
{
	struct parsed p;
	size_t room = catalogue_room(len), heads = catalogue_heads(len);
	struct catalogue_memory m = { .room = room, .heads = heads };

	p.memory = calloc(2 * room + heads, sizeof(uint32_t));
	assert_non_null(p.memory);
	m.line = p.memory;
	m.next = m.line + room;
	m.head = m.next + room;
	p.good = catalogue_parse(text, len, &m, &p.c, &p.error);
	return p;
}

static const struct {
	const char *text;
	unsigned line; /* 0: good */
	const char *says;
} texts[] = {
	{ HEAD, 0, NULL },
	{ HEAD E1 E2, 0, NULL },
	{ "# imagate-catalogue: 1\n# epoch: 999999999\n# made by hand\n# name: lib:c_6+~-.2\n" E1, 0, NULL },
	{ HEAD "\\" D1 "  /a\\\\b\n\\" D1 "  /a\\nb\n\\" D1 "  /a\\rb\n", 0, NULL },
	{ HEAD D1 "  /a b\n" D1 "  /a*b\n" D1 "  /a.b\n" D1 "  /a..b\n" D1 "  /a/...\n" D1 "  /a/.b\n", 7, "sorted" },
	{ HEAD D1 "  /a b\n" D1 "  /a*b\n" D1 "  /a..b\n" D1 "  /a.b\n" D1 "  /a/...\n" D1 "  /a/.b\n", 0, NULL },
	{ HEAD D1 "  /a b\n" D1 "  /a..b\n" D1 "  /a/...\n" D1 "  /a/.b\n" D1 "  /\303\244\n", 0, NULL },
	/* the head */
	{ "", 1, "first line" },
	{ E1, 1, "first line" },
	{ "# imagate-catalogue: 2\n# name: n\n# epoch: 7\n", 1, "first line" },
	{ " # imagate-catalogue: 1\n# name: n\n# epoch: 7\n", 1, "first line" },
	{ "# imagate-revoked: 1\n# name: n\n# epoch: 7\n", 1, "first line" },
	{ "# imagate-catalogue: 1\n", 1, "wanted" },
	{ "# imagate-catalogue: 1\n# name: n\n" E1, 2, "wanted" },
	{ "# imagate-catalogue: 1\n# epoch: 1\n" E1, 2, "wanted" },
	{ "# imagate-catalogue: 1\n# name: n\n# epoch: 0\n", 3, "epoch" },
	{ "# imagate-catalogue: 1\n# name: n\n# epoch: 07\n", 3, "epoch" },
	{ "# imagate-catalogue: 1\n# name: n\n# epoch: 1000000000\n", 3, "epoch" },
	{ "# imagate-catalogue: 1\n# name: \n# epoch: 1\n", 2, "name" },
	{ "# imagate-catalogue: 1\n# name: a/b\n# epoch: 1\n", 2, "name" },
	{ "# imagate-catalogue: 1\n# name: .a\n# epoch: 1\n", 2, "name" },
	{ "# imagate-catalogue: 1\n# name: n\n# epoch: 1\n# epoch: 2\n", 4, "second" },
	{ "# imagate-catalogue: 1\n# name: n\n# epoch: 1\n# name: n\n", 4, "second" },
	/* entries */
	{ HEAD "\n", 4, "hex" },
	{ HEAD E1 "\n", 5, "hex" },
	{ HEAD E1 "# epoch: 8\n" E2, 5, "comments" },
	{ HEAD "1" E1, 4, "blanks" },
	{ HEAD "A111111111111111111111111111111111111111111111111111111111111111  /a\n", 4, "hex" },
	{ HEAD "g111111111111111111111111111111111111111111111111111111111111111  /a\n", 4, "hex" },
	{ HEAD "111111111111111111111111111111111111111111111111111111111111111\200  /a\n", 4, "hex" },
	{ HEAD "11111111\n", 4, "hex" },
	{ HEAD D1 "\n", 4, "blanks" },
	{ HEAD D1 " */a\n", 4, "blanks" },
	{ HEAD D1 "   /a\n", 4, "blanks" },
	{ HEAD D1 "  a\n", 4, "blanks" },
	{ HEAD D1 "  ./a\n", 4, "blanks" },
	{ HEAD D1 "  /\n", 4, "blanks" },
	{ HEAD D1 "  //\n", 4, "component" },
	{ HEAD D1 "  //a\n", 4, "component" },
	{ HEAD D1 "  /a/\n", 4, "component" },
	{ HEAD D1 "  /./a\n", 4, "component" },
	{ HEAD D1 "  /a/.\n", 4, "component" },
	{ HEAD D1 "  /..\n", 4, "component" },
	{ HEAD D1 "  /a/../b\n", 4, "component" },
	{ HEAD D1 "  /a/b\n" D1 "  /a/b/..\n", 5, "component" },
	{ HEAD D1 "  /a/\x20\n" D1 "  /a/..\n", 5, "component" },
	{ HEAD D1 "  /a/!\n" D1 "  /a//b\n", 5, "component" },
	{ HEAD D1 "  /a/..b\n" D1 "  /a/..b/..\n", 5, "component" },
	{ HEAD D1 "  /aaaaaaaaaaaaaaaa/b\n" D1 "  /aaaaaaaaaaaaaaaa/c\r\n", 5, "carriage" },
	{ HEAD E1 E1, 5, "twice" },
	{ HEAD E1 D2 "  /a\n", 5, "twice" },
	{ HEAD E2 E1, 5, "sorted" },
	{ HEAD D1 "  /a/b\n" E1, 5, "sorted" },
	{ HEAD D1 "  /\303\244\n" E1, 5, "sorted" },
	{ HEAD D1 "  /a\\\\b\n", 4, "begin with one" },
	{ HEAD "\\" D1 "  /ab\n", 4, "has none" },
	{ HEAD "\\" D1 "  /a\\b\n", 4, "after a backslash" },
	{ HEAD "\\" D1 "  /ab\\\n", 4, "after a backslash" },
	{ HEAD "\\\\" D1 "  /ab\\\\\n", 4, "hex" },
	{ HEAD "\\" D1 "  /a\\n\n" D1 "  /a\\nb\n", 5, "begin with one" },
	/* a backslash in what the line before has, too */
	{ HEAD "\\" D1 "  /a\\\\b/c\n\\" D1 "  /a\\\\b/d\n", 0, NULL },
	{ HEAD "\\" D1 "  /a\\\\b/c\n" D1 "  /a\\\\b/d\n", 5, "begin with one" },
	{ HEAD E1 D2 "  /b", 5, "cut" },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct parsed p = parse_len(texts[i].text, strlen(texts[i].text));

		if (p.good != !texts[i].line)
			fail_msg("row %zu: %s at line %u", i, p.good ? "taken" : p.error.reason, p.error.line);
		if (!p.good && (p.error.line != texts[i].line || !strstr(p.error.reason, texts[i].says)))
			fail_msg("row %zu: line %u, %s", i, p.error.line, p.error.reason);
		free(p.memory);
	}
}

/* Every shorter text is another catalogue, or none; never read past its end. */
static void test_cuts(void **state)
{
	static const char text[] = HEAD "\\" D1 "  /a\\nb\n" D2 "  /b/c\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len + 1);
		struct parsed p;

		assert_non_null(copy);
		memcpy(copy, text, len);
		copy = realloc(copy, len ? len : 1); /* what lies behind is the sanitizer's */
		p = parse_len(copy, len);
		if (p.good != (len == strlen(HEAD) || len == strlen(HEAD) + 73))
			fail_msg("cut at %zu: %d", len, p.good);
		free(p.memory);
		free(copy);
	}
}

static void test_nul(void **state)
{
	static const char text[] = HEAD D1 "  /a\0b\n";
	struct parsed p = parse_len(text, sizeof(text) - 1);

	(void)state;
	assert_false(p.good);
	assert_string_equal(p.error.reason, "a path has no NUL");
	free(p.memory);
}

static void test_long(void **state)
{
	static char text[sizeof(HEAD) + CATALOGUE_PATH_LEN + 80];
	static char path[CATALOGUE_PATH_LEN + 2], line[CATALOGUE_LINE_LEN];
	const uint8_t digest[32] = { 1 };
	size_t n;

	(void)state;
	memset(path, '\\', sizeof(path));
	path[0] = '/';
	path[CATALOGUE_PATH_LEN - 1] = '\0';
	n = catalogue_format(digest, path, line);
	assert_int_equal(n, 1 + 64 + 2 + 1 + 2 * (CATALOGUE_PATH_LEN - 2) + 1);
	path[CATALOGUE_PATH_LEN - 1] = 'x';
	path[CATALOGUE_PATH_LEN] = '\0';
	assert_int_equal(catalogue_format(digest, path, line), 0);
	for (int more = 0; more < 2; more++) { /* read, too */
		struct parsed p;

		memset(path + 1, 'x', CATALOGUE_PATH_LEN - 2 + (size_t)more);
		path[CATALOGUE_PATH_LEN - 1 + more] = '\0';
		(void)snprintf(text, sizeof(text), HEAD D1 "  %s\n", path);
		p = parse_len(text, strlen(text));
		assert_int_equal(p.good, !more);
		free(p.memory);
	}
	assert_int_equal(catalogue_format(digest, "/", line), 0);
	assert_int_equal(catalogue_format(digest, "a", line), 0);
	assert_int_equal(catalogue_format(digest, "/a//b", line), 0);
	assert_int_equal(catalogue_format(digest, "/a/..", line), 0);
}

/* -- there and back -------------------------------------------------------------------------- */

static const char *const odd[] = {
	"/a", "/a b", "/a\nb", "/a\rb", "/a\\b", "/a\\nb", "/a]", "/a[", "/a/b", "/a-b", "/\\", "/\n", "/\303\244", "/ x", "/#c", "/a\tb",
	"/\001", "/a\\\\", "/ab", "/a\n", "/a\\",
};

static int by_path(const void *a, const void *b)
{
	return catalogue_compare(*(const char *const *)a, *(const char *const *)b);
}

static void digest_of(size_t i, uint8_t ret[32])
{
	memset(ret, 0, 32);
	ret[0] = (uint8_t)(i % 3); /* few buckets */
	ret[31] = (uint8_t)i;
}

static void test_back(void **state)
{
	static char text[16384], line[CATALOGUE_LINE_LEN], path[CATALOGUE_PATH_LEN];
	const char *sorted[ROWS(odd)];
	size_t len = catalogue_format_head("n", 3, text, sizeof(text));
	uint8_t digest[32];
	struct parsed p;

	(void)state;
	memcpy(sorted, odd, sizeof(odd));
	qsort(sorted, ROWS(odd), sizeof(sorted[0]), by_path);
	for (size_t i = 0; i < ROWS(odd); i++) {
		size_t n;

		digest_of(i, digest);
		n = catalogue_format(digest, sorted[i], line);
		assert_true(n > 0);
		memcpy(text + len, line, n);
		len += n;
	}
	p = parse_len(text, len);
	if (!p.good)
		fail_msg("line %u: %s", p.error.line, p.error.reason);
	assert_int_equal(p.c.count, ROWS(odd));
	assert_int_equal(p.c.epoch, 3);
	for (size_t i = 0; i < ROWS(odd); i++) {
		struct catalogue_entry e;
		uint8_t back[32];

		digest_of(i, digest);
		assert_int_equal(catalogue_by_path(&p.c, sorted[i]), i);
		assert_int_equal(catalogue_by_digest(&p.c, digest, CATALOGUE_NONE), i);
		assert_int_equal(catalogue_by_digest(&p.c, digest, i), CATALOGUE_NONE);
		catalogue_at(&p.c, i, &e);
		catalogue_path(&e, path);
		assert_string_equal(path, sorted[i]);
		catalogue_digest(&e, back);
		assert_memory_equal(back, digest, 32);
		assert_true(catalogue_has(&e, digest));
		digest[31] ^= 0x80;
		assert_false(catalogue_has(&e, digest));
		assert_int_equal(catalogue_by_digest(&p.c, digest, CATALOGUE_NONE), CATALOGUE_NONE);
	}
	assert_int_equal(catalogue_by_path(&p.c, ""), CATALOGUE_NONE);
	assert_int_equal(catalogue_by_path(&p.c, "/a\\n"), CATALOGUE_NONE);
	assert_int_equal(catalogue_by_path(&p.c, "/abc"), CATALOGUE_NONE);
	assert_int_equal(catalogue_by_path(&p.c, "/a\\\\\\"), CATALOGUE_NONE);
	free(p.memory);
}

/* The same content under many paths, another's in the same bucket. */
static void test_same_content(void **state)
{
	static const char text[] = HEAD D1 "  /a\n" D2 "  /b\n" D3 "  /c\n" D1 "  /d\n" D1 "  /e\n";
	struct parsed p = parse_len(text, sizeof(text) - 1);
	uint8_t digest[32];
	unsigned found = 0;

	(void)state;
	assert_true(p.good);
	memset(digest, 0x11, sizeof(digest));
	for (size_t i = CATALOGUE_NONE; (i = catalogue_by_digest(&p.c, digest, i)) != CATALOGUE_NONE;)
		found |= 1u << i;
	assert_int_equal(found, 1u << 0 | 1u << 3 | 1u << 4);
	memset(digest, 0x12, sizeof(digest));
	assert_int_equal(catalogue_by_digest(&p.c, digest, CATALOGUE_NONE), CATALOGUE_NONE);
	free(p.memory);
	p = parse_len(HEAD, strlen(HEAD));
	assert_int_equal(catalogue_by_digest(&p.c, digest, CATALOGUE_NONE), CATALOGUE_NONE);
	assert_int_equal(catalogue_by_path(&p.c, "/a"), CATALOGUE_NONE);
	free(p.memory);
}

/* -- what is revoked ------------------------------------------------------------------------- */

#define LIST "# imagate-revoked: 1\n# epoch: 3\n"

static const struct {
	const char *text;
	unsigned line;
	const char *says;
} lists[] = {
	{ LIST, 0, NULL },
	{ LIST "n 7\n\n# why\n  m\t8 \n" D1 "\n", 0, NULL },
	{ LIST D1 " 7\n", 0, NULL }, /* a catalogue may have such a name */
	{ "", 1, "first line" },
	{ HEAD, 1, "first line" },
	{ "# epoch: 3\n# imagate-revoked: 1\n", 1, "first line" },
	{ "# imagate-revoked: 1\n", 2, "epoch" },
	{ "# imagate-revoked: 1\nn 7\n", 2, "epoch" },
	{ "# imagate-revoked: 1\n# epoch: 0\n", 2, "epoch" },
	{ LIST "n\n", 3, "64 hex" },
	{ LIST "n 0\n", 3, "lowest" },
	{ LIST "n -1\n", 3, "lowest" },
	{ LIST "n 7 8\n", 3, "third" },
	{ LIST "a/b 7\n", 3, "name" },
	{ LIST "\n1111\n", 4, "64 hex" },
	{ LIST D1 "1\n", 3, "64 hex" },
	{ LIST D1 "  /a\n", 3, "lowest" },
	{ LIST "n 7", 3, "cut" },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(lists); i++) {
		struct catalogue_error error;
		struct revoked r;
		bool good = revoked_parse(lists[i].text, strlen(lists[i].text), &r, &error);

		if (good != !lists[i].line)
			fail_msg("row %zu: %s", i, good ? "taken" : error.reason);
		if (!good && (error.line != lists[i].line || !strstr(error.reason, lists[i].says)))
			fail_msg("row %zu: line %u, %s", i, error.line, error.reason);
	}
}

static void test_revoked(void **state)
{
	static const char text[] = LIST "n 7\nm 2\nn 5\n" D1 "\nnn 9\n";
	struct catalogue_error error;
	struct revoked_entry e;
	struct revoked r;
	uint8_t digest[32];
	unsigned digests = 0, names = 0;

	(void)state;
	memset(digest, 0x11, sizeof(digest));
	assert_true(revoked_parse(text, sizeof(text) - 1, &r, &error));
	assert_int_equal(r.epoch, 3);
	assert_int_equal(revoked_lowest(&r, "n", 1), 7);
	assert_int_equal(revoked_lowest(&r, "m", 1), 2);
	assert_int_equal(revoked_lowest(&r, "nn", 2), 9);
	assert_int_equal(revoked_lowest(&r, "nnn", 3), 0);
	while (revoked_next(&r, &e)) {
		if (!e.name)
			assert_memory_equal(e.digest, digest, 32);
		digests += !e.name;
		names += e.name != NULL;
	}
	assert_int_equal(digests, 1);
	assert_int_equal(names, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts), cmocka_unit_test(test_cuts),         cmocka_unit_test(test_nul),   cmocka_unit_test(test_long),
		cmocka_unit_test(test_back),  cmocka_unit_test(test_same_content), cmocka_unit_test(test_lists), cmocka_unit_test(test_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
