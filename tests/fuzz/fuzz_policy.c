#include "core/policy.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *rule, *error;
	struct policy_iter it;
	size_t len;

	policy_begin(&it, text, size);
	while (policy_next(&it, &rule, &len))
		if (len == 0 || rule < text || rule + len > text + size || (policy_rule_ok(rule, len, &error) && *rule == 47))
			abort();
	return 0;
}
