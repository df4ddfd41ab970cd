/* PCR selections in text: "sha256:0,2,4,7". TPM 2.0 Part 2, TPMS_PCR_SELECTION. */
#ifndef IMAGATE_CORE_PCR_H
#define IMAGATE_CORE_PCR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pcr_bank { PCR_BANK_NONE = 0, PCR_BANK_SHA256, PCR_BANK_SHA384, PCR_BANK_SHA512 };

struct pcr_selection {
	enum pcr_bank bank;
	uint32_t mask; /* bit n: PCR n, 0..23 */
};

/* How many PCRs. By hand: core is to need no library. */
static inline size_t pcr_count(uint32_t mask)
{
	size_t n = 0;

	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

/* Blanks are allowed around numbers. PCR 10 is refused: IMA extends it all the time.
 * So are an empty list, doubles, numbers above 23 and unknown banks (sha1 among them);
 * *ret_error is then a constant that says which. */
bool pcr_selection_parse(const char *text, struct pcr_selection *ret, const char **ret_error);

/* Returns false if it does not fit. */
bool pcr_selection_format(const struct pcr_selection *s, char *ret, size_t size);

const char *pcr_bank_name(enum pcr_bank b);

#endif
