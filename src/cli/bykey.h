/* The master key, by the recovery key: what it opens, whoever has it may do. */
#ifndef IMAGATE_CLI_BYKEY_H
#define IMAGATE_CLI_BYKEY_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

#include <stdbool.h>

/* Asked for at the terminal, five times at most; from standard input where that is none. */
bool master_by_recovery_key(const struct seal *s, struct secret *ret);
/* The EVM key inside a seal file, by the recovery key. */
enum outcome evm_key_by_recovery_key(const char *seal_path, struct secret *ret, struct why *why);
enum outcome read_seal(const char *path, struct seal *ret, struct why *why);

#endif
