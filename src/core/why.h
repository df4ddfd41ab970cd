/* Why a step did not end OK. The raw code is never flattened: who reads the record gets
 * what the kernel, the TPM or the parser said. */
#ifndef IMAGATE_CORE_WHY_H
#define IMAGATE_CORE_WHY_H

#include <stddef.h>
#include <stdint.h>

enum why_domain {
	WHY_NONE = 0,
	WHY_ERRNO,  /* code: errno, positive */
	WHY_TPM,    /* code: TSS2_RC */
	WHY_CRYPTO, /* code: ERR_get_error() */
	WHY_TEXT,   /* code: line number, from 1, of the subject; 0 if it has no line */
	WHY_LABEL,  /* code: enum label_state */
	WHY_FACT,   /* code: enum cause */
	WHY_DOMAIN_COUNT
};

#define WHY_SUBJECT_LEN 160
#define WHY_DETAIL_LEN 160

struct why {
	enum why_domain domain;
	int64_t code;
	const char *operation;         /* a string constant: what was tried ("open", "Esys_Unseal") */
	char subject[WHY_SUBJECT_LEN]; /* on what: a path, a key's name. Never a secret */
	char detail[WHY_DETAIL_LEN];   /* in words, with the remedy if there is one; may be empty */
};

/* Fill; strings are cut to fit, control characters become '?'. w may be NULL. The
 * returned pointer is w, so that detail can be chained. */
struct why *why_set(struct why *w, enum why_domain d, int64_t code, const char *operation,
                    const char *subject);
void why_detail(struct why *w, const char *detail);

const char *why_domain_name(enum why_domain d);

#endif
