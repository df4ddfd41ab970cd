#include "core/elf.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_needs e;
	size_t total = 0;

	if (!elf_parse(data, size, &e))
		return 0;
	for (size_t i = 0; i < e.needed_count; i++)
		total += strlen(e.needed[i]);
	total += (e.interp ? strlen(e.interp) : 0) + (e.runpath ? strlen(e.runpath) : 0);
	if (total > 128 * size)
		abort();
	return 0;
}
