/* Which policy language the running kernel speaks. */
#ifndef IMAGATE_KERNEL_LANGUAGE_H
#define IMAGATE_KERNEL_LANGUAGE_H

#include "core/rule.h"
#include "core/facts.h"

/* From osrelease, /proc/crypto, /sys/kernel/security/lsm and, where it lies there, the kernel's own
 * configuration in /boot; what is not found is as Debian has it. False: not even a version. */
bool kernel_language(int root, struct rule_kernel *ret);

/* Are there keys in .ima or _ima, as far as /proc/keys shows them to the caller? */
enum tri kernel_ima_keys(int root);

#endif
