#include "core/seal.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define PCRS 24

static bool in(const struct seal_values *v, unsigned pcr)
{
	return pcr < PCRS && v->mask & UINT32_C(1) << pcr;
}

bool seal_values_take(const struct pcr_selection *s, const uint8_t *values, size_t len, struct seal_values *ret)
{
	size_t count = pcr_count(s->mask);

	memset(ret, 0, sizeof(*ret));
	if (!count || len % count || len / count > SEAL_DIGEST_MAX || len > sizeof(ret->bytes))
		return false;
	ret->mask = s->mask;
	ret->size = len / count;
	memcpy(ret->bytes, values, len);
	return true;
}

const uint8_t *seal_values_of(const struct seal_values *v, unsigned pcr)
{
	size_t before = 0;

	for (unsigned n = 0; n < pcr && n < PCRS; n++)
		before += in(v, n);
	return in(v, pcr) ? v->bytes + before * v->size : NULL;
}

/* "4=<hex>": in ascending order, all of one length. */
static bool take_word(const char *p, size_t len, unsigned *next, struct seal_values *v)
{
	size_t used = pcr_count(v->mask) * v->size, size;
	unsigned pcr = 0;
	size_t i = 0;

	for (; i < len && i < 2 && p[i] >= '0' && p[i] <= '9'; i++)
		pcr = pcr * 10 + (unsigned)(p[i] - '0');
	if (i == 0 || i == len || p[i] != '=' || pcr < *next || pcr >= PCRS ||
	    !hex_decode(p + i + 1, len - i - 1, v->bytes + used, sizeof(v->bytes) - used, &size) || size == 0 ||
	    size > SEAL_DIGEST_MAX || (v->mask && size != v->size))
		return false;
	v->size = size;
	v->mask |= UINT32_C(1) << pcr;
	*next = pcr + 1;
	return true;
}

bool seal_values_parse(const char *p, size_t len, struct seal_values *ret)
{
	struct text t = { p, p + len };
	const char *word;
	unsigned next = 0;
	size_t word_len;
	bool ok = true;

	memset(ret, 0, sizeof(*ret));
	while (ok && text_word(&t, &word, &word_len))
		ok = take_word(word, word_len, &next, ret);
	return ok && ret->mask;
}

size_t seal_values_format(const struct seal_values *v, char *ret, size_t size)
{
	size_t used = 0;

	for (unsigned n = 0; n < PCRS; n++) {
		char hex[2 * SEAL_DIGEST_MAX + 1];
		int len;

		if (!in(v, n))
			continue;
		hex_encode(seal_values_of(v, n), v->size, hex);
		len = snprintf(ret + used, size - used, "%s%u=%s", used ? " " : "", n, hex);
		if (len < 0 || (size_t)len >= size - used)
			return 0;
		used += (size_t)len;
	}
	return used;
}

bool seal_values_belong(const struct seal_values *v, const struct seal_object *o, hash_fn hash, void *arg)
{
	const struct part all = { v->bytes, pcr_count(v->mask) * v->size };
	uint8_t digest[BANK_DIGEST_MAX];

	/* what PolicyPCR compares is of the policy's algorithm, whatever the bank */
	return v->mask && v->mask == o->pcrs.mask && o->pcr_digest_len == bank_size(BANK_SHA256) &&
	       hash(arg, BANK_SHA256, &all, 1, digest) && !memcmp(digest, o->pcr_digest, o->pcr_digest_len);
}
