/* The only room that includes openssl/. */
#ifndef IMAGATE_CRYPTO_CRYPTO_H
#define IMAGATE_CRYPTO_CRYPTO_H

#include "base/secret.h"
#include "core/bank.h"
#include "core/outcome.h"
#include "core/seal.h"
#include "core/why.h"

#include <stddef.h>
#include <stdint.h>

/* tss2pem.c: the TSS2 PRIVATE KEY block, by OpenSSL's ASN.1 templates. Refuses (BROKEN)
 * other OIDs, policies other than seal.h's, emptyAuth absent, a secret or trailing
 * bytes, parts above SEAL_*_MAX. */
enum outcome tss2pem_parse(const char *pem, size_t len, struct seal_object *ret, struct why *why);
enum outcome tss2pem_format(const struct seal_object *o, char *ret, size_t size, size_t *ret_len,
                            struct why *why);

/* A whole seal.pem. path only for messages. */
enum outcome seal_file_parse(const char *path, const char *text, size_t len, struct seal *ret,
                             struct why *why);
enum outcome seal_file_format(const struct seal *s, char *ret, size_t size, size_t *ret_len,
                              struct why *why);

/* recovery.c: the master key under the recovery key. BROKEN only where OpenSSL fails; open answers
 * REFUSED where it is another key. aad: the key's identity. */
enum outcome recovery_wrap(const struct secret *recovery, const struct secret *master,
                           const uint8_t aad[static KEY_ID_LEN], uint8_t ret[static RECOVERY_WRAP_LEN],
                           struct why *why);
enum outcome recovery_open(const struct secret *recovery, const uint8_t wrap[static RECOVERY_WRAP_LEN],
                           const uint8_t aad[static KEY_ID_LEN], struct secret *ret_master, struct why *why);

/* digest.c: SHA-256 over parts, one after another. */
enum outcome digest_parts(const struct part *parts, size_t count, uint8_t ret[static 32], struct why *why);
/* A hash_fn: whatever algorithm this libcrypto has. arg is not used. */
bool digest_hash(void *arg, uint16_t alg, const struct part *parts, size_t count, uint8_t *ret);
/* Key-Id of a seal. */
enum outcome key_id_of(const struct secret *master, uint8_t ret[static KEY_ID_LEN], struct why *why);

/* What counting up asks for: whoever has the master key has it. */
enum outcome counter_auth_of(const struct secret *master, struct secret *ret, struct why *why);

/* The key that requests of this generation are signed with; a request's Mac. verify: REFUSED where it is
 * another's. */
enum outcome request_key(const struct secret *master, uint64_t generation, struct secret *ret, struct why *why);
enum outcome request_mac(const struct secret *key, const char *text, size_t len, uint8_t ret[static 32],
                         struct why *why);
enum outcome request_verify(const struct secret *key, const char *text, const struct request *r, struct why *why);

/* approval.c: the key that a request key gives, for tpm_seal()'s signers; what it signs is tpm_policy_to_approve()'s digest,
 * without a policyRef. */
enum outcome approval_signer(const struct secret *request_key, struct seal_signer *ret, struct why *why);
enum outcome approval_sign(const struct secret *request_key, const uint8_t policy[static SEAL_BRANCH_LEN],
                           struct seal_approval *ret, struct why *why);
/* A slot's Mac. key: the master key for one that was sealed, the request key for one that was approved. verify: REFUSED
 * where there is none, or another's. */
enum outcome slot_mac(const struct secret *key, struct seal_slot *s, struct why *why);
enum outcome slot_mac_verify(const struct secret *master, const struct seal_slot *s, struct why *why);

/* evmblob.c: the key inside a kernel encrypted-key blob, given its master key. REFUSED: the
 * blob's HMAC does not match (wrong master key or damaged). */
enum outcome evm_blob_unwrap(const struct secret *master, const char *blob, struct secret *ret,
                             struct why *why);

#endif
