#include "cli/policy.h"
int policy_explain(const struct policy_wish *w)
{
	(void)w;
	return IMAGATE_FAILED;
}
