/* What EVM's HMAC and signatures are over.
 * Source: security/integrity/evm/evm_crypto.c (evm_calc_hmac_or_hash, hmac_add_misc), evm_main.c
 * (evm_config_default_xattrnames); KERNEL-FACTS 1.5, 1.6. x86-64 and other 64-bit little-endian machines. */
#ifndef IMAGATE_CORE_EVMMESSAGE_H
#define IMAGATE_CORE_EVMMESSAGE_H

#include "core/appraise.h"

#define EVM_XATTRS 8
#define EVM_MISC_LEN 24
#define EVM_HMAC_LEN 20      /* SHA-1 */
#define EVM_HMAC_KEY_LEN 128 /* the kernel's buffer: a shorter key is followed by zeros */
#define EVM_PARTS (EVM_XATTRS + 2)

/* security.* names in the kernel's order; enabled: Debian's configuration. NULL behind the last. */
struct evm_xattr {
	const char *name;
	bool enabled;
};
const struct evm_xattr *evm_xattr_at(size_t i);

struct evm_inode {
	uint64_t ino;
	uint32_t generation, uid, gid;
	uint16_t mode;
	const uint8_t *fsuuid; /* 16 bytes */
};

struct evm_message {
	struct xattr part[EVM_PARTS];
	size_t count;
	uint8_t misc[EVM_MISC_LEN];
};
/* values: by the index of evm_xattr_at(). type: of the security.evm that it is made for: 2, 3 or 5. The parts
 * point into values, in and ret itself. */
void evm_message(const struct xattr values[static EVM_XATTRS], const struct evm_inode *in, int type,
                 struct evm_message *ret);

#endif
