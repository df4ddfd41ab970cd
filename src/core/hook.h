/* The hooks at which the kernel judges files, with the mask it passes, and in words. */
#ifndef IMAGATE_CORE_HOOK_H
#define IMAGATE_CORE_HOOK_H

#include "core/rule.h"

struct hook {
	enum rule_func func;
	unsigned mask;
	const char *words; /* "run as a program" */
};
const struct hook *hook_at(size_t i); /* NULL behind the last */

#endif
