/* How a text's detached signature is verified: what the label room asks of the crypto room, which it does not see.
 * Of several threads at once. */
#ifndef IMAGATE_CORE_VERIFIER_H
#define IMAGATE_CORE_VERIFIER_H

#include "core/outcome.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

struct verifier {
	const void *state;
	/* REFUSED: another text, or another signer. path: for messages. */
	enum outcome (*detached)(const void *state, const char *path, const void *text, size_t len, const uint8_t *signature,
	                         size_t signature_len, struct why *why);
};

#endif
