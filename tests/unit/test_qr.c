/* What stands on the terminal, read by a QR reader that is not ours: the recovery key, letter for letter. */
#include "test.h"

#include "cli/qr.h"
#include "core/recoverykey.h"
#include "core/seal.h"

#include <locale.h>
#include <stdlib.h>
#include <zbar.h>

#define PIXELS 6 /* a module's side */
#define SIDE_MAX 128

/* The terminal's cells: light is what was printed. */
struct screen {
	bool light[SIDE_MAX][SIDE_MAX];
	size_t width, height;
};

/* Half blocks, two rows a line. Returns the bytes of the character at p. */
static size_t cell(const char *p, bool *upper, bool *lower)
{
	static const struct {
		const char *text;
		bool upper, lower;
	} cells[] = { { "\342\226\210", true, true }, { "\342\226\200", true, false }, { "\342\226\204", false, true }, { " ", false, false } };

	for (size_t i = 0; i < ROWS(cells); i++) {
		if (strncmp(p, cells[i].text, strlen(cells[i].text)) != 0)
			continue;
		*upper = cells[i].upper;
		*lower = cells[i].lower;
		return strlen(cells[i].text);
	}
	fail_msg("not a block: %.3s", p);
	return 0;
}

static void read_utf8(const char *p, struct screen *s)
{
	size_t x = 0;

	*s = (struct screen){ 0 };
	for (; *p; p++) {
		if (*p == '\n') {
			s->width = x;
			x = 0;
			s->height += 2;
			continue;
		}
		assert_true(x < SIDE_MAX && s->height + 1 < SIDE_MAX);
		p += cell(p, &s->light[s->height][x], &s->light[s->height + 1][x]) - 1;
		x++;
	}
}

static void read_ascii(const char *p, struct screen *s)
{
	size_t x = 0;

	*s = (struct screen){ 0 };
	for (; *p; p++) {
		if (*p == '\n') {
			s->width = x;
			x = 0;
			s->height++;
			continue;
		}
		assert_true(x < SIDE_MAX && s->height < SIDE_MAX && p[0] == p[1]);
		s->light[s->height][x++] = *p++ == '#';
	}
}

/* As a camera sees it, in a dark terminal. */
static void scan(const struct screen *s, char *ret, size_t size)
{
	size_t side = (s->width > s->height ? s->width : s->height) + 8, n = side * PIXELS;
	unsigned char *gray = calloc(n, n);
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();
	const zbar_symbol_t *symbol;

	assert_non_null(gray);
	for (size_t y = 0; y < s->height * PIXELS; y++)
		for (size_t x = 0; x < s->width * PIXELS; x++)
			gray[(y + 4 * PIXELS) * n + x + 4 * PIXELS] = s->light[y / PIXELS][x / PIXELS] ? 255 : 0;
	(void)zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
	zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(image, (unsigned)n, (unsigned)n);
	zbar_image_set_data(image, gray, n * n, NULL);
	assert_int_equal(zbar_scan_image(scanner, image), 1);
	symbol = zbar_image_first_symbol(image);
	assert_int_equal(zbar_symbol_get_type(symbol), ZBAR_QRCODE);
	(void)snprintf(ret, size, "%s", zbar_symbol_get_data(symbol));
	zbar_image_destroy(image);
	zbar_image_scanner_destroy(scanner);
	free(gray);
}

static char *printed(const char *text, const char *locale)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	assert_int_equal(setenv("LC_ALL", locale, 1), 0);
	assert_true(qr_print(f, text));
	assert_int_equal(fclose(f), 0);
	return out;
}

static void test_recovery_key(void **state)
{
	static const struct {
		const char *locale;
		void (*read)(const char *p, struct screen *s);
	} rows[] = { { "C.UTF-8", read_utf8 }, { "C", read_ascii } };
	static struct screen s;
	uint8_t key[RECOVERY_KEY_LEN], back[RECOVERY_KEY_LEN];
	char text[RECOVERY_TEXT_LEN + 1], seen[256];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (unsigned n = 0; n < 4; n++) {
			char *out;

			for (size_t k = 0; k < sizeof(key); k++)
				key[k] = (uint8_t)(n * 0x55 + k * (2 * n + 1) * 7);
			recovery_key_format(key, text);
			out = printed(text, rows[i].locale);
			rows[i].read(out, &s);
			scan(&s, seen, sizeof(seen));
			assert_string_equal(seen, text);
			assert_true(recovery_key_parse(seen, strlen(seen), back));
			assert_memory_equal(back, key, sizeof(key));
			free(out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_recovery_key) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
