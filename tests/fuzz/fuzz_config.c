#include "base/ini.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct why why = { 0 };
	struct config c;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (ini_config("fuzz", text, &c, &why) == OUTCOME_OK && (c.floor > c.stage || c.floor == STAGE_UNSET))
		abort();
	free(text);
	return 0;
}
