/* The steps that find out: config, facts, staging, preflight, decide; unseal is in unseal.c. */
#include "gate/boot.h"

#include "base/file.h"
#include "base/ini.h"
#include "core/critical.h"
#include "core/policy.h"
#include "crypto/crypto.h"
#include "crypto/detached.h"
#include "gate/binding.h"
#include "gate/heal.h"
#include "gate/rootstate.h"
#include "gate/sysroot.h"
#include "kernel/facts.h"
#include "kernel/language.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The first finding that would keep the system from coming up, or, rehearsed, the kernel from taking it. */
struct fatal {
	const struct boot *b;
	struct why *why;
	bool found;
};

static void look_at(const struct lint_finding *f, void *arg)
{
	struct fatal *fatal = arg;

	if (fatal->found || !((f->bricks && fatal->b->config.preflight != PREFLIGHT_OFF) || (fatal->b->rehearse && f->severity == LINT_ERROR)))
		return;
	fatal->found = true;
	why_set(fatal->why, WHY_TEXT, f->line, "policy", fatal->b->policy_path);
	why_detail(fatal->why, f->bricks ? f->remedy : f->what);
}

static struct rule_kernel this_kernel(const struct boot *b)
{
	struct rule_kernel k;

	if (!kernel_language(b->root, &k))
		rule_kernel_debian(KERNEL_NEWEST, &k);
	return k;
}

/* Lines that may be given to the kernel, which is the judge of each rule; what it would take and no system survives,
 * it does not tell. */
static enum outcome lint_policy(struct boot *b, struct why *why)
{
	struct lint_about about = { .ima_key = TRI_UNKNOWN };
	struct fatal fatal = { b, why, false };
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
	b->record.policy_rules = rules;
	b->lint = malloc(sizeof(*b->lint));
	if (!b->lint) {
		why_set(why, WHY_ERRNO, ENOMEM, "read", b->policy_path);
		return OUTCOME_BROKEN;
	}
	about.kernel = this_kernel(b);
	policy_lint(b->policy_text, b->policy_len, &about, b->lint, look_at, &fatal);
	if (rules == 0) {
		why_set(why, WHY_TEXT, 0, "policy", b->policy_path);
		why_detail(why, "it has no rule");
	}
	return rules == 0 || fatal.found ? OUTCOME_REFUSED : OUTCOME_OK;
}

static enum outcome refuse_policy(const struct boot *b, unsigned line, const char *detail, struct why *why)
{
	why_set(why, WHY_TEXT, line, "policy", b->policy_path);
	why_detail(why, detail);
	return OUTCOME_REFUSED;
}

/* Signed, where the configuration says so, and not older than what was sealed. Without a signature the epoch is what
 * anybody wrote into it: then it only keeps from mistakes. */
static enum outcome verify_policy(struct boot *b, struct why *why)
{
	CLEAN_FREE char *signature = NULL;
	char path[CONFIG_PATH_LEN + 8];
	enum outcome o = OUTCOME_OK;
	unsigned line;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s.p7s", b->policy_path); /* a configured path: shorter */
	if (*b->config.x509_policy && file_read(b->root, path, DETACHED_MAX, &signature, &len) < 0)
		return refuse_policy(b, 0, "it is not signed, and imagate.conf demands it: imagate policy sign, then dracut -f", why);
	if (*b->config.x509_policy)
		o = detached_verify(b->root, b->config.x509_policy, b->policy_path, b->policy_text, b->policy_len,
		                    (const uint8_t *)signature, len, why);
	if (o != OUTCOME_OK)
		return o;
	if (!policy_epoch(b->policy_text, b->policy_len, &b->policy_epoch, &line))
		return refuse_policy(b, line, "imagate-epoch: one number from 1 on, once", why);
	if (b->policy_epoch < b->sealed_epoch)
		return refuse_policy(b, 0, "its epoch is lower than the sealed one: it is an old policy; put the newer one back", why);
	return OUTCOME_OK;
}

/* For a kernel that takes policies only as signed files. No file, no such signature: the kernel will say whether it
 * wants one. */
static void read_policy_ima(struct boot *b)
{
	char path[CONFIG_PATH_LEN + 8];

	(void)snprintf(path, sizeof(path), "%s.ima", b->policy_path);
	if (file_read(b->root, path, LABEL_MAX, &b->policy_ima, &b->policy_ima_len) < 0)
		b->policy_ima_len = 0;
}

enum outcome step_staging_rehearsed(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_STAGING);
	enum outcome o = read_policy(b, why);

	if (o == OUTCOME_OK)
		o = verify_policy(b, why);
	return o == OUTCOME_OK ? lint_policy(b, why) : o;
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
	read_policy_ima(b);
	return ima_stage(b->root, b->policy_path, b->policy_text, b->policy_len,
	                 f->rings == RINGS_USER && decide_stage(&s) > STAGE_MEASURE, b->policy_ima_len > 0, &b->staged, why);
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

/* What labels are proven with while the kernel cannot do it yet. */
static enum outcome open_prover(struct boot *b, struct why *why)
{
	SECRET evm = { .len = 0 };
	struct rule_kernel kernel;
	enum outcome o;

	b->keys = keyset_new();
	if (!b->keys) {
		why_set(why, WHY_ERRNO, ENOMEM, "open", "certificates");
		return OUTCOME_BROKEN;
	}
	kernel = this_kernel(b);
	keyset_curves(b->keys, kernel.ecdsa, kernel.p521);
	o = *b->config.x509_ima ? keyset_add_dir(b->keys, RING_IMA, b->root, b->config.x509_ima, why) : OUTCOME_OK;
	if (o == OUTCOME_OK && *b->config.x509_evm)
		o = keyset_add_dir(b->keys, RING_EVM, b->root, b->config.x509_evm, why);
	/* made by the gate, with its certificates and no others: the kernel denies what another key signed */
	if (BOOT_EVIDENCE(b)->facts.rings == RINGS_USER) {
		keyset_close(b->keys, RING_IMA);
		keyset_close(b->keys, RING_EVM);
	}
	/* where the kernel proves, EVM's key need not be here */
	if (o == OUTCOME_OK && !b->prove && b->master.len)
		o = evm_blob_unwrap(&b->master, b->seal.evm_blob, &evm, why);
	if (o == OUTCOME_OK && evm.len)
		keyset_hmac(b->keys, &evm);
	return o == OUTCOME_OK ? prover_open(b->keys, &b->prover, why) : o;
}

static unsigned evm_mode(const struct boot *b)
{
	return (BOOT_EVIDENCE(b)->outcome[STEP_UNSEAL] == OUTCOME_OK ? EVM_HMAC : EVM_OFF) |
	       (*b->config.x509_evm ? EVM_X509 : EVM_OFF);
}

void judging_about(struct boot *b, struct preflight_about *ret)
{
	const struct rule_kernel kernel = this_kernel(b);

	b->examine = (struct examine_about){
		.rules = b->lint ? b->lint->rules : NULL, .rules_count = b->lint ? b->lint->count : 0, .cred = &match_root,
		.evm = evm_mode(b), .algo = HASH_SHA256,
	};
	examine_kernel(&b->examine, &kernel);
	for (size_t i = 0; i < b->examine.rules_count; i++)
		b->examine.verity |= b->examine.rules[i].has & RULE_VERITY;
	*ret = (struct preflight_about){
		.examine = &b->examine, .prover = b->prover.state ? &b->prover : NULL,
		.init = b->has_cmdline ? b->cmdline.init : "",
	};
}

/* No list is no failure: init itself is judged in any case, and an older initramfs has none. */
static enum outcome run_preflight(struct boot *b, int root, struct why *why)
{
	CLEAN_FREE char *list = NULL;
	struct preflight_about about;
	enum outcome o = OUTCOME_OK;
	size_t len;
	int r;

	if (b->config.preflight == PREFLIGHT_FULL)
		o = open_prover(b, why);
	if (o != OUTCOME_OK)
		return o;
	judging_about(b, &about);
	if (b->prove)
		about.prover = NULL;
	r = file_read(b->root, CRITICAL_PATH, CRITICAL_MAX, &list, &len);
	if (r < 0 && r != -ENOENT)
		return read_errno(r, CRITICAL_PATH, why);
	if (r == 0) {
		about.critical = list;
		about.critical_len = len;
	}
	o = preflight_run(root, &about, &b->preflight, why);
	if (o == OUTCOME_REFUSED && heal(b, root)) {
		preflight_free(&b->preflight);
		why_set(why, WHY_NONE, 0, "", "");
		o = preflight_run(root, &about, &b->preflight, why);
	}
	return o;
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
	b->module_signatures = decide_stage(&s) == STAGE_ENFORCE && b->lint && lint_appraises(b->lint, FUNC_MODULE_CHECK) &&
	                       preflight_modules_compressed(root, BOOT_EVIDENCE(b)->facts.release);
	if (b->config.preflight == PREFLIGHT_OFF)
		return OUTCOME_BLOCKED;
	/* a rehearsal has no commit: it hashes itself */
	b->prove = !b->rehearse && !heal_is_on(b) && b->lint && decide_prove(&s, lint_appraises(b->lint, FUNC_MMAP_CHECK));
	return run_preflight(b, root, why);
}

enum outcome step_decide(struct boot *b)
{
	struct stance s = boot_stance(b);

	b->record.decision = decide(&s, BOOT_EVIDENCE(b));
	return OUTCOME_OK;
}
