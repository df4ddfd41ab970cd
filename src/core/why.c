#include "core/why.h"

#include "core/names.h"

#include <string.h>

static const char *const domains[] = {
	[WHY_NONE] = "none", [WHY_ERRNO] = "errno", [WHY_TPM] = "tpm",   [WHY_CRYPTO] = "crypto",
	[WHY_TEXT] = "text", [WHY_LABEL] = "label", [WHY_FACT] = "fact",
};
NAMES_COMPLETE(domains, WHY_DOMAIN_COUNT);

/* A newline would end the record's line, an escape would reach the console. */
static void copy_line(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
	to[n] = '\0';
}

struct why *why_set(struct why *w, enum why_domain d, int64_t code, const char *operation,
                    const char *subject)
{
	if (!w)
		return NULL;
	*w = (struct why){ .domain = d, .code = code, .operation = operation };
	copy_line(w->subject, sizeof(w->subject), subject ? subject : "");
	return w;
}

void why_detail(struct why *w, const char *detail)
{
	if (w)
		copy_line(w->detail, sizeof(w->detail), detail);
}

const char *why_domain_name(enum why_domain d)
{
	return NAME_OF(domains, d);
}
