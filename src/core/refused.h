/* Why the TPM refused, in words: which PCRs are not those of the slot, what changed in this boot, and what to do. All of it
 * is for a person to read: neither the kept values nor a log decides anything. */
#ifndef IMAGATE_CORE_REFUSED_H
#define IMAGATE_CORE_REFUSED_H

#include "core/eventlog.h"
#include "core/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSED_LINES 6
#define REFUSED_LINE 240
#define REFUSED_REMEDY 512

enum refused_state {
	REFUSED_UNKNOWN = 0, /* no slot says what it was sealed to, or nobody asked */
	REFUSED_SAME,        /* all of them are as sealed: it was not the PCRs */
	REFUSED_DIFFER,
};
struct refused {
	enum refused_state state;
	uint32_t differ; /* bit n: PCR n is another one */
	size_t lines;
	unsigned more;   /* that did not fit */
	char line[REFUSED_LINES][REFUSED_LINE]; /* "PCR 4: the EFI program /EFI/debian/grubx64.efi changed" */
};
struct refused_about {
	const struct seal_slot *slot;
	const uint8_t *now; /* the values of the slot's PCRs as they are */
	size_t now_len;
	const struct eventlog *log_then, *log_now; /* NULL: none */
	hash_fn hash;
	void *hash_arg;
};

/* Bit n: PCR n is not what the slot was sealed to. False: the slot does not say, or not for what it was sealed to. */
bool refused_differ(const struct refused_about *a, uint32_t *ret);
/* Does log_then give at least one of these PCRs the value that was sealed to? Else it is of no use. */
bool refused_log_fits(const struct refused_about *a, uint32_t differ);
void refused_explain(const struct refused_about *a, struct refused *ret);
/* One sentence: what may have done it, and what to do then. Empty where nothing is known. */
void refused_remedy(const struct refused *r, char *ret, size_t size);

#endif
