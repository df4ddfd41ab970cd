#include "cli/refused.h"

#include <stdio.h>

void refused_print(const struct refused *r, const char *indent)
{
	char text[REFUSED_REMEDY];

	if (r->state == REFUSED_UNKNOWN)
		return;
	(void)printf("%sthe TPM refused the key in this boot:\n", indent);
	for (size_t i = 0; i < r->lines; i++)
		(void)printf("%s  %s\n", indent, r->line[i]);
	if (r->more)
		(void)printf("%s  and %u more ('imagate pcr explain --against' the copy of the log beside the seal)\n", indent, r->more);
	refused_remedy(r, text, sizeof(text));
	(void)printf("%s%s\n", indent, text);
}
