#include "core/seal.h"

void hex_encode(const uint8_t *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *hex, size_t hex_len, uint8_t *ret, size_t size, size_t *ret_len)
{
	if (hex_len % 2 || hex_len / 2 > size)
		return false;
	for (size_t i = 0; i < hex_len; i++) {
		if (nibble(hex[i]) < 0)
			return false;
	}
	for (size_t i = 0; i < hex_len / 2; i++)
		ret[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	*ret_len = hex_len / 2;
	return true;
}
