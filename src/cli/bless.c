/* imagate bless: this boot is good. Run by imagate-bless.service after boot-complete.target. */
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/asking.h"
#include "cli/evidence.h"
#include "cli/foreseegrub.h"
#include "cli/grubfile.h"
#include "cli/leftovers.h"
#include "cli/pcr.h"
#include "cli/promote.h"
#include "cli/seen.h"
#include "cli/settle.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "gate/rootstate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int grub_said(int e)
{
	if (e == 0 || e == -ENOENT)
		return IMAGATE_OK; /* no GRUB: nothing is on trial */
	log_error("GRUB's environment block: %s", e == -EBADMSG ? "damaged: make it anew with 'grub-editenv - create'"
	                                                        : strerror(-e));
	return IMAGATE_FAILED;
}

/* The trial's count; the floor is asked for before the boot loader is told that the trial is over, so that
 * a power cut leaves one boot of trial more, not one of floor less. */
static int bless_trial(const struct record *r, const struct config *c)
{
	bool sealed = c->key_source == KEY_SOURCE_TPM || r->generation;
	char block[GRUBENV_LEN];
	struct rollout now;
	enum blessing b;
	enum stage from;
	int code = IMAGATE_OK, e = grubfile_read("/", block);

	if (e < 0)
		return grub_said(e);
	rollout_read(block, &now);
	from = now.stage;
	b = rollout_bless(&now, r->decision.stage, r->evidence.key.floor, sealed, c);
	if (b == BLESSING_NONE)
		return IMAGATE_OK;
	if (b == BLESSING_RAISE)
		code = asking_store(STAGE_UNSET, now.stage);
	if (code != IMAGATE_OK)
		rollout_bless_again(&now, r->decision.stage, from, c);
	else if (b == BLESSING_RAISE)
		log_notice("stage %s has proven itself; the floor rises to it with the next boot", stage_name(now.stage));
	else if (b == BLESSING_NO_FLOOR)
		log_notice("stage %s has proven itself; %s", stage_name(now.stage), sealed ? "the floor is there already"
		           : "no floor is raised: without a key from the TPM there is none, and the boot loader alone asks for the stage");
	e = rollout_write(&now, block) ? grubfile_write("/", block) : -ENOSPC;
	return code == IMAGATE_OK ? grub_said(e) : code;
}

/* What GRUB ran by it can be understood after an update only with the script itself. */
static void keep_boot_script(void)
{
	const struct pcr_wish wish = { .verb = &verb_bless };
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pcr_log log;
	int r;

	if (access(PCR_LOG, F_OK) < 0 || pcr_log_read(&wish, NULL, &log) != IMAGATE_OK)
		return;
	r = foresee_keep(root, &log.log, log.alg);
	if (r < 0)
		log_error("%s: %s", GRUB_KEPT, strerror(-r));
	free(log.bytes);
}

static int bless(void)
{
	static struct record r;
	static struct config c;
	struct boot_evidence e;
	struct why why = { 0 };
	struct settled settled;
	int code, k;

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	if (r.decision.verdict != VERDICT_ADMIT) {
		log_error("this boot was not admitted (%s): it is not blessed", cause_name(r.decision.cause));
		return IMAGATE_NOT_ADMITTED;
	}
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, &why) != OUTCOME_OK)
		return sealing_failed("configuration", &why);
	if (file_exists(AT_FDCWD, "/run/imagate/blessed"))
		return IMAGATE_OK;
	if (unlink(BOOT_REBOOTS_PATH) < 0 && errno != ENOENT) {
		log_error("%s: %s", BOOT_REBOOTS_PATH, strerror(errno));
		return IMAGATE_FAILED;
	}
	evidence_now(&r, &e);
	e.good = true;
	k = evidence_keep(&e);
	if (k < 0)
		log_error("%s: %s", EVIDENCE_PATH, strerror(-k));
	/* in fix what was labelled and what has run cannot be told apart: the kernel has measured both */
	k = r.decision.stage == STAGE_FIX ? 0 : seen_keep();
	if (k < 0)
		log_error("%s: %s", CRITICAL_SEEN_PATH, strerror(-k));
	keep_boot_script();
	if (leftovers_drop_named(c.seal, c.tpm_wait, &why) != OUTCOME_OK)
		(void)sealing_failed("an old counter is still in the TPM", &why);
	if (settle_slots(&c, &r, &settled, &why) != OUTCOME_OK)
		(void)sealing_failed("the seal keeps slots that an update has replaced", &why);
	else if (settled.dropped)
		log_notice("%zu slots of the seal, for what was booted before the update, are gone; with the next boot copies of them open nothing", settled.dropped);
	code = bless_trial(&r, &c);
	if (code == IMAGATE_OK && r.renew) {
		code = asking_count_up(r.evidence.key.floor);
		if (code == IMAGATE_OK)
			log_notice("the next boot binds the seal to the key and epoch of signatures that imagate.conf names; older ones open it no more");
	}
	if (code != IMAGATE_OK)
		return code;
	k = file_write_atomic(AT_FDCWD, "/run/imagate/blessed", "", 0, 0644);
	if (k < 0) {
		log_error("/run/imagate/blessed: %s", strerror(-k));
		return IMAGATE_FAILED;
	}
	return c.automatic == ANSWER_YES ? promote_if_shown(&r, &c, false) : IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return verb_help(self);
	return argc > 1 ? verb_extra(self, argv[1]) : bless();
}

const struct verb verb_bless = {
	.name = "bless",
	.summary = "this boot is good (imagate-bless.service)",
	.help = "usage: imagate bless\n"
	        "Run by imagate-bless.service when boot-complete.target is reached: keeps this boot as evidence, and, but for fix, what\n"
	        "ran for the boot-critical list; undefines counters in the TPM that a seal before this one left; counts it for a stage on trial, and, when that was the last blessing it needed, asks the next\n"
	        "boot's gate to raise the floor. With automatic = yes it promotes what may be promoted, by the evidence of the\n"
	        "boots before this one: this one counts once it has been watched to its end ('imagate watch').\n"
	        "Exit status: 0 done, 1 this boot was not admitted, 2 usage, 3 failed.\n",
	.run = run,
};
