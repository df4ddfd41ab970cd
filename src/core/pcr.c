#include "core/pcr.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define PCR_LAST 23
#define PCR_OF_IMA 10

static const char *const banks[] = {
	[PCR_BANK_NONE] = "none",
	[PCR_BANK_SHA256] = "sha256",
	[PCR_BANK_SHA384] = "sha384",
	[PCR_BANK_SHA512] = "sha512",
};
_Static_assert(sizeof(banks) / sizeof(banks[0]) == PCR_BANK_SHA512 + 1, "a bank has no name");

const char *pcr_bank_name(enum pcr_bank b)
{
	return (size_t)b < sizeof(banks) / sizeof(banks[0]) ? banks[b] : "?";
}

static enum pcr_bank bank_from_name(const char *p, size_t len)
{
	for (int b = PCR_BANK_SHA256; b <= PCR_BANK_SHA512; b++) {
		if (text_is(p, len, banks[b]))
			return (enum pcr_bank)b;
	}
	return PCR_BANK_NONE;
}

/* Adds one number to the mask; NULL, or what is wrong with it. */
static const char *add_number(const char *p, size_t len, uint32_t *mask)
{
	unsigned n;

	text_trim(&p, &len);
	if (len == 0)
		return "a PCR number is missing: write numbers from 0 to 23, separated by commas";
	if (!text_number(p, len, PCR_LAST, &n))
		return "not a PCR number: write numbers from 0 to 23, separated by commas";
	if (n == PCR_OF_IMA)
		return "PCR 10 cannot be sealed to: IMA extends it all the time";
	if (*mask & UINT32_C(1) << n)
		return "a PCR is listed twice";
	*mask |= UINT32_C(1) << n;
	return NULL;
}

static const char *parse(const char *text, struct pcr_selection *ret)
{
	const char *colon = strchr(text, ':'), *p = text, *comma, *error = NULL;
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	text_trim(&p, &len);
	ret->bank = bank_from_name(p, len);
	if (text_is(p, len, "sha1"))
		return "sha1 is too weak to seal to: use sha256, sha384 or sha512";
	if (ret->bank == PCR_BANK_NONE)
		return "unknown PCR bank: use sha256, sha384 or sha512, as in sha256:0,2,4,7";
	if (!colon)
		return "no PCR numbers: write bank:numbers, as in sha256:0,2,4,7";
	for (p = colon + 1; !error; p = comma + 1) {
		comma = strchr(p, ',');
		error = add_number(p, comma ? (size_t)(comma - p) : strlen(p), &ret->mask);
		if (!comma)
			break;
	}
	return error;
}

bool pcr_selection_parse(const char *text, struct pcr_selection *ret, const char **ret_error)
{
	struct pcr_selection s = {0};
	const char *error = parse(text, &s);

	if (error) {
		*ret_error = error;
		return false;
	}
	*ret = s;
	return true;
}

bool pcr_selection_format(const struct pcr_selection *s, char *ret, size_t size)
{
	char text[96]; /* "sha256:" and all of 0..23 is 68 */
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", pcr_bank_name(s->bank));

	for (int n = 0; n <= PCR_LAST; n++) {
		if (s->mask & UINT32_C(1) << n)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%d",
			                        strchr(text, ':') ? ',' : ':', n);
	}
	if (len >= size)
		return false;
	memcpy(ret, text, len + 1);
	return true;
}
