#include "kernel/evm.h"

#include "base/file.h"
#include "kernel/kmsg.h"
#include "kernel/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define EVM_PATH "sys/kernel/security/integrity/evm/evm"
#define PROBE "evm-probe"
#define RING "'_evm'"

/* security/integrity/evm/evm.h */
#define EVM_INIT_HMAC 0x1u
#define EVM_INIT_X509 0x2u
#define EVM_SETUP_COMPLETE 0x80000000u

#define EVM_ALLOW_METADATA_WRITES 0x4u

enum outcome evm_allow_writes(int root, struct why *why)
{
	char text[4];
	int n = snprintf(text, sizeof(text), "%u", EVM_ALLOW_METADATA_WRITES); /* fits */
	int r = file_poke(root, EVM_PATH, text, (size_t)n);

	if (r == 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, -r, "write", "/" EVM_PATH);
	return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_REFUSED;
}

/* The key id travels in the probe itself: nothing to keep between the two calls. */
enum outcome evm_probe_make(int dir_fd, struct why *why)
{
	static const uint8_t hash[34] = { 4, 4 }; /* IMA_XATTR_DIGEST_NG, sha256, zeros */
	uint8_t signature[PROBE_SIGNATURE_LEN];
	CLEAN_FD fd = -1;
	enum outcome o;

	o = probe_create(dir_fd, PROBE, &fd, why);
	if (o != OUTCOME_OK)
		return o;
	probe_signature(5, probe_keyid(), signature);
	if (fsetxattr(fd, "security.ima", hash, sizeof(hash), 0) < 0)
		return probe_failed(why, PROBE, errno, "set security.ima of");
	if (fsetxattr(fd, "security.evm", signature, sizeof(signature), 0) < 0)
		return probe_failed(why, PROBE, errno, "set security.evm of");
	return OUTCOME_OK;
}

static int probe_read_keyid(int fd, uint32_t *ret)
{
	uint8_t s[PROBE_SIGNATURE_LEN];

	if (fgetxattr(fd, "security.evm", s, sizeof(s)) != (ssize_t)sizeof(s))
		return -ENODATA;
	*ret = (uint32_t)s[3] << 24 | (uint32_t)s[4] << 16 | (uint32_t)s[5] << 8 | s[6];
	return 0;
}

enum outcome evm_probe_touch(int dir_fd, struct why *why)
{
	CLEAN_FD fd = openat(dir_fd, PROBE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEAN_FD log = -1;
	uint32_t keyid = 0;
	char name[16];
	int r = fd < 0 ? -errno : probe_read_keyid(fd, &keyid);

	if (r < 0)
		return probe_failed(why, PROBE, -r, "read");
	log = kmsg_begin();
	if (log < 0)
		return probe_failed(why, PROBE, -log, "open /dev/kmsg for");
	/* refused, since the signature is bogus; the look-up is what counts */
	(void)fchmod(fd, 0640);
	if (unlinkat(dir_fd, PROBE, 0) < 0)
		return probe_failed(why, PROBE, errno, "unlink");
	probe_key_name(keyid, name);
	if (kmsg_saw(log, name, RING))
		return OUTCOME_OK;
	(void)probe_failed(why, PROBE, 0, "pin _evm by");
	why_detail(why, "the kernel did not look its key up in our _evm keyring");
	return OUTCOME_BROKEN;
}

static enum outcome read_back(int root, unsigned want, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(root, EVM_PATH, 64, &text, &len);
	unsigned long is;

	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", "/" EVM_PATH);
		return OUTCOME_BROKEN;
	}
	is = strtoul(text, NULL, 10);
	if ((is & want) == want)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "read back", "/" EVM_PATH);
	why_detail(why, "the kernel took the write, and EVM is not on");
	return OUTCOME_BROKEN;
}

enum outcome evm_activate(int root, bool hmac, bool x509, struct why *why)
{
	unsigned bits = (hmac ? EVM_INIT_HMAC : 0) | (x509 ? EVM_INIT_X509 : 0);
	/* with HMAC the kernel completes the setup itself; without, root could still switch HMAC
	 * on with a key of his own */
	unsigned complete = hmac ? 0 : EVM_SETUP_COMPLETE;
	char text[16];
	int r;

	(void)snprintf(text, sizeof(text), "0x%x", bits | complete);
	r = file_poke(root, EVM_PATH, text, strlen(text));
	if (r == 0)
		return read_back(root, bits, why);
	why_set(why, WHY_ERRNO, -r, "write", "/" EVM_PATH);
	/* the kernel's ENOENT is the key that it did not find, unless the file is missing */
	if (r == -ENOENT && !file_exists(root, EVM_PATH))
		return OUTCOME_ABSENT;
	why_detail(why, r == -ENOENT ? "the kernel did not find evm-key"
	              : r == -EPERM ? "EVM was set up before" : "");
	return OUTCOME_REFUSED;
}
