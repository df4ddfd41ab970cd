/* What ran in boots that were blessed: for the list of boot-critical programs. */
#ifndef IMAGATE_CLI_SEEN_H
#define IMAGATE_CLI_SEEN_H

#include "label/critical.h"

/* Adds what the kernel has measured in this boot to CRITICAL_SEEN_PATH, which is written only where something is
 * new. 0 (also where the kernel measures nothing) or -errno. */
int seen_keep(void);

#endif
