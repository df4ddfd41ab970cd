/* The rollout as it stands on the host: what the boot loader's environment says, what earlier boots have
 * shown, and what may come next. Pure. */
#ifndef IMAGATE_CORE_ROLLOUT_H
#define IMAGATE_CORE_ROLLOUT_H

#include "core/config.h"
#include "core/grubenv.h"
#include "core/stage.h"

#include <stdbool.h>
#include <stddef.h>

/* Names in GRUB's environment block; dracut-module's grub.d snippet reads and writes the same. */
#define ROLLOUT_STAGE "imagate_stage"       /* what runs */
#define ROLLOUT_TRIAL "imagate_trial"       /* a higher one, on trial */
#define ROLLOUT_TRIES "imagate_tries"       /* boots that the trial has left; GRUB counts down */
#define ROLLOUT_BLESSED "imagate_blessed"   /* good boots of the trial */
#define ROLLOUT_ONCE "imagate_once"         /* the next boot only */

struct rollout {
	enum stage stage, trial, once; /* STAGE_UNSET: none */
	unsigned tries, blessed;
};
void rollout_read(const char block[static GRUBENV_LEN], struct rollout *ret);
/* False: it does not fit; the block is as it was. */
bool rollout_write(const struct rollout *r, char block[static GRUBENV_LEN]);

/* Where GRUB could not write its block (LVM, RAID, btrfs), what it did is done by the gate: left is what it
 * says to have counted down to (more than 9: it did not say), stage what it started. True: something was
 * to be done. */
bool rollout_catch_up(struct rollout *r, enum stage stage, bool trial, unsigned left);

/* A good boot in this stage: a trial's blessing is counted; *ret_raise: it was the last that was needed, and
 * the floor may rise to the stage. */
void rollout_bless(struct rollout *r, enum stage booted, const struct config *c, bool *ret_raise);

/* One boot, as it is kept in the evidence file, one line each:
 *   boot=<id> stage=<stage> denials=<n> lost=<n> good=yes|no */
#define EVIDENCE_LINE 160
#define EVIDENCE_MAX 8192
struct boot_evidence {
	char boot[40];
	enum stage stage;
	unsigned denials, lost; /* would-be denials; records that may have been lost */
	bool good;              /* it was blessed */
};
bool evidence_parse(const char *line, size_t len, struct boot_evidence *ret);
size_t evidence_format(const struct boot_evidence *e, char *ret, size_t size);
/* The last boots in audit, one after another up to the end, that were good and clean. Boots in other
 * stages are passed over. */
unsigned evidence_clean(const char *text, size_t len);

struct promotion {
	enum stage to;       /* STAGE_UNSET: there is nothing above */
	bool allowed, trial;
	char missing[200];   /* what is missing, in words; empty where allowed */
};
/* From the stage that runs, with so many unlabelled files in scope (fix) or clean boots (audit). */
void rollout_next(enum stage running, size_t unlabelled, unsigned clean, const struct config *c,
                  struct promotion *ret);

#endif
