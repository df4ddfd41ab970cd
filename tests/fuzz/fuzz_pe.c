#include "core/pe.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every range lies in the file, and together they are not longer than it. */
static bool look(void *arg, uint16_t alg, const struct part *parts, size_t count, uint8_t *ret)
{
	const struct part *file = arg;
	const uint8_t *begin = file->p;
	size_t sum = 0;

	(void)alg;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = parts[i].p;

		if (p < begin || p > begin + file->len || parts[i].len > (size_t)(begin + file->len - p))
			abort();
		sum += parts[i].len;
	}
	if (sum > file->len)
		abort();
	memset(ret, 0, BANK_DIGEST_MAX);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part file = { data, size };
	uint8_t digest[BANK_DIGEST_MAX];
	const uint8_t *bytes;
	struct pe p;
	size_t at, len;
	const char *why;

	if (!pe_parse(data, size, &p, &at, &why)) {
		if (!why)
			abort();
		return 0;
	}
	if (why || p.sections > PE_SECTIONS || p.ranges > PE_RANGES || !pe_digest(&p, BANK_SHA256, look, &file, digest))
		abort();
	for (size_t i = 0; i < p.sections; i++)
		if (pe_section_bytes(data, size, &p.section[i], &bytes, &len) && len && (bytes < data || len > size))
			abort();
	return pe_is_uki(&p) && !pe_section_find(&p, ".linux");
}
