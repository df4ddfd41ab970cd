#include "core/evmmessage.h"

#include <string.h>

#define PORTABLE 5

static const struct evm_xattr names[EVM_XATTRS] = {
	{ "security.selinux", true },
	{ "security.SMACK64", false },
	{ "security.SMACK64EXEC", false },
	{ "security.SMACK64TRANSMUTE", false },
	{ "security.SMACK64MMAP", false },
	{ "security.apparmor", true },
	{ "security.ima", true },
	{ "security.capability", true },
};

const struct evm_xattr *evm_xattr_at(size_t i)
{
	return i < EVM_XATTRS ? &names[i] : NULL;
}

static void put(uint8_t *p, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

void evm_message(const struct xattr values[static EVM_XATTRS], const struct evm_inode *in, int type,
                 struct evm_message *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < EVM_XATTRS; i++)
		if (values[i].p && (names[i].enabled || type == PORTABLE))
			ret->part[ret->count++] = values[i];
	if (type != PORTABLE) {
		put(ret->misc, in->ino, 8);
		put(ret->misc + 8, in->generation, 4);
	}
	put(ret->misc + 12, in->uid, 4);
	put(ret->misc + 16, in->gid, 4);
	put(ret->misc + 20, in->mode, 2);
	ret->part[ret->count++] = (struct xattr){ ret->misc, sizeof(ret->misc) };
	if (type != PORTABLE)
		ret->part[ret->count++] = (struct xattr){ in->fsuuid, 16 };
}
