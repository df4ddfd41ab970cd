/* A struct why in one line of words: "Esys_Unseal /etc/imagate/seal.pem: TPM code 0x99d: ...".
 * cause_what() and cause_remedy() are declared in decide.h. */
#ifndef IMAGATE_CORE_ADVICE_H
#define IMAGATE_CORE_ADVICE_H

#include "core/why.h"

#include <stddef.h>

/* Errno numbers become their words for those that a boot meets, else the number. Cut to fit. */
void why_format(const struct why *w, char *ret, size_t size);

#endif
