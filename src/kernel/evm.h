/* EVM on, and the _evm ring pinned. Source: security/integrity/evm/evm_secfs.c,
 * KERNEL-FACTS 1.1, 2.4. */
#ifndef IMAGATE_KERNEL_EVM_H
#define IMAGATE_KERNEL_EVM_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>

/* A file on a tmpfs of ours that makes the kernel look up _evm: made before EVM is on,
 * touched after it. dir_fd: a directory on tmpfs. */
enum outcome evm_probe_make(int dir_fd, struct why *why);
enum outcome evm_probe_touch(int dir_fd, struct why *why); /* pins, then unlinks */

/* Until EVM is on, HMACs may be written by programs: EVM_ALLOW_METADATA_WRITES, which switching HMACs on clears. */
enum outcome evm_allow_writes(int root, struct why *why);

/* One write for both; read back. ABSENT: no such file; REFUSED: the kernel said no. */
enum outcome evm_activate(int root, bool hmac, bool x509, struct why *why);

#endif
