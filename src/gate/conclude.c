#include "gate/boot.h"

#include <systemd/sd-daemon.h>
#include <time.h>

static unsigned elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: a constant clock */
	return (unsigned)((now.tv_sec - since->tv_sec) * 1000 +
	                  (now.tv_nsec - since->tv_nsec) / 1000000);
}

/* The last word. Whatever was promised and is not in force has by now an outcome other than
 * OK, and decide_final() says what that means. */
enum outcome step_conclude(struct boot *b)
{
	struct stance s = boot_stance(b);
	const struct decision d = b->record.decision;
	enum outcome o;

	secret_wipe(&b->master);
	b->record.decision = decide_final(&d, &s, BOOT_EVIDENCE(b));
	b->record.total_ms = elapsed_ms(&b->started);
	BOOT_EVIDENCE(b)->outcome[STEP_CONCLUDE] = OUTCOME_OK; /* as the record will say it */
	o = tell_record(b, BOOT_WHY(b, STEP_CONCLUDE));
	tell_console(b);
	tell_journal(b);
	/* not started by systemd: nobody to notify */
	(void)sd_notifyf(0, "STATUS=%s: stage %s, %s", verdict_name(b->record.decision.verdict),
	                 stage_name(b->record.decision.stage), cause_name(b->record.decision.cause));
	return o;
}
