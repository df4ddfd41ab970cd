#include "cli/qr.h"

#include <langinfo.h>
#include <locale.h>
#include <qrencode.h>
#include <string.h>

#define MARGIN 2

static bool dark(const QRcode *q, int x, int y)
{
	return x >= 0 && y >= 0 && x < q->width && y < q->width && (q->data[y * q->width + x] & 1);
}

static void print_utf8(FILE *to, const QRcode *q)
{
	/* what is light is printed: terminals are dark */
	static const char *const blocks[2][2] = { { "\342\226\210", "\342\226\200" }, { "\342\226\204", " " } };

	for (int y = -MARGIN; y < q->width + MARGIN; y += 2) {
		for (int x = -MARGIN; x < q->width + MARGIN; x++)
			(void)fputs(blocks[dark(q, x, y)][dark(q, x, y + 1)], to);
		(void)fputc('\n', to);
	}
}

static void print_ascii(FILE *to, const QRcode *q)
{
	for (int y = -MARGIN; y < q->width + MARGIN; y++) {
		for (int x = -MARGIN; x < q->width + MARGIN; x++)
			(void)fputs(dark(q, x, y) ? "  " : "##", to);
		(void)fputc('\n', to);
	}
}

bool qr_print(FILE *to, const char *text)
{
	QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!q)
		return false;
	(void)setlocale(LC_CTYPE, "");
	if (!strcmp(nl_langinfo(CODESET), "UTF-8"))
		print_utf8(to, q);
	else
		print_ascii(to, q);
	/* it is a picture of a secret */
	explicit_bzero(q->data, (size_t)q->width * (size_t)q->width);
	QRcode_free(q);
	return true;
}
