/* The words of the policy language, with the kernel release that each came in (ima_policy.c, ima_template.c, of
 * every release since 2.6.30). rule.c's own. */
#ifndef IMAGATE_CORE_RULEWORD_H
#define IMAGATE_CORE_RULEWORD_H

#include "core/rule.h"

#define SINCE KERNEL_RELEASE

enum word {
	W_ACTION, W_FUNC, W_MASK, W_FSMAGIC, W_FSNAME, W_FS_SUBTYPE, W_FSUUID, W_UID, W_EUID, W_GID, W_EGID, W_FOWNER,
	W_FGROUP, W_LSM, W_DIGEST_TYPE, W_APPRAISE_TYPE, W_APPRAISE_FLAG, W_APPRAISE_ALGOS, W_PCR, W_TEMPLATE,
	W_KEYRINGS, W_LABEL, W_DIRECTIO
};

struct ruleword {
	const char *text; /* whole word, or up to and including its operator */
	enum word word;
	int which;        /* action or label field */
	unsigned since;
};
/* NULL: no such word. ret_value: what follows the operator; *ret_op: '=', '<', '>', or the word's last letter. */
const struct ruleword *ruleword_find(struct span word, struct span *ret_value, char *ret_op);

struct rulefunc {
	const char *name;
	enum rule_func func;
	unsigned since;
};
const struct rulefunc *rulefunc_find(struct span name);

/* By name or by format: lookup_template_desc */
struct ruletemplate {
	const char *name, *format;
	unsigned since;
};
const struct ruletemplate *ruletemplate_find(struct span name);

#endif
