/* Gathers struct facts and the command line from /proc, /sys below root. Read-only. */
#ifndef IMAGATE_KERNEL_FACTS_H
#define IMAGATE_KERNEL_FACTS_H

#include "core/cmdline.h"
#include "core/facts.h"
#include "core/outcome.h"
#include "core/why.h"

/* OK where all could be read (absent facilities are facts, not failures); BROKEN where
 * /proc or securityfs could not be: fields that could not be told stay UNKNOWN. */
enum outcome kernel_facts(int root, struct facts *ret, struct cmdline *ret_cmdline,
                          struct why *why);

#endif
