#include "core/record.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record r, again;
	char text[RECORD_MAX];
	size_t len;

	if (!record_parse((const char *)data, size, &r))
		return 0;
	len = record_format(&r, text, sizeof(text));
	if (len && (!record_parse(text, len, &again) || again.decision.verdict != r.decision.verdict))
		abort();
	return 0;
}
