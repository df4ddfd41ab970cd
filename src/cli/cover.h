/* What this boot's event log says of a selection of PCRs, for verbs that seal to it or speak of it. Silent: where there is no
 * log, nothing is known. */
#ifndef IMAGATE_CLI_COVER_H
#define IMAGATE_CLI_COVER_H

#include "core/coverage.h"
#include "core/pcr.h"

struct cover {
	bool known;  /* there is a log, with this bank */
	struct coverage what;
	bool holds;  /* these PCRs change with initramfs and command line, whoever brings another */
	bool uki;    /* these PCRs change with the unified kernel image that this machine was booted from */
	bool strict; /* another initramfs or command line is refused by the TPM, so that each stage needs a slot of its own. 8 and 9
	              * are GRUB's; without a log it is taken at its word */
};
void cover_of(const struct pcr_selection *pcrs, struct cover *ret);

/* What binds, what stays open, what to do: for a person, one line an idea. */
void cover_say(const struct pcr_selection *pcrs);

#endif
