/* Keys. Everything secret is put in a session keyring of this process alone, which nobody
 * else can possess and which dies with it. Source: keyctl(2), KERNEL-FACTS 1.2, 1.3, 2. */
#ifndef IMAGATE_KERNEL_KEYRING_H
#define IMAGATE_KERNEL_KEYRING_H

#include "base/secret.h"
#include "core/facts.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

/* The first encrypted key makes the kernel fetch crypto modules through modprobe. A child with a
 * throw-away key makes it do so now, while the TPM and the root device are awaited. Best
 * effort; returns the child's pid for keyring_warm_up_end(), or -1. */
int keyring_warm_up(void);
void keyring_warm_up_end(int pid);

/* Join a new anonymous session keyring. Call once, before any key. */
enum outcome keyring_private(struct why *why);

/* Master key in as "user" key, EVM key loaded under it from blob, then checked: it reads
 * back and the read-back loads. On any failure neither is left behind. The master key is
 * unlinked and invalidated before this returns, in every case. */
enum outcome keyring_load_evm_key(const struct secret *master, const char *blob,
                                  struct why *why);
/* `imagate seal`: a new EVM key made by the kernel under master; its blob is returned. */
enum outcome keyring_make_evm_key(const struct secret *master, char ret_blob[static EVM_BLOB_MAX],
                                  struct why *why);
/* Removes evm-key from the session keyring (after activation its payload is zero). */
void keyring_drop_evm_key(void);

/* A "user" key in root's own user keyring, for root of the system to come; an older one of that name is
 * replaced. */
enum outcome keyring_offer(const char *name, const struct secret *value, struct why *why);
/* The counterpart, on the host. ABSENT: there is none. */
enum outcome keyring_fetch(const char *name, struct secret *ret, struct why *why);

/* The integrity keyrings. On RINGS_KERNEL they are the kernel's; on RINGS_USER both are made
 * here. certs are DER. */
struct integrity_rings {
	enum rings kind;
	int32_t ima, evm; /* key serials; 0 = none */
};
enum outcome keyring_integrity(enum rings kind, struct integrity_rings *ret, struct why *why);
enum outcome keyring_add_cert(int32_t ring, const uint8_t *der, size_t len, const char *name,
                              struct why *why);
/* Link evm-key into the EVM ring where the kernel takes it; ABSENT where it does not. */
enum outcome keyring_link_evm_key(int32_t ring, struct why *why);
/* No more keys into a ring of ours, by anybody. */
enum outcome keyring_restrict(int32_t ring, struct why *why);

#endif
