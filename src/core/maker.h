/* How labels are made: what the label room asks of the crypto room, which it does not see. One maker serves one
 * thread. */
#ifndef IMAGATE_CORE_MAKER_H
#define IMAGATE_CORE_MAKER_H

#include "core/appraise.h"
#include "core/outcome.h"
#include "core/why.h"

#define MAKER_LABEL_MAX 1100 /* a signature by RSA 8192, and its header */

enum maker_key { MAKER_IMA = 0, MAKER_EVM, MAKER_KEYS };

struct maker {
	void *state;
	int algo;            /* of hashes and of what is signed */
	bool signs[MAKER_KEYS];
	bool macs;           /* EVM's HMAC key is at hand */
	/* head, and what follows it in fd (-1: nothing does) */
	enum outcome (*digest)(void *state, const void *head, size_t head_len, int fd, uint8_t *ret, size_t size, size_t *ret_len,
	                       struct why *why);
	enum outcome (*parts)(void *state, const struct xattr *parts, size_t count, uint8_t *ret, size_t size, size_t *ret_len,
	                      struct why *why);
	/* the whole label of this type */
	enum outcome (*sign)(void *state, enum maker_key key, int type, const uint8_t *digest, size_t len,
	                     uint8_t ret[static MAKER_LABEL_MAX], size_t *ret_len, struct why *why);
	/* is this label a signature by our key over this digest? */
	bool (*signed_by_us)(void *state, enum maker_key key, const struct xattr *label, const uint8_t *digest, size_t len);
	enum outcome (*mac)(void *state, const struct xattr *parts, size_t count, uint8_t ret[static 20], struct why *why);
};

#endif
