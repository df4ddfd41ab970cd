/* What the kernel says of a file that a policy appraises: its labels and what was found out about them in,
 * its verdict and its own word for the cause out.
 * Source: security/integrity/ima/ima_appraise.c (ima_appraise_measurement, xattr_verify, ima_get_hash_algo),
 * ima_main.c (process_measurement), security/integrity/evm/evm_main.c (evm_verify_hmac). */
#ifndef IMAGATE_CORE_APPRAISE_H
#define IMAGATE_CORE_APPRAISE_H

#include "core/label.h"
#include "core/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What EVM does: bits of /sys/kernel/security/integrity/evm/evm */
enum { EVM_OFF = 0, EVM_HMAC = 1, EVM_X509 = 2 };

/* Of a digest, signature or HMAC that was to be proven. Zero: nobody looked, and that is no proof. */
enum proof { PROOF_NONE = 0, PROOF_GOOD, PROOF_BAD, PROOF_NO_KEY };

/* An extended attribute: p NULL with len 0 is not there. */
struct xattr {
	const uint8_t *p;
	size_t len;
};

struct evm_input {
	unsigned mode;            /* EVM_HMAC | EVM_X509 */
	struct xattr evm;
	bool protected_xattrs;    /* one of those that EVM protects is there */
	bool hmac_unsupported;    /* the file system: overlay from 6.12 on */
	enum proof hmac;          /* of type 2 */
	enum proof signature;     /* of types 3 and 5 */
};

/* enum integrity_status */
enum evm_status {
	EVM_STATUS_UNKNOWN = 0, EVM_STATUS_PASS, EVM_STATUS_PASS_IMMUTABLE, EVM_STATUS_FAIL, EVM_STATUS_FAIL_IMMUTABLE,
	EVM_STATUS_NO_LABEL, EVM_STATUS_NO_XATTRS,
	EVM_STATUS_NO_KEY, EVM_STATUS_NO_KEY_IMMUTABLE /* PASS, PASS_IMMUTABLE, if a key that is not at hand proves it */
};
enum evm_status evm_judge(const struct evm_input *in);

/* Which algorithm the kernel hashes the content with, given security.ima; otherwise: CONFIG_IMA_DEFAULT_HASH.
 * count: how many it has numbers for. */
int appraise_algo(const struct xattr *ima, int otherwise, int count);

struct appraise_input {
	unsigned demands;        /* RULE_IMASIG, RULE_VERITY ... of the match */
	uint32_t algos;          /* of the match; 0: any */
	unsigned mask;           /* of the event */
	bool no_xattrs;          /* the file system has none */
	struct xattr ima;        /* of its bytes only the first three are looked at */
	enum evm_status evm;
	int algo;                /* appraise_algo() */
	bool no_algo;            /* the kernel has it not */
	bool no_verity;          /* fs-verity is demanded, and the file has none */
	enum proof content;      /* appraise_content() */
	enum proof verity;       /* the same of its fs-verity digest */
	enum proof signature;    /* of types 3 and 6 */
};
enum label_state appraise_judge(const struct appraise_input *in);

/* Is this digest what a hash label says? Labels may be longer than their digest. digest NULL: it was not computed,
 * and only the label's length is looked at. */
enum proof appraise_content(const struct xattr *ima, const uint8_t *digest, size_t len);

/* What security.ima asks for, so that nothing is computed in vain. */
struct appraise_needs {
	bool digest;
	bool signature; /* of the digest */
};
struct appraise_needs appraise_needs(const struct xattr *ima, unsigned demands);

#endif
