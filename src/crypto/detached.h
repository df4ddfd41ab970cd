/* Detached signatures over text: CMS (RFC 5652), DER, by certificates that the configuration names. */
#ifndef IMAGATE_CRYPTO_DETACHED_H
#define IMAGATE_CRYPTO_DETACHED_H

#include "core/verifier.h"
#include "crypto/signer.h"

#include <stddef.h>
#include <stdint.h>

#define DETACHED_MAX (64 * 1024)

/* The certificate goes into the signature. *ret is malloc'ed. */
enum outcome detached_sign(const struct signer_wish *w, const void *text, size_t len, uint8_t **ret,
                           size_t *ret_len, struct why *why);

/* certificates: a directory of *.der, each of them trusted by itself: signers, or CAs of signers. Their dates are
 * not looked at: an initramfs may run before the clock is set; what is no longer to be trusted is taken out.
 * REFUSED: another text, another signer. path: of the text, for messages. */
enum outcome detached_verify(int root, const char *certificates, const char *path, const void *text, size_t len,
                             const uint8_t *signature, size_t signature_len, struct why *why);

/* The same, for rooms that do not see this one. The trust is the caller's, to stay. */
struct detached_trust {
	int root;
	const char *certificates;
};
struct verifier detached_verifier(const struct detached_trust *t);

#endif
