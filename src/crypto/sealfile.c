#include "crypto/crypto.h"

#include <string.h>

static enum outcome damaged(const char *path, unsigned line, const char *detail, struct why *why)
{
	why_set(why, WHY_TEXT, line, "seal", path);
	why_detail(why, detail);
	return OUTCOME_BROKEN;
}

static enum outcome take_object(const char *path, const char *pem, size_t len, struct seal_object *o, struct why *why)
{
	uint8_t digest[SEAL_DIGEST_MAX];
	size_t digest_len = o->pcr_digest_len;
	struct why inner = { 0 };

	memcpy(digest, o->pcr_digest, digest_len);
	if (tss2pem_parse(pem, len, o, &inner) != OUTCOME_OK)
		return damaged(path, 0, inner.detail, why);
	if (digest_len == o->pcr_digest_len && !memcmp(digest, o->pcr_digest, digest_len))
		return OUTCOME_OK;
	return damaged(path, 0, "a slot's lines and its PEM block do not belong together: restore the file or seal again",
	               why);
}

enum outcome seal_file_parse(const char *path, const char *text, size_t len, struct seal *ret,
                             struct why *why)
{
	struct seal_pem pem;
	const char *error;
	unsigned line;

	if (!seal_text_parse(text, len, ret, &pem, &line, &error))
		return damaged(path, line, error, why);
	for (size_t i = 0; i < ret->slots; i++)
		if (take_object(path, text + pem.offset[i], pem.len[i], &ret->slot[i].object, why) != OUTCOME_OK)
			return OUTCOME_BROKEN;
	return OUTCOME_OK;
}

enum outcome seal_file_format(const struct seal *s, char *ret, size_t size, size_t *ret_len,
                              struct why *why)
{
	size_t used = seal_head_format(s, ret, size);
	bool fits = used > 0;

	for (size_t i = 0; fits && i < s->slots; i++) {
		size_t n = seal_slot_format(&s->slot[i], ret + used, size - used), pem = 0;

		fits = n > 0;
		if (fits && tss2pem_format(&s->slot[i].object, ret + used + n, size - used - n, &pem, why) != OUTCOME_OK)
			return OUTCOME_BROKEN;
		used += n + pem;
	}
	*ret_len = used;
	return fits ? OUTCOME_OK : damaged("", 0, "it does not fit", why);
}
