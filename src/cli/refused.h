/* What the TPM refused the key for in this boot, for 'imagate status' and 'imagate explain'. */
#ifndef IMAGATE_CLI_REFUSED_H
#define IMAGATE_CLI_REFUSED_H

#include "core/refused.h"

/* Nothing where nothing was refused. Each line begins with indent. */
void refused_print(const struct refused *r, const char *indent);

#endif
