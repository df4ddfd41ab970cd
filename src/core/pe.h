/* EFI programs: which bytes their Authenticode digest is over, and the sections of a unified kernel image.
 * Sources: Microsoft PE/COFF specification, and "Windows Authenticode Portable Executable Signature Format",
 * "Calculating the PE Image Hash"; where that leaves room, as EDK2 reads it, since it is EDK2 that measures
 * (SecurityPkg, MeasureBootPeCoff.c); PFP 1.05, 3.3.4.5 (PCR 4: measured with that digest); systemd-stub(7). */
#ifndef IMAGATE_CORE_PE_H
#define IMAGATE_CORE_PE_H

#include "core/bank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PE_SECTIONS 96 /* what Windows and EDK2 take at most */
#define PE_RANGES (PE_SECTIONS + 4)
#define PE_NAME 8

struct pe_section {
	char name[PE_NAME + 1];
	uint32_t offset, size; /* in the file */
	uint32_t used;         /* of these, in memory: the rest is padding */
};
struct pe {
	uint16_t machine;
	bool wide;              /* PE32+ */
	bool is_signed;         /* it has a certificate table */
	size_t ranges;
	struct part range[PE_RANGES]; /* what is hashed, in order; into the caller's bytes */
	size_t sections;
	struct pe_section section[PE_SECTIONS]; /* in the table's order */
};
/* False: *ret_offset and *ret_reason (a constant) say what is wrong with it. */
bool pe_parse(const uint8_t *bytes, size_t len, struct pe *ret, size_t *ret_offset, const char **ret_reason);
/* ".linux"; NULL: there is none. The first of that name. */
const struct pe_section *pe_section_find(const struct pe *p, const char *name);
/* Its content without padding; false where it does not lie in the file. */
bool pe_section_bytes(const uint8_t *bytes, size_t len, const struct pe_section *s, const uint8_t **ret, size_t *ret_len);
/* A kernel and systemd-stub's sections: a UKI. */
bool pe_is_uki(const struct pe *p);
/* The Authenticode digest. False: the hash cannot. */
bool pe_digest(const struct pe *p, uint16_t alg, hash_fn hash, void *arg, uint8_t ret[static BANK_DIGEST_MAX]);

#endif
