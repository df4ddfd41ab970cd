#include "core/seal.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal s;
	struct seal_pem pem;
	unsigned line;
	const char *error;
	static char text[SEAL_FILE_MAX];
	size_t places[SEAL_SLOTS_MAX];

	if (!seal_text_parse((const char *)data, size, &s, &pem, &line, &error)) {
		if (!error)
			abort();
		return 0;
	}
	if (s.slots == 0 || s.slots > SEAL_SLOTS_MAX || !seal_head_format(&s, text, sizeof(text)) || !evm_blob_valid(s.evm_blob))
		abort();
	for (size_t i = 0; i < s.slots; i++)
		if (pem.offset[i] > size || pem.len[i] > size - pem.offset[i] || !seal_slot_format(&s.slot[i], text, sizeof(text)))
			abort();
	if (seal_candidates(&s, STAGE_ENFORCE, s.key_id, places) > s.slots)
		abort();
	return 0;
}
