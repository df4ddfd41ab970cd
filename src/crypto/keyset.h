/* The keys that labels are proven with: certificates as in the kernel's .ima and .evm, and EVM's HMAC key where it
 * is at hand. */
#ifndef IMAGATE_CRYPTO_KEYSET_H
#define IMAGATE_CRYPTO_KEYSET_H

#include "base/secret.h"
#include "core/prover.h"

struct keyset;

struct keyset *keyset_new(void); /* NULL: no memory */
void keyset_free(struct keyset **k);

/* Which keys the kernel can use besides RSA's; all, where this is not called. */
void keyset_curves(struct keyset *k, bool ecdsa, bool p521);

/* X.509, DER or PEM. The kernel finds a key by the last four bytes of its SubjectKeyIdentifier; a certificate
 * without one is REFUSED, and so are kinds of keys that no kernel can use. ABSENT: this kernel cannot; it is left out.
 * Its dates do not matter to the kernel, and not here. path: for messages. */
enum outcome keyset_add(struct keyset *k, enum prover_ring ring, const char *path, const void *bytes, size_t len,
                        struct why *why);
/* Every *.der in a directory. The ring is complete then: only now is a signature by an unknown key a bad one. REFUSED or
 * BROKEN: why names the file. */
enum outcome keyset_add_dir(struct keyset *k, enum prover_ring ring, int root, const char *dir, struct why *why);
/* The ring will hold nothing but what was added: complete without a directory. */
void keyset_close(struct keyset *k, enum prover_ring ring);
/* How many of those this kernel cannot use. */
size_t keyset_unusable(const struct keyset *k);
/* 32 to 128 bytes. */
void keyset_hmac(struct keyset *k, const struct secret *key);
/* Over everything in it: for caches. The HMAC key goes in as a hash under a constant. */
enum outcome keyset_fingerprint(const struct keyset *k, uint8_t ret[static 32], struct why *why);

/* A prover for one thread, over keys shared by all. */
enum outcome prover_open(const struct keyset *k, struct prover *ret, struct why *why);
void prover_close(struct prover *p);

#endif
