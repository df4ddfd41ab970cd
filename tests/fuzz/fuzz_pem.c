#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal s, again;
	struct why why = { 0 };
	char text[SEAL_FILE_MAX];
	size_t len;

	if (seal_file_parse("fuzz", (const char *)data, size, &s, &why) != OUTCOME_OK)
		return 0;
	if (seal_file_format(&s, text, sizeof(text), &len, &why) != OUTCOME_OK ||
	    seal_file_parse("fuzz", text, len, &again, &why) != OUTCOME_OK)
		abort();
	return 0;
}
