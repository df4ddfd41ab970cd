#include "cli/promote.h"

#include "base/log.h"
#include "cli/evidence.h"
#include "cli/grubfile.h"
#include "cli/verb.h"
#include "label/touch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void silent(const char *path, const char *reason, void *arg)
{
	(void)path;
	(void)reason;
	(void)arg;
}

static size_t unlabelled(void)
{
	struct touch_count c = { 0 };

	/* a walk that failed has shown nothing */
	return touch_coverage("/", silent, NULL, &c, NULL) == OUTCOME_OK ? c.failed : 1;
}

void promote_look(const struct record *r, const struct config *c, struct promotion *ret)
{
	enum stage running = r->decision.stage;

	rollout_next(running, running == STAGE_FIX ? unlabelled() : 0, evidence_count(), c, ret);
	if (ret->allowed && r->decision.verdict != VERDICT_ADMIT) {
		ret->allowed = false;
		(void)snprintf(ret->missing, sizeof(ret->missing), "this boot was not admitted (%s)", cause_name(r->decision.cause));
	}
}

int promote_if_shown(const struct record *r, const struct config *c, bool quiet)
{
	char block[GRUBENV_LEN];
	struct promotion p;
	struct rollout now;
	int e;

	promote_look(r, c, &p);
	if (!p.allowed) {
		if (!quiet)
			log_error("not yet: %s", p.missing);
		return quiet ? IMAGATE_OK : IMAGATE_NOT_ADMITTED;
	}
	e = grubfile_read("/", block);
	if (e == 0) {
		rollout_read(block, &now);
		if (p.trial && now.trial == p.to)
			return IMAGATE_OK; /* it is on trial already */
		now.stage = p.trial ? r->decision.stage : p.to;
		now.trial = p.trial ? p.to : STAGE_UNSET;
		now.tries = p.trial ? c->tries : 0;
		now.blessed = 0;
		e = rollout_write(&now, block) ? grubfile_write("/", block) : -ENOSPC;
	}
	if (e < 0) {
		log_error("GRUB's environment block: %s; set imagate.stage=%s on the kernel command line by hand", strerror(-e),
		          stage_name(p.to));
		return IMAGATE_FAILED;
	}
	(void)printf(p.trial ? "The next boots are a trial of %s: %u may fail before it falls back; after %u good ones the floor "
	                       "rises.\n" : "The next boot runs in %s.\n", stage_name(p.to), c->tries, c->blessings);
	return IMAGATE_OK;
}
