/* Counters that a power cut, or a process that died, left in the TPM: as long as one is there, what was sealed to it
 * still unseals. */
#ifndef IMAGATE_CLI_LEFTOVERS_H
#define IMAGATE_CLI_LEFTOVERS_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/why.h"

struct tpm;

/* Undefines the counters of seals beside the one at path: those that path.old and path.new name, and, where the master
 * key is at hand (NULL: it is not), every counter that obeys it. Counters of another installation on this machine
 * obey another key, and stay. */
enum outcome leftovers_drop(struct tpm *t, const char *path, const struct secret *master, struct why *why);
/* The same without the key, for a running system: opens the TPM only if there may be any. */
enum outcome leftovers_drop_named(const char *path, unsigned wait, struct why *why);

#endif
