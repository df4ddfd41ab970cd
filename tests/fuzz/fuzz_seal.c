#include "core/seal.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal s;
	size_t pem;
	unsigned line;
	const char *error;
	char text[SEAL_FILE_MAX];

	if (!seal_headers_parse((const char *)data, size, &s, &pem, &line, &error)) {
		if (!error)
			abort();
		return 0;
	}
	if (pem > size || !seal_headers_format(&s, text, sizeof(text)) || !evm_blob_valid(s.evm_blob))
		abort();
	return 0;
}
