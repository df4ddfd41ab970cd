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

/* The trial has used up its tries, and a lower stage runs. */
bool rollout_fell_back(const struct rollout *r, enum stage running);

enum blessing {
	BLESSING_NONE = 0, /* nothing is on trial here */
	BLESSING_COUNTED,  /* more are needed */
	BLESSING_RAISE,    /* the last that was needed: the floor may rise to r->stage */
	BLESSING_NO_FLOOR  /* the last, and there is no floor to raise: it is there already, or no key comes from a TPM */
};
/* A good boot in this stage. sealed: the key comes from the TPM, and the floor with it. */
enum blessing rollout_bless(struct rollout *r, enum stage booted, enum stage floor, bool sealed, const struct config *c);
/* The last blessing came to nothing since the floor could not be asked for: the trial goes on, with all its tries. */
void rollout_bless_again(struct rollout *r, enum stage trial, enum stage from, const struct config *c);

/* One boot, as it is kept in the evidence file, one line each:
 *   boot=<id> stage=<stage> denials=<n> lost=<n> good=yes|no finished=yes|no [first=<name>]
 * finished=no until the watch has ended in an orderly way, at shutdown: a watch that was killed has not
 * seen all. first is the first file that was, or would have been, denied, as the audit record has it. */
#define EVIDENCE_LINE 400
#define EVIDENCE_MAX 32768
#define EVIDENCE_NAME 200
struct boot_evidence {
	char boot[40];
	enum stage stage;
	unsigned denials, lost; /* would-be denials; records that may have been lost */
	bool good;              /* it was blessed */
	bool finished;          /* counted to its end */
	char first[EVIDENCE_NAME];
};
bool evidence_parse(const char *line, size_t len, struct boot_evidence *ret);
size_t evidence_format(const struct boot_evidence *e, char *ret, size_t size);
bool evidence_is_clean(const struct boot_evidence *e);
/* "clean", or why it is not, in words. */
void evidence_words(const struct boot_evidence *e, char *ret, size_t size);
/* The last boots in audit, one after another up to the end, that were clean. Boots in other stages are passed
 * over, and so is the one that runs now (its id; NULL: none) as long as nothing was seen in it. */
unsigned evidence_clean(const char *text, size_t len, const char *running);

struct promotion {
	enum stage to;       /* STAGE_UNSET: there is nothing above */
	bool allowed, trial;
	char missing[200];   /* what is missing, in words; empty where allowed */
};
/* From the stage that runs, with so many unlabelled files in scope (fix) or clean boots (audit). */
void rollout_next(enum stage running, size_t unlabelled, unsigned clean, const struct config *c,
                  struct promotion *ret);

enum promoting {
	PROMOTING_DONE = 0,
	PROMOTING_AGAIN,    /* done: another trial after one that fell back */
	PROMOTING_ON_TRIAL, /* nothing to do: it is on trial already */
	PROMOTING_FELL_BACK /* nothing was done: the trial fell back, and nobody has asked for another */
};
/* p is allowed. asked: by a person; a trial that fell back is not begun anew without one. */
enum promoting rollout_promote(struct rollout *r, const struct promotion *p, enum stage running, bool asked,
                               const struct config *c);

#endif
