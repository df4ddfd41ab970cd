/* How labels are proven: what the label room asks of the crypto room, which it does not see. One prover serves
 * one thread. */
#ifndef IMAGATE_CORE_PROVER_H
#define IMAGATE_CORE_PROVER_H

#include "core/appraise.h"
#include "core/outcome.h"
#include "core/why.h"

enum prover_ring { RING_IMA = 0, RING_EVM, RING_COUNT };

struct prover {
	void *state;
	/* content of a file, from offset 0. ABSENT: no such algorithm here. */
	enum outcome (*file)(void *state, int fd, int algo, uint8_t *ret, size_t size, size_t *ret_len, struct why *why);
	enum outcome (*bytes)(void *state, const struct xattr *parts, size_t count, int algo, uint8_t *ret, size_t size,
	                      size_t *ret_len, struct why *why);
	/* a label of type 3, 5 or 6 over a digest */
	enum proof (*signature)(void *state, enum prover_ring ring, const struct xattr *label, const uint8_t *digest,
	                        size_t len);
	/* HMAC-SHA1 under the EVM key */
	enum proof (*hmac)(void *state, const struct xattr *parts, size_t count, const uint8_t mac[static 20]);
};

#endif
