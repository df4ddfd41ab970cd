#include "core/cmdline.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline c;
	struct cmdline_iter it;
	struct cmdline_word w;
	const char *end = (const char *)data + size;

	cmdline_parse((const char *)data, size, &c);
	cmdline_begin(&it, (const char *)data, size);
	while (cmdline_next(&it, &w))
		if (w.name + w.name_len > end || (w.value && w.value + w.value_len > end))
			abort();
	return 0;
}
