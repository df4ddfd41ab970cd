/* The seal: what `imagate seal` stores and the gate unseals, and the payload inside it.
 *
 * On disk (seal.pem) it is text: header lines, the TSS2 PRIVATE KEY block that other TPM
 * tools read, and the EVM key's blob as the kernel's encrypted key type prints it, so that
 * both are replaced by one rename():
 *
 *   Imagate-Seal: 1
 *   Srk-Name: <hex of the storage root key's TPM name>
 *   Pcr-Digest: <hex of the PCR digest that was sealed to>   (for messages only)
 *   Evm-Key: default user:imagate-master 64 <hex>
 *   -----BEGIN TSS2 PRIVATE KEY-----
 *   ...
 *
 * Nothing in it is secret. A TPM will happily seal an attacker's key to the same PCRs, so
 * that a seal unseals proves nothing about who made it: the gate takes it from the
 * initramfs only.
 *
 * Sources: ASN.1 of the TSS2 PEM form, draft-bottomley-tpm2-keys; sealed data OID
 * 2.23.133.10.1.5. Blob: kernel security/keys/encrypted-keys/encrypted.c. */
#ifndef IMAGATE_CORE_SEAL_H
#define IMAGATE_CORE_SEAL_H

#include "core/pcr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_FILE_MAX 16384
#define SEAL_PUBLIC_MAX 1024  /* TPM2B_PUBLIC, marshalled */
#define SEAL_PRIVATE_MAX 1024 /* TPM2B_PRIVATE, marshalled */
#define SEAL_DIGEST_MAX 64
#define SEAL_NAME_MAX 66      /* TPM name: algorithm (2) and digest */
#define EVM_BLOB_MAX 1024
#define MASTER_KEY_LEN 32
#define EVM_KEY_LEN 64
#define MASTER_KEY_NAME "imagate-master" /* kernel "user" key; the blob names it */
#define EVM_KEY_NAME "evm-key"           /* the kernel asks for this name: evm_crypto.c */

/* The TPM object and its policy, out of the PEM block. */
struct seal_object {
	uint32_t parent; /* handle: 0x40000001 (owner: primary made transiently) or 0x81000001 */
	struct pcr_selection pcrs; /* from PolicyPCR; the only policy command this version knows */
	uint8_t pcr_digest[SEAL_DIGEST_MAX]; /* the CommandPolicy's TPM2B_DIGEST; may be empty */
	size_t pcr_digest_len;
	uint8_t public_part[SEAL_PUBLIC_MAX]; /* TPM2B_PUBLIC as in the PEM, size field included */
	size_t public_len;
	uint8_t private_part[SEAL_PRIVATE_MAX];
	size_t private_len;
};

struct seal {
	struct seal_object object;
	uint8_t srk_name[SEAL_NAME_MAX];
	size_t srk_name_len;
	char evm_blob[EVM_BLOB_MAX]; /* NUL-terminated, no newline */
};

/* Header lines of seal.pem into ret (everything but object). Unknown headers, doubles, a
 * missing one and a version other than 1 are errors: *ret_line (from 1) and *ret_error (a
 * constant, with remedy) say which. *ret_pem_offset: where the PEM block begins. */
bool seal_headers_parse(const char *text, size_t len, struct seal *ret, size_t *ret_pem_offset,
                        unsigned *ret_line, const char **ret_error);
/* The counterpart: header lines, NUL-terminated. False if it does not fit. */
bool seal_headers_format(const struct seal *s, char *ret, size_t size);

/* Is it "default user:imagate-master 64 <hex>", with the hex length the kernel wants? */
bool evm_blob_valid(const char *blob);

/* Payload of the sealed object, at most 128 bytes (TPM 2.0 Part 2, MAX_SYM_DATA):
 *   0  4  magic "IMG\1"
 *   4 32  master key
 * Later versions append the record (generation, floor, ...); a longer payload is refused
 * by this one. */
#define PAYLOAD_LEN 36
void payload_build(const uint8_t master[static MASTER_KEY_LEN], uint8_t ret[static PAYLOAD_LEN]);
/* False if it is none of ours. Points into the payload. */
bool payload_master(const uint8_t *payload, size_t len, const uint8_t **ret_master);

/* Hex, both cases on input, lower on output. hex_encode writes 2*len+1 bytes. */
void hex_encode(const uint8_t *bytes, size_t len, char *ret);
bool hex_decode(const char *hex, size_t hex_len, uint8_t *ret, size_t size, size_t *ret_len);

#endif
