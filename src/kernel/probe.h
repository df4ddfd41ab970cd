/* A file on a tmpfs of ours that bears a signature nobody made: looking at it makes the kernel
 * look up its keyring, and keep it for this boot. KERNEL-FACTS 2.4. */
#ifndef IMAGATE_KERNEL_PROBE_H
#define IMAGATE_KERNEL_PROBE_H

#include "core/outcome.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

#define PROBE_SIGNATURE_LEN (9 + 32)

/* keyid: what the kernel will say it does not know. type: 3 (security.ima) or 5 (security.evm). */
void probe_signature(uint8_t type, uint32_t keyid, uint8_t ret[static PROBE_SIGNATURE_LEN]);
/* "id:0123abcd", as the kernel's log has it. */
void probe_key_name(uint32_t keyid, char ret[static 16]);
/* One that nothing else in this boot's log has. Not random: getrandom() waits for entropy, early in
 * a boot for seconds. */
uint32_t probe_keyid(void);
/* The file, new and empty. dir_fd: of /run/imagate. */
enum outcome probe_create(int dir_fd, const char *name, int *ret_fd, struct why *why);
/* BROKEN, and why. */
enum outcome probe_failed(struct why *why, const char *name, int error, const char *operation);

#endif
