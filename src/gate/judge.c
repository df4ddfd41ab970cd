/* The steps that find out: config, facts, staging, preflight, decide; unseal is in unseal.c. */
#include "gate/boot.h"

#include "base/file.h"
#include "base/ini.h"
#include "core/policy.h"
#include "crypto/crypto.h"
#include "gate/binding.h"
#include "gate/rootstate.h"
#include "gate/sysroot.h"
#include "kernel/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum outcome step_config(struct boot *b)
{
	enum outcome o = ini_config_load(b->root, b->config_path, &b->config,
	                                 BOOT_WHY(b, STEP_CONFIG));

	b->has_config = o == OUTCOME_OK;
	return o;
}

/* The question is what the next boot will do: what this one has used up will be fresh
 * again, and a stage that was wished for comes with the kernel mode that belongs to it. */
static void facts_of_next_boot(struct boot *b)
{
	struct facts *f = &BOOT_EVIDENCE(b)->facts;

	if (f->evm == TRI_YES)
		f->evm_active = TRI_NO;
	if (f->ima == TRI_YES)
		f->policy_writable = TRI_YES;
	if (b->wish_stage == STAGE_UNSET)
		return;
	b->cmdline.stage = b->wish_stage;
	b->cmdline.stage_bad = false;
	if (stage_appraise(b->wish_stage) != APPRAISE_UNKNOWN)
		f->appraise = facts_appraise(appraise_name(stage_appraise(b->wish_stage)),
		                             f->secure_boot);
}

enum outcome step_facts(struct boot *b)
{
	enum outcome o = kernel_facts(b->root, &BOOT_EVIDENCE(b)->facts, &b->cmdline,
	                              BOOT_WHY(b, STEP_FACTS));

	b->has_cmdline = o == OUTCOME_OK;
	if (b->rehearse && o == OUTCOME_OK)
		facts_of_next_boot(b);
	return o;
}

static enum outcome read_errno(int r, const char *path, struct why *why)
{
	why_set(why, WHY_ERRNO, -r, "read", path);
	return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
}

/* OK with the text in hand; BLOCKED where the stage loads none. */
static enum outcome read_policy(struct boot *b, struct why *why)
{
	struct stance s = boot_stance(b);
	enum stage stage = b->has_config ? decide_stage(&s) : STAGE_UNSET;
	int r;

	if (stage == STAGE_UNSET || stage == STAGE_OFF)
		return OUTCOME_BLOCKED;
	b->policy_path = stage == STAGE_MEASURE ? b->config.measure_policy : b->config.policy;
	r = file_read(b->root, b->policy_path, POLICY_FILE_MAX, &b->policy_text, &b->policy_len);
	return r < 0 ? read_errno(r, b->policy_path, why) : OUTCOME_OK;
}

/* What can be said without the kernel: each line could be a rule, and the initramfs, from
 * which the boot still runs, is exempted before anything is appraised. */
static enum outcome lint_policy(const struct boot *b, unsigned *ret_rules, struct why *why)
{
	struct policy_iter it;
	const char *rule, *error;
	size_t len;
	unsigned rules = 0;

	policy_begin(&it, b->policy_text, b->policy_len);
	for (; policy_next(&it, &rule, &len); rules++) {
		if (policy_rule_ok(rule, len, &error))
			continue;
		why_set(why, WHY_TEXT, it.line, "policy", b->policy_path);
		why_detail(why, error);
		return OUTCOME_REFUSED;
	}
	if (rules == 0 || (policy_appraises(b->policy_text, b->policy_len) &&
	                   !policy_exempts_rootfs(b->policy_text, b->policy_len))) {
		why_set(why, WHY_TEXT, 0, "policy", b->policy_path);
		why_detail(why, rules == 0 ? "it has no rule"
		                           : "it appraises the initramfs: put 'dont_appraise "
		                             "fsname=rootfs' before the first appraise rule");
		return OUTCOME_REFUSED;
	}
	*ret_rules = rules;
	return OUTCOME_OK;
}

enum outcome step_staging_rehearsed(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_STAGING);
	enum outcome o = read_policy(b, why);

	return o == OUTCOME_OK ? lint_policy(b, &b->record.policy_rules, why) : o;
}

enum outcome step_staging(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_STAGING);
	const struct facts *f = &BOOT_EVIDENCE(b)->facts;
	enum outcome o = step_staging_rehearsed(b);
	struct stance s = boot_stance(b);

	if (o != OUTCOME_OK)
		return o;
	if (f->ima != TRI_YES || f->policy_writable != TRI_YES)
		return OUTCOME_BLOCKED;
	return ima_stage(b->root, b->policy_path, b->policy_text, b->policy_len,
	                 f->rings == RINGS_USER && decide_stage(&s) > STAGE_MEASURE, &b->staged, why);
}

/* Is this the root that was sealed? Only known now that it is there. */
static void judge_root(struct boot *b)
{
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	uint8_t id[ROOT_ID_LEN];

	if (BOOT_EVIDENCE(b)->outcome[STEP_UNSEAL] != OUTCOME_OK || k->root == TRI_YES)
		return;
	k->root = binding_is_zero(b->sealed_root, ROOT_ID_LEN) ||
	          (binding_root(b->sysroot_path, id, BOOT_WHY(b, STEP_DECIDE)) == OUTCOME_OK &&
	           !memcmp(id, b->sealed_root, ROOT_ID_LEN)) ? TRI_YES : TRI_NO;
}

enum outcome step_preflight(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_PREFLIGHT);
	struct stance s = boot_stance(b);
	CLEAN_FD root = -1;
	enum outcome o;

	o = sysroot_wait_once(b, why);
	if (o != OUTCOME_OK)
		return o;
	judge_root(b);
	count_reboots(b);
	if (!b->rehearse)
		count_for_grub(b);
	if (!b->has_config || decide_stage(&s) < STAGE_FIX)
		return OUTCOME_BLOCKED;
	root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		why_set(why, WHY_ERRNO, errno, "open", b->sysroot_path);
		return OUTCOME_BROKEN;
	}
	b->module_signatures = decide_stage(&s) == STAGE_ENFORCE && b->policy_text &&
	                       policy_appraises_func(b->policy_text, b->policy_len, "func=MODULE_CHECK") &&
	                       preflight_modules_compressed(root, BOOT_EVIDENCE(b)->facts.release);
	if (b->config.preflight == PREFLIGHT_OFF)
		return OUTCOME_BLOCKED;
	/* a rehearsal has no commit: it hashes itself */
	b->prove = !b->rehearse && b->policy_text &&
	           decide_prove(&s, policy_appraises_func(b->policy_text, b->policy_len, "func=MMAP_CHECK"));
	return preflight_run(root, b->has_cmdline ? b->cmdline.init : "", b->config.preflight == PREFLIGHT_FULL && !b->prove,
	                     BOOT_EVIDENCE(b)->outcome[STEP_UNSEAL] == OUTCOME_OK, digest_fd,
	                     &b->preflight, why);
}

enum outcome step_decide(struct boot *b)
{
	struct stance s = boot_stance(b);

	b->record.decision = decide(&s, BOOT_EVIDENCE(b));
	return OUTCOME_OK;
}
