/* security.ima and security.evm as bytes: what they are, not whether they are true.
 * Source: security/integrity/integrity.h (enum evm_ima_xattr_type, signature_v2_hdr),
 * include/uapi/linux/hash_info.h. */
#ifndef IMAGATE_CORE_LABEL_H
#define IMAGATE_CORE_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_MAX 2048 /* an RSA-8192 signature and its header fit */

enum label_kind {
	LABEL_NONE = 0,
	LABEL_HASH,      /* type 1 (md5/sha1 by length) or 4 */
	LABEL_SIGNATURE, /* type 3 */
	LABEL_VERITY,    /* type 6 */
	LABEL_HMAC,      /* type 2, security.evm */
	LABEL_PORTABLE,  /* type 5, security.evm */
	LABEL_UNKNOWN    /* it is there, and no kernel takes it */
};

/* enum hash_algo of the kernel's uapi, complete up to 7.2; names and sizes: crypto/hash_info.c */
enum hash_algo {
	HASH_MD4 = 0, HASH_MD5 = 1, HASH_SHA1 = 2, HASH_RMD160 = 3, HASH_SHA256 = 4, HASH_SHA384 = 5, HASH_SHA512 = 6,
	HASH_SHA224 = 7, HASH_RMD128 = 8, HASH_RMD256 = 9, HASH_RMD320 = 10, HASH_WP256 = 11, HASH_WP384 = 12,
	HASH_WP512 = 13, HASH_TGR128 = 14, HASH_TGR160 = 15, HASH_TGR192 = 16, HASH_SM3 = 17, HASH_STREEBOG256 = 18,
	HASH_STREEBOG512 = 19, HASH_SHA3_256 = 20, HASH_SHA3_384 = 21, HASH_SHA3_512 = 22, HASH_COUNT
};

struct label {
	enum label_kind kind;
	int algo;              /* kernel hash_algo number; for HASH and the signatures */
	const uint8_t *digest; /* HASH: points into the caller's bytes */
	size_t digest_len;
	uint32_t keyid;        /* signatures, host order */
};

/* len 0: LABEL_NONE. Never fails: what does not parse is LABEL_UNKNOWN. */
void label_parse(const uint8_t *xattr, size_t len, struct label *ret);

/* Bytes of a digest, 0 if this is no algorithm of the list above. */
size_t hash_algo_size(int algo);
const char *hash_algo_name(int algo); /* the kernel's name: "sha256"; NULL */
int hash_algo_from_name(const char *p, size_t len); /* -1: none */

/* What became of looking at one file's labels; the words are the kernel's causes (audit type 1800), as far as
 * it has one. */
enum label_state {
	LABEL_STATE_UNKNOWN = 0,
	LABEL_STATE_GOOD,       /* the kernel lets it pass */
	LABEL_STATE_UNVERIFIED, /* well-formed; the key, or algorithm, that would prove it is not at hand */
	LABEL_STATE_NO_FILE,
	LABEL_STATE_MISSING_HASH,
	LABEL_STATE_MISSING_HMAC,
	LABEL_STATE_INVALID_HASH,
	LABEL_STATE_INVALID_HMAC,
	LABEL_STATE_MALFORMED,
	LABEL_STATE_UNREADABLE,
	LABEL_STATE_SIGNATURE_REQUIRED,
	LABEL_STATE_VERITY_REQUIRED,
	LABEL_STATE_INVALID_IMMUTABLE,
	LABEL_STATE_INVALID_SIGNATURE,
	LABEL_STATE_INVALID_VERSION,
	LABEL_STATE_INVALID_VERITY,
	LABEL_STATE_NO_VERITY,
	LABEL_STATE_DENIED_ALGO,
	LABEL_STATE_NO_ALGO,    /* the kernel has no such hash algorithm */
	LABEL_STATE_NO_XATTRS,  /* no label can be there: denied without an audit record */
	LABEL_STATE_SIGV3_REQUIRED, /* from 7.1 on */
	LABEL_STATE_WRITE_SIGNED, /* a signed file opened for writing: denied without an audit record */
	LABEL_STATE_UNKNOWN_VERSION, /* of a signature's header */
	LABEL_STATE_COUNT
};
/* Passes, or would if its key were at hand. */
bool label_state_good(enum label_state s);
const char *label_state_name(enum label_state s);

#endif
