#include "cli/promote.h"

#include "base/log.h"
#include "cli/everywhere.h"
#include "cli/evidence.h"
#include "cli/grubfile.h"
#include "cli/sealing.h"
#include "cli/verb.h"

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

	/* every file system that is mounted; a walk that failed has shown nothing */
	return everywhere(touch_coverage, silent, NULL, &c, NULL) == OUTCOME_OK ? c.failed : c.failed + 1;
}

void promote_look(const struct record *r, const struct config *c, struct promotion *ret)
{
	enum stage running = r->decision.stage;
	struct boot_evidence now;

	evidence_now(r, &now);
	rollout_next(running, running == STAGE_FIX ? unlabelled() : 0, evidence_count(&now), c, ret);
	if (ret->allowed && r->decision.verdict != VERDICT_ADMIT) {
		ret->allowed = false;
		(void)snprintf(ret->missing, sizeof(ret->missing), "this boot was not admitted (%s)", cause_name(r->decision.cause));
	}
}

static void say(enum promoting what, const struct rollout *now, const struct promotion *p, const struct config *c, bool asked)
{
	if (what == PROMOTING_ON_TRIAL) {
		if (asked)
			(void)printf("%s is on trial already, with %u boots left that may fail: reboot.\n", stage_name(p->to), now->tries);
	} else if (what == PROMOTING_FELL_BACK) {
		log_warning("the trial of %s fell back after %u boots that did not come up; why, 'journalctl -t imagate-gate' of those "
		            "boots and 'imagate check --stage %s' say; 'imagate stage promote' begins another", stage_name(p->to),
		            c->tries, stage_name(p->to));
	} else {
		if (what == PROMOTING_AGAIN)
			(void)printf("The trial of %s fell back after %u boots that did not come up; another begins.\n", stage_name(p->to),
			             c->tries);
		(void)printf(p->trial ? "The next boots are a trial of %s: %u may fail before it falls back; after %u good ones the floor "
		                        "rises.\n" : "The next boot runs in %s.\n", stage_name(p->to), c->tries, c->blessings);
	}
}

int promote_if_shown(const struct record *r, const struct config *c, bool asked)
{
	char block[GRUBENV_LEN];
	struct promotion p;
	struct rollout now;
	enum promoting what = PROMOTING_DONE;
	int e;

	promote_look(r, c, &p);
	if (!p.allowed) {
		if (asked)
			log_error("not yet: %s", p.missing);
		return asked ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	}
	if (p.trial && sealing_is_strict()) {
		log_error("under strict binding there is no trial: 'imagate stage set %s' with somebody at the console, who types the "
		          "recovery key once and runs 'imagate recover --add'", stage_name(p.to));
		return asked ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	}
	e = grubfile_read("/", block);
	if (e == 0) {
		rollout_read(block, &now);
		what = rollout_promote(&now, &p, r->decision.stage, asked, c);
		if (what == PROMOTING_DONE || what == PROMOTING_AGAIN)
			e = rollout_write(&now, block) ? grubfile_write("/", block) : -ENOSPC;
	}
	if (e < 0) {
		log_error("GRUB's environment block: %s; set imagate.stage=%s on the kernel command line by hand", strerror(-e),
		          stage_name(p.to));
		return IMAGATE_FAILED;
	}
	say(what, &now, &p, c, asked);
	return IMAGATE_OK;
}
