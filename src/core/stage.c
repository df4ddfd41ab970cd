#include "core/stage.h"

#include "core/names.h"

#include <string.h>

static const char *const stages[] = {
	[STAGE_UNSET] = "unset", [STAGE_OFF] = "off",     [STAGE_MEASURE] = "measure",
	[STAGE_FIX] = "fix",     [STAGE_AUDIT] = "audit", [STAGE_ENFORCE] = "enforce",
};
NAMES_COMPLETE(stages, STAGE_COUNT);

static const char *const appraises[] = {
	[APPRAISE_UNKNOWN] = "unknown", [APPRAISE_OFF] = "off",         [APPRAISE_LOG] = "log",
	[APPRAISE_FIX] = "fix",         [APPRAISE_ENFORCE] = "enforce",
};
NAMES_COMPLETE(appraises, APPRAISE_COUNT);

const char *stage_name(enum stage s)
{
	return NAME_OF(stages, s);
}

enum stage stage_from_name(const char *name)
{
	for (int s = STAGE_OFF; s < STAGE_COUNT; s++)
		if (!strcmp(name, stages[s]))
			return (enum stage)s;
	return STAGE_UNSET;
}

const char *appraise_name(enum appraise a)
{
	return NAME_OF(appraises, a);
}

enum appraise stage_appraise(enum stage s)
{
	switch (s) {
	case STAGE_FIX: return APPRAISE_FIX;
	case STAGE_AUDIT: return APPRAISE_LOG;
	case STAGE_ENFORCE: return APPRAISE_ENFORCE;
	default: return APPRAISE_UNKNOWN;
	}
}
