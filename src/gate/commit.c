/* The steps that change the kernel: keyrings, EVM, policy. Each does only what the decision
 * says, and answers BLOCKED where that is nothing. */
#include "gate/boot.h"

#include "base/file.h"
#include "crypto/crypto.h"
#include "kernel/evm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define CERTS_MAX 64
#define CERT_SIZE_MAX (16 * 1024)

static enum outcome add_cert_file(struct boot *b, const char *dir, const char *name, int32_t ring,
                                  struct why *why)
{
	char path[PATH_MAX];
	CLEAN_FREE char *der = NULL;
	size_t len;
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
		why_set(why, WHY_ERRNO, ENAMETOOLONG, "read", name);
		return OUTCOME_BROKEN;
	}
	r = file_read(b->root, path, CERT_SIZE_MAX, &der, &len);
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", path);
		return OUTCOME_BROKEN;
	}
	return keyring_add_cert(ring, (const uint8_t *)der, len, path, why);
}

static enum outcome add_certs(struct boot *b, const char *dir, int32_t ring, unsigned *ret_count,
                              struct why *why)
{
	char names[CERTS_MAX][256];
	int n;

	*ret_count = 0;
	if (!*dir)
		return OUTCOME_OK;
	n = dir_list(b->root, dir, ".der", names, CERTS_MAX);
	if (n <= 0) {
		why_set(why, WHY_ERRNO, n ? -n : ENOENT, "certificates", dir);
		why_detail(why, "it is configured and holds no *.der: add the certificate and run "
		                "'dracut -f', or take the line out of imagate.conf");
		return n == -ENOENT || n == 0 ? OUTCOME_ABSENT : OUTCOME_BROKEN;
	}
	for (int i = 0; i < n; i++) {
		enum outcome o = add_cert_file(b, dir, names[i], ring, why);

		if (o != OUTCOME_OK)
			return o;
	}
	*ret_count = (unsigned)n;
	return OUTCOME_OK;
}

static enum outcome fill_rings(struct boot *b, struct why *why)
{
	enum outcome o = keyring_integrity(BOOT_EVIDENCE(b)->facts.rings, &b->rings, why);

	if (o != OUTCOME_OK || !b->record.decision.use_certs)
		return o;
	o = add_certs(b, b->config.x509_ima, b->rings.ima, &b->record.ima_certs, why);
	if (o == OUTCOME_OK)
		o = add_certs(b, b->config.x509_evm, b->rings.evm, &b->record.evm_certs, why);
	return o;
}

enum outcome step_keyrings(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_KEYRINGS);
	const struct decision *d = &b->record.decision;
	enum outcome o;

	if (d->verdict == VERDICT_STOP || d->stage <= STAGE_MEASURE)
		return OUTCOME_BLOCKED;
	keyring_warm_up_end(b->warm_up);
	b->warm_up = -1;
	if (d->use_key && !decide_paid(BOOT_EVIDENCE(b))) {
		secret_wipe(&b->master);
		return OUTCOME_BLOCKED;
	}
	o = keyring_private(why);
	if (o == OUTCOME_OK)
		o = fill_rings(b, why);
	if (o == OUTCOME_OK && d->use_key)
		o = keyring_load_evm_key(&b->master, b->seal.evm_blob, why);
	secret_wipe(&b->master);
	if (o == OUTCOME_OK && d->use_key)
		/* for those who expect to see it there; EVM does not need it */
		(void)keyring_link_evm_key(b->rings.evm, NULL);
	return o;
}

static bool pins_evm(const struct boot *b)
{
	return b->rings.kind == RINGS_USER;
}

enum outcome step_evm(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_EVM);
	const struct decision *d = &b->record.decision;
	bool x509 = d->use_certs && b->record.evm_certs > 0;
	enum outcome o = OUTCOME_OK;

	if (d->verdict == VERDICT_STOP || (!d->use_key && !x509) ||
	    BOOT_EVIDENCE(b)->outcome[STEP_KEYRINGS] != OUTCOME_OK)
		return OUTCOME_BLOCKED;
	if (pins_evm(b))
		o = evm_probe_make(b->run_dir, why);
	if (o == OUTCOME_OK)
		o = evm_activate(b->root, d->use_key, x509, why);
	keyring_drop_evm_key();
	if (o != OUTCOME_OK)
		return o;
	b->record.evm_hmac = d->use_key;
	b->record.evm_x509 = x509;
	if (pins_evm(b)) {
		o = evm_probe_touch(b->run_dir, why);
		if (o == OUTCOME_OK)
			o = keyring_restrict(b->rings.evm, why);
	}
	return o;
}

static enum outcome commit_file(struct boot *b, struct why *why)
{
	const struct ima_file f = { .dir_fd = b->run_dir, .dir = BOOT_RUN_DIR, .text = b->policy_text, .len = b->policy_len,
		.label = b->policy_ima, .label_len = b->policy_ima_len };

	return ima_commit_file(b->root, &b->staged, &f, why);
}

enum outcome step_policy(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_POLICY);
	enum outcome o;
	struct stance s = boot_stance(b);
	bool pin = b->staged.pin_rule, by_path = b->staged.by_path;

	if (!decide_policy(&b->record.decision, &s, BOOT_EVIDENCE(b))) {
		ima_unstage(&b->staged);
		return OUTCOME_BLOCKED;
	}
	if (b->module_signatures) {
		o = ima_enforce_module_signatures(b->root, why);
		if (o != OUTCOME_OK) {
			ima_unstage(&b->staged);
			return o;
		}
		b->record.module_signatures = true;
	}
	/* without it this boot is no evidence, and that is all */
	(void)audit_watch_begin(&b->audit, NULL);
	b->record.policy_rules = b->staged.rules;
	o = by_path ? commit_file(b, why) : ima_commit(b->root, &b->staged, why);
	if (o != OUTCOME_OK)
		return o;
	(void)snprintf(b->record.policy, sizeof(b->record.policy), "%s", b->policy_path); /* same size */
	if (pin) {
		o = ima_pin(b->run_dir, why);
		if (o == OUTCOME_OK)
			o = keyring_restrict(b->rings.ima, why);
	} else if (by_path && b->rings.kind == RINGS_USER) {
		o = keyring_restrict(b->rings.ima, why); /* the policy's own signature has pinned it */
	}
	return o;
}

/* The content of what init needs, by the kernel's own word: while there is still an initramfs to
 * stop in. */
enum outcome step_proof(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_PROOF);
	struct preflight_about about;
	CLEAN_FD root = -1;

	if (!b->prove || !*b->record.policy)
		return OUTCOME_BLOCKED;
	root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	judging_about(b, &about);
	if (root >= 0)
		return preflight_prove(root, &about, &b->preflight, why);
	why_set(why, WHY_ERRNO, errno, "open", b->sysroot_path);
	return OUTCOME_BROKEN;
}
