#include "core/outcome.h"

#include "core/names.h"

static const char *const outcomes[] = {
	[OUTCOME_PENDING] = "pending", [OUTCOME_OK] = "ok",         [OUTCOME_ABSENT] = "absent",
	[OUTCOME_REFUSED] = "refused", [OUTCOME_BROKEN] = "broken", [OUTCOME_BLOCKED] = "blocked",
};
NAMES_COMPLETE(outcomes, OUTCOME_COUNT);

static const char *const steps[] = {
	[STEP_CONFIG] = "config",       [STEP_FACTS] = "facts",   [STEP_UNSEAL] = "unseal",
	[STEP_DOOR] = "door",           [STEP_AUTHORITY] = "authority", [STEP_RATCHET] = "ratchet",
	[STEP_STAGING] = "staging",     [STEP_PREFLIGHT] = "preflight",
	[STEP_DECIDE] = "decide",       [STEP_KEYRINGS] = "keyrings",
	[STEP_EVM] = "evm",             [STEP_POLICY] = "policy",
	[STEP_PROOF] = "proof",         [STEP_CONCLUDE] = "conclude",
};
NAMES_COMPLETE(steps, STEP_COUNT);

const char *outcome_name(enum outcome o)
{
	return NAME_OF(outcomes, o);
}

const char *step_name(enum step s)
{
	return NAME_OF(steps, s);
}
