#include "core/seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r, back;
	unsigned line;
	const char *error;
	char text[REQUEST_MAX];
	size_t n;

	if (!request_parse((const char *)data, size, &r, &line, &error)) {
		if (!error)
			abort();
		return 0;
	}
	n = request_format(&r, text, sizeof(text) - 80);
	if (n == 0 || r.signed_len > size)
		abort();
	memcpy(text + n, "Mac: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 70);
	if (!request_parse(text, n + 70, &back, &line, &error) || back.generation != r.generation || back.permit != r.permit ||
	    back.floor != r.floor)
		abort();
	return 0;
}
