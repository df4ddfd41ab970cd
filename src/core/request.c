#include "core/seal.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AGAIN ": ask again"

enum line { LINE_VERSION = 0, LINE_GENERATION, LINE_PERMIT, LINE_FLOOR, LINE_CMDLINE, LINE_MAC, LINES };
static const char *const names[LINES] = { "Imagate-Request:", "Generation:", "Permit:", "Floor:", "Cmdline:", "Mac:" };

static bool take_number(const char *p, size_t len, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9' || *ret > UINT64_MAX / 10 - 9)
			return false;
		*ret = *ret * 10 + (uint64_t)(p[i] - '0');
	}
	return len > 0;
}

static bool take_stage(const char *p, size_t len, enum stage *ret)
{
	char word[16] = "";

	if (len >= sizeof(word))
		return false;
	memcpy(word, p, len);
	*ret = stage_from_name(word);
	return *ret != STAGE_UNSET;
}

static const char *take(enum line l, const char *p, size_t len, struct request *r)
{
	size_t n;

	switch (l) {
	case LINE_VERSION: return text_is(p, len, "1") ? NULL : "made by another version of imagate" AGAIN;
	case LINE_GENERATION: return take_number(p, len, &r->generation) ? NULL : "not a generation" AGAIN;
	case LINE_PERMIT: return take_stage(p, len, &r->permit) ? NULL : "not a stage" AGAIN;
	case LINE_FLOOR: return take_stage(p, len, &r->floor) ? NULL : "not a stage" AGAIN;
	case LINE_CMDLINE:
		return hex_decode(p, len, r->cmdline, sizeof(r->cmdline), &n) && n == sizeof(r->cmdline) ? NULL : "not a digest" AGAIN;
	case LINE_MAC: return hex_decode(p, len, r->mac, sizeof(r->mac), &n) && n == sizeof(r->mac) ? NULL : "not a Mac" AGAIN;
	case LINES: break;
	}
	return "unknown" AGAIN;
}

static const char *take_line(const char *p, size_t len, struct request *r, unsigned *seen)
{
	for (int l = 0; l < LINES; l++) {
		const char *value = p + strlen(names[l]);
		size_t value_len;

		if (!text_begins(p, len, names[l]))
			continue;
		if (*seen & 1u << l || *seen & 1u << LINE_MAC)
			return "given twice, or behind the Mac" AGAIN;
		*seen |= 1u << l;
		value_len = len - strlen(names[l]);
		text_trim(&value, &value_len);
		return take((enum line)l, value, value_len, r);
	}
	return "not a line of a request" AGAIN;
}

bool request_parse(const char *text, size_t len, struct request *ret, unsigned *ret_line, const char **ret_error)
{
	const unsigned needed = 1u << LINE_VERSION | 1u << LINE_GENERATION | 1u << LINE_MAC;
	struct text t = { text, text + len };
	const char *p;
	size_t n;
	unsigned seen = 0;

	memset(ret, 0, sizeof(*ret));
	*ret_error = NULL;
	for (*ret_line = 1; text_line(&t, &p, &n); (*ret_line)++) {
		*ret_error = take_line(p, n, ret, &seen);
		if (*ret_error)
			return false;
		if (!(seen & 1u << LINE_MAC))
			ret->signed_len = (size_t)(t.next - text);
	}
	if ((seen & needed) != needed || (ret->permit == STAGE_UNSET) == (ret->floor == STAGE_UNSET) ||
	    !(seen & 1u << LINE_CMDLINE) != !(seen & 1u << LINE_FLOOR))
		*ret_error = "a line is missing, or there is one too many" AGAIN;
	return !*ret_error;
}

bool request_is_pending(const char *text, size_t len, uint64_t generation, struct request *ret)
{
	const char *error;
	unsigned line;

	return request_parse(text, len, ret, &line, &error) && ret->generation == generation;
}

size_t request_format(const struct request *r, char *ret, size_t size)
{
	bool permit = r->permit != STAGE_UNSET;
	char cmdline[2 * CMDLINE_DIGEST_LEN + 1] = "";
	int n;

	if (!permit)
		hex_encode(r->cmdline, CMDLINE_DIGEST_LEN, cmdline);
	n = snprintf(ret, size, "%s 1\n%s %" PRIu64 "\n%s %s\n%s%s%s%s", names[LINE_VERSION], names[LINE_GENERATION],
	             r->generation, names[permit ? LINE_PERMIT : LINE_FLOOR], stage_name(permit ? r->permit : r->floor),
	             permit ? "" : names[LINE_CMDLINE], permit ? "" : " ", cmdline, permit ? "" : "\n");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
