#include "gate/boot.h"

#include "base/file.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* VmHWM: getrusage() would count what the process was before it became this program. */
static unsigned peak_kib(void)
{
	CLEAN_FREE char *text = NULL;
	const char *line;
	size_t len;

	if (file_read(AT_FDCWD, "/proc/self/status", 16384, &text, &len) < 0)
		return 0;
	line = strstr(text, "VmHWM:");
	return line ? (unsigned)strtoul(line + strlen("VmHWM:"), NULL, 10) : 0;
}

/* Where 'imagate watch' goes on. Without the file it knows that it has not seen all. */
static void hand_over_audit(struct boot *b)
{
	char text[AUDIT_STATE_MAX];

	if (b->audit.fd < 0)
		return;
	(void)audit_watch_take(&b->audit);
	if (file_write_atomic(b->run_dir, "audit", text, audit_state_format(&b->audit, text), 0600) < 0)
		(void)unlinkat(b->run_dir, "audit", 0);
	audit_watch_end(&b->audit);
}

/* The last word. Whatever was promised and is not in force has by now an outcome other than
 * OK, and decide_final() says what that means. */
enum outcome step_conclude(struct boot *b)
{
	struct stance s = boot_stance(b);
	const struct decision d = b->record.decision;
	enum outcome o;

	secret_wipe(&b->master);
	b->record.generation = b->generation;
	b->record.decision = decide_final(&d, &s, BOOT_EVIDENCE(b));
	/* who runs a verified system may ask the next gate for something */
	if (b->record.decision.verdict == VERDICT_ADMIT && b->request_key.len)
		(void)keyring_offer(REQUEST_KEY_NAME, &b->request_key, BOOT_WHY(b, STEP_CONCLUDE)); /* 'imagate permit' says so */
	secret_wipe(&b->request_key);
	b->record.tpm_ms = b->tpm ? tpm_busy_ms(b->tpm) : 0;
	b->record.total_ms = boot_elapsed_ms(b);
	b->record.peak_kib = peak_kib();
	BOOT_EVIDENCE(b)->outcome[STEP_CONCLUDE] = OUTCOME_OK; /* as the record will say it */
	hand_over_audit(b);
	o = tell_record(b, BOOT_WHY(b, STEP_CONCLUDE));
	tell_console(b);
	tell_journal(b);
	/* not started by systemd: nobody to notify */
	(void)sd_notifyf(0, "STATUS=%s: stage %s, %s", verdict_name(b->record.decision.verdict),
	                 stage_name(b->record.decision.stage), cause_name(b->record.decision.cause));
	return o;
}
