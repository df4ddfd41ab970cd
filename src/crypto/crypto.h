/* The only room that includes openssl/. */
#ifndef IMAGATE_CRYPTO_CRYPTO_H
#define IMAGATE_CRYPTO_CRYPTO_H

#include "base/secret.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

/* tss2pem.c: the TSS2 PRIVATE KEY block, by OpenSSL's ASN.1 templates. Refuses (BROKEN)
 * other OIDs, policies other than one PolicyPCR, emptyAuth absent, a secret or trailing
 * bytes, parts above SEAL_*_MAX. */
enum outcome tss2pem_parse(const char *pem, size_t len, struct seal_object *ret, struct why *why);
enum outcome tss2pem_format(const struct seal_object *o, char *ret, size_t size, size_t *ret_len,
                            struct why *why);

/* A whole seal.pem. path only for messages. */
enum outcome seal_file_parse(const char *path, const char *text, size_t len, struct seal *ret,
                             struct why *why);
enum outcome seal_file_format(const struct seal *s, char *ret, size_t size, size_t *ret_len,
                              struct why *why);

/* digest.c: content of a file through its fd, from offset 0, streaming. algo: kernel number. */
enum outcome digest_fd(int fd, int algo, uint8_t *ret, size_t size, size_t *ret_len,
                       struct why *why);

/* evmblob.c: the key inside a kernel encrypted-key blob, given its master key. REFUSED: the
 * blob's HMAC does not match (wrong master key or damaged). Host only. */
enum outcome evm_blob_unwrap(const struct secret *master, const char *blob, struct secret *ret,
                             struct why *why);

#endif
