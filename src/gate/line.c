#include "gate/boot.h"

#include "base/log.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum outcome (*step_fn)(struct boot *b);

/* A step without a rehearsal is a commit: rehearsed, it stays PENDING. */
static const struct {
	step_fn live, rehearsed;
} line[STEP_COUNT] = {
	[STEP_CONFIG] = { step_config, step_config },
	[STEP_FACTS] = { step_facts, step_facts },
	[STEP_UNSEAL] = { step_unseal, step_unseal },
	[STEP_DOOR] = { step_door, step_door_rehearsed },
	[STEP_STAGING] = { step_staging, step_staging_rehearsed },
	[STEP_PREFLIGHT] = { step_preflight, step_preflight },
	[STEP_AUTHORITY] = { step_authority, NULL },
	[STEP_DECIDE] = { step_decide, step_decide },
	[STEP_RATCHET] = { step_ratchet, NULL },
	[STEP_KEYRINGS] = { step_keyrings, NULL },
	[STEP_EVM] = { step_evm, NULL },
	[STEP_POLICY] = { step_policy, NULL },
	[STEP_PROOF] = { step_proof, NULL },
	[STEP_CONCLUDE] = { step_conclude, NULL },
};

/* With certificates alone EVM must come after the policy: once it asks for portable
 * signatures, the file that pins _ima would be refused before its signature is looked at. */
static bool certificates_alone(const struct boot *b)
{
	const struct decision *d = &b->record.decision;

	return d->use_certs && !d->use_key;
}

static enum step step_at(const struct boot *b, int i)
{
	if (i == STEP_EVM && certificates_alone(b))
		return STEP_POLICY;
	if (i == STEP_POLICY && certificates_alone(b))
		return STEP_EVM;
	return (enum step)i;
}

void line_run(struct boot *b)
{
	for (int i = 0; i < STEP_COUNT; i++) {
		enum step s = step_at(b, i);
		step_fn f = b->rehearse ? line[s].rehearsed : line[s].live;
		unsigned before = boot_elapsed_ms(b);

		if (!f)
			continue;
		BOOT_EVIDENCE(b)->outcome[s] = f(b);
		b->record.step_ms[s] = boot_elapsed_ms(b) - before;
		log_debug("%s: %s", step_name(s), outcome_name(BOOT_EVIDENCE(b)->outcome[s]));
	}
	secret_wipe(&b->master);
}

void boot_init(struct boot *b)
{
	memset(b, 0, sizeof(*b));
	b->config_path = BOOT_CONFIG_PATH;
	b->sysroot_path = BOOT_SYSROOT;
	b->root = -1;
	b->run_dir = -1;
	b->warm_up = -1;
	b->staged = IMA_STAGED_NONE;
	b->audit = AUDIT_WATCH_NONE;
	(void)clock_gettime(CLOCK_MONOTONIC, &b->started); /* cannot fail: a constant clock */
}

unsigned boot_elapsed_ms(const struct boot *b)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: a constant clock */
	return (unsigned)((now.tv_sec - b->started.tv_sec) * 1000 +
	                  (now.tv_nsec - b->started.tv_nsec) / 1000000);
}

void boot_end(struct boot *b)
{
	secret_wipe(&b->master);
	secret_wipe(&b->request_key);
	tpm_close(&b->tpm);
	keyring_warm_up_end(b->warm_up);
	b->warm_up = -1;
	audit_watch_end(&b->audit);
	ima_unstage(&b->staged);
	preflight_free(&b->preflight);
	prover_close(&b->prover);
	keyset_free(&b->keys);
	fleet_free(&b->fleet);
	free(b->lint);
	b->lint = NULL;
	free(b->policy_text);
	free(b->policy_ima);
	b->policy_text = b->policy_ima = NULL;
	if (b->run_dir >= 0)
		(void)close(b->run_dir);
	if (b->root >= 0)
		(void)close(b->root);
	b->run_dir = b->root = -1;
}

struct stance boot_stance(const struct boot *b)
{
	return (struct stance){
		.config = b->has_config ? &b->config : NULL,
		.cmdline = b->has_cmdline ? &b->cmdline : NULL,
	};
}
