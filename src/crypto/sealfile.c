#include "crypto/crypto.h"

#include <string.h>

enum outcome seal_file_parse(const char *path, const char *text, size_t len, struct seal *ret,
                             struct why *why)
{
	uint8_t digest[SEAL_DIGEST_MAX];
	size_t digest_len, pem = 0;
	const char *error;
	unsigned line;

	if (!seal_headers_parse(text, len, ret, &pem, &line, &error)) {
		why_set(why, WHY_TEXT, line, "seal", path);
		why_detail(why, error);
		return OUTCOME_BROKEN;
	}
	digest_len = ret->object.pcr_digest_len;
	memcpy(digest, ret->object.pcr_digest, digest_len);
	if (tss2pem_parse(text + pem, len - pem, &ret->object, why) != OUTCOME_OK) {
		char detail[WHY_DETAIL_LEN] = "";

		if (why)
			memcpy(detail, why->detail, sizeof(detail));
		why_set(why, WHY_TEXT, 0, "seal", path);
		why_detail(why, detail);
		return OUTCOME_BROKEN;
	}
	if (digest_len == ret->object.pcr_digest_len && !memcmp(digest, ret->object.pcr_digest, digest_len))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "seal", path);
	why_detail(why, "headers and PEM block do not belong together: restore the file or seal again");
	return OUTCOME_BROKEN;
}

enum outcome seal_file_format(const struct seal *s, char *ret, size_t size, size_t *ret_len,
                              struct why *why)
{
	size_t head, pem;
	enum outcome o;

	if (!seal_headers_format(s, ret, size)) {
		why_set(why, WHY_TEXT, 0, "seal", "headers");
		why_detail(why, "they do not fit");
		return OUTCOME_BROKEN;
	}
	head = strlen(ret);
	o = tss2pem_format(&s->object, ret + head, size - head, &pem, why);
	if (o == OUTCOME_OK)
		*ret_len = head + pem;
	return o;
}
