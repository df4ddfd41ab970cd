#include "core/recoverykey.h"

#include <string.h>

static const char letters[] = "cbdefghijklnrtuv";

void recovery_key_format(const uint8_t key[static 32], char ret[static RECOVERY_TEXT_LEN + 1])
{
	for (int i = 0; i < 32; i++) {
		if (i && i % 4 == 0)
			*ret++ = '-';
		*ret++ = letters[key[i] >> 4];
		*ret++ = letters[key[i] & 15];
	}
	*ret = '\0';
}

static int nibble(char c)
{
	const char *at;

	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	at = c ? strchr(letters, c) : NULL;
	return at ? (int)(at - letters) : -1;
}

bool recovery_key_parse(const char *text, size_t len, uint8_t ret[static 32])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int d;

		if (text[i] == '-' || text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n')
			continue;
		d = nibble(text[i]);
		if (d < 0 || n == 64)
			return false;
		ret[n / 2] = (uint8_t)(n % 2 ? ret[n / 2] | d : d << 4);
		n++;
	}
	return n == 64;
}
