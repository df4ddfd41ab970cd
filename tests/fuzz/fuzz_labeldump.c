/* Label dumps: what is taken is a path without tricks, and labels that fit. */
#include "core/labeldump.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct labeldump_entry e;
	struct labeldump d = { { (const char *)data, (const char *)data + size }, 0 };
	const char *error;
	unsigned lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	while (labeldump_next(&d, &e, &error)) {
		size_t len = strnlen(e.path, sizeof(e.path));

		if (error || len < 2 || len >= sizeof(e.path) || e.path[0] != '/' || e.path[len - 1] == '/' || strstr(e.path, "//") ||
		    strstr(e.path, "/../") || strstr(e.path, "/./") || e.ima_len > LABEL_MAX || e.evm_len > LABEL_MAX || d.line > lines + 1)
			abort();
	}
	if (error && (!d.line || d.line > lines + 1))
		abort();
	return 0;
}
