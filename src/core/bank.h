/* The hash algorithms of PCR banks, by the TPM's numbers, and how core asks for a digest: it cannot compute one.
 * Source: TCG Algorithm Registry, table 3 (TPM_ALG_ID), and the digest sizes of its section 5. */
#ifndef IMAGATE_CORE_BANK_H
#define IMAGATE_CORE_BANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BANK_DIGEST_MAX 64

enum {
	BANK_SHA1 = 0x0004,
	BANK_SHA256 = 0x000b,
	BANK_SHA384 = 0x000c,
	BANK_SHA512 = 0x000d,
	BANK_SM3_256 = 0x0012,
	BANK_SHA3_256 = 0x0027,
	BANK_SHA3_384 = 0x0028,
	BANK_SHA3_512 = 0x0029,
};

struct part {
	const void *p;
	size_t len;
};

/* The digest over parts, one after another, into ret (BANK_DIGEST_MAX bytes). False: cannot, as for an algorithm
 * that the caller's library does not have. */
typedef bool (*hash_fn)(void *arg, uint16_t alg, const struct part *parts, size_t count, uint8_t *ret);

size_t bank_size(uint16_t alg);           /* 0: not known */
const char *bank_name(uint16_t alg);      /* "sha256"; "?" */
uint16_t bank_from_name(const char *name); /* 0: not known */

#endif
