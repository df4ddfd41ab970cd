#include "core/label.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct label l;

	label_parse(data, size, &l);
	if (l.kind == LABEL_HASH && (l.digest < data || l.digest + l.digest_len > data + size))
		abort();
	return 0;
}
