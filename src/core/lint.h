/* What a policy will do to a machine, said before the kernel is asked: errors are the kernel's refusals,
 * warnings what it would take and what one would regret, notes what one should know. */
#ifndef IMAGATE_CORE_LINT_H
#define IMAGATE_CORE_LINT_H

#include "core/facts.h"
#include "core/match.h"

enum lint_severity { LINT_NOTE = 0, LINT_WARNING, LINT_ERROR, LINT_SEVERITIES };
const char *lint_severity_name(enum lint_severity s);

#define LINT_TEXT 320

struct lint_finding {
	enum lint_severity severity;
	const char *id;         /* stable, for --json and scripts: "hole", "unreachable" */
	unsigned line, column;  /* from 1; line 0: the whole policy */
	bool bricks;            /* no system comes up under it */
	char what[LINT_TEXT];
	const char *remedy;
};

/* Where it will be loaded. */
struct lint_about {
	struct rule_kernel kernel;
	enum tri ima_key;       /* will the kernel have a key for IMA signatures? UNKNOWN: not judged */
	bool by_path;           /* loaded as a signed file, not as text */
};

typedef void (*lint_emit_fn)(const struct lint_finding *f, void *arg);

struct lint {
	struct rule rules[RULES_MAX]; /* point into the text */
	size_t count;
	unsigned found[LINT_SEVERITIES];
};

/* Reads text into ret->rules and tells of everything found, in the order of lines as far as rules go. */
void policy_lint(const char *text, size_t len, const struct lint_about *about, struct lint *ret,
                 lint_emit_fn emit, void *arg);

/* Is there a rule that appraises this func, or any? */
bool lint_appraises(const struct lint *l, enum rule_func f);

#endif
