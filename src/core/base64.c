#include "core/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i += 3) {
		uint32_t n = (uint32_t)bytes[i] << 16 | (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < len ? bytes[i + 2] : 0);

		*ret++ = digits[n >> 18];
		*ret++ = digits[n >> 12 & 63];
		*ret++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
		*ret++ = i + 2 < len ? digits[n & 63] : '=';
	}
	*ret = '\0';
}

bool base64_decode(const char *text, size_t text_len, uint8_t *ret, size_t size, size_t *ret_len)
{
	uint32_t bits = 0;
	size_t padding = 0, out = 0;

	if (text_len % 4)
		return false;
	while (padding < 2 && text_len && text[text_len - 1] == '=') {
		text_len--;
		padding++;
	}
	for (size_t i = 0; i < text_len; i++) {
		const char *at = memchr(digits, text[i], 64);

		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - digits);
		if (i % 4 == 0)
			continue;
		if (out == size)
			return false;
		ret[out++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_len = out;
	return padding == 0 || (bits & (padding == 2 ? 15 : 3)) == 0;
}
