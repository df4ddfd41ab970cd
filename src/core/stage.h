/* The rollout's stages, and the kernel's own appraise modes.
 * Source: kernel security/integrity/ima/ima_appraise.c, ima_appraise_parse_cmdline(). */
#ifndef IMAGATE_CORE_STAGE_H
#define IMAGATE_CORE_STAGE_H

#include <stdbool.h>

/* In rising order: a higher stage is a tighter one. */
enum stage {
	STAGE_UNSET = 0, /* not asked for */
	STAGE_OFF,
	STAGE_MEASURE,
	STAGE_FIX,
	STAGE_AUDIT,
	STAGE_ENFORCE,
	STAGE_COUNT
};

/* ima_appraise=. There is no "audit": imagate's audit is the kernel's log. */
enum appraise {
	APPRAISE_UNKNOWN = 0,
	APPRAISE_OFF,
	APPRAISE_LOG,
	APPRAISE_FIX,
	APPRAISE_ENFORCE,
	APPRAISE_COUNT
};

const char *stage_name(enum stage s); /* "unset", "off", ... */
enum stage stage_from_name(const char *name); /* STAGE_UNSET if it is none */
const char *appraise_name(enum appraise a);

/* The mode a stage needs: off and measure run under any (APPRAISE_UNKNOWN). */
enum appraise stage_appraise(enum stage s);

#endif
