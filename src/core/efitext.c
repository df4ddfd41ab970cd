#include "core/efi.h"

#include <stdio.h>
#include <string.h>

/* Appends one character, whole or not at all. False: it does not fit. */
static bool put(uint32_t c, char *ret, size_t size, size_t *used)
{
	uint8_t u[4];
	size_t n;

	if (c == '\n' || c == '\t')
		c = ' ';
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		c = '?';
	if (c < 0x80) {
		u[0] = (uint8_t)c;
		n = 1;
	} else if (c < 0x800) {
		u[0] = (uint8_t)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		u[0] = (uint8_t)(0xe0 | c >> 12);
		n = 3;
	} else {
		u[0] = (uint8_t)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		u[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	if (*used + n >= size)
		return false;
	memcpy(ret + *used, u, n);
	*used += n;
	return true;
}

static uint32_t unit(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

size_t efi_utf16_text(const uint8_t *utf16, size_t bytes, char *ret, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return 0;
	for (size_t i = 0; i + 2 <= bytes; i += 2) {
		uint32_t c = unit(utf16 + i);

		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= bytes && (unit(utf16 + i + 2) & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (unit(utf16 + i + 2) & 0x3ff);
			i += 2;
		}
		if (!put(c, ret, size, &used))
			break;
	}
	ret[used] = '\0';
	return used;
}

/* One character of UTF-8; *ret_len bytes were looked at. '?' for what is none. */
static uint32_t from_utf8(const uint8_t *p, size_t len, size_t *ret_len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t c;

	*ret_len = 1;
	if (n == 1)
		return p[0];
	if (n == 0 || n > len)
		return '?';
	c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return '?';
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n])
		return '?';
	*ret_len = n;
	return c;
}

size_t efi_text(const uint8_t *text, size_t len, char *ret, size_t size)
{
	size_t used = 0, step;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < len && text[i]; i += step)
		if (!put(from_utf8(text + i, len - i, &step), ret, size, &used))
			break;
	ret[used] = '\0';
	return used;
}

bool efi_is_utf16(const uint8_t *bytes, size_t len)
{
	size_t n = len / 2;

	if (len % 2 || n == 0)
		return false;
	if (unit(bytes + 2 * (n - 1)) == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = unit(bytes + 2 * i);

		if (c < 0x20 || c > 0x2fff)
			return false;
	}
	return n != 0;
}

void efi_guid_text(const uint8_t g[static EFI_GUID_LEN], char ret[static EFI_GUID_TEXT])
{
	(void)snprintf(ret, EFI_GUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	               g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
	               g[15]);
}
