#include "cli/judging.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/bykey.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(const struct why *why)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return IMAGATE_USAGE;
}

static int add_certs(struct keyset *k, enum prover_ring ring, const char *dir)
{
	struct why why = { 0 };

	return !*dir || keyset_add_dir(k, ring, AT_FDCWD, dir, &why) == OUTCOME_OK ? IMAGATE_OK : refused(&why);
}

static int read_evm_key(int fd, struct judging *j)
{
	SECRET key = { .len = 0 };
	ssize_t n = read(fd, key.bytes, sizeof(key.bytes));

	if (n < 32 || n > 128) {
		log_error("the EVM key from fd %d: 32 to 128 raw bytes are wanted", fd);
		return IMAGATE_USAGE;
	}
	key.len = (size_t)n;
	keyset_hmac(j->keys, &key);
	j->hmac = key;
	return IMAGATE_OK;
}

static int open_evm_key(const char *seal, struct judging *j)
{
	struct why why = { 0 };

	if (evm_key_by_recovery_key(seal, &j->hmac, &why) != OUTCOME_OK)
		return refused(&why);
	keyset_hmac(j->keys, &j->hmac);
	return IMAGATE_OK;
}

static int read_policy(const struct judging_wish *w, struct judging *j)
{
	struct lint_about about = { .kernel = w->kernel };
	size_t len;
	int r = file_read(AT_FDCWD, j->policy_path, POLICY_FILE_MAX, &j->text, &len);

	if (r < 0) {
		log_error("%s: %s", j->policy_path, strerror(-r));
		return IMAGATE_USAGE;
	}
	policy_lint(j->text, len, &about, &j->lint, NULL, NULL);
	if (!j->lint.found[LINT_ERROR])
		return IMAGATE_OK;
	log_error("%s: the kernel would refuse it: see 'imagate policy lint %s'", j->policy_path, j->policy_path);
	return IMAGATE_NOT_ADMITTED;
}

static void about(const struct judging_wish *w, const struct config *c, struct judging *j)
{
	j->about = (struct examine_about){
		.rules = j->lint.rules, .rules_count = j->lint.count, .cred = &match_root, .algo = HASH_SHA256,
		.evm = w->evm >= 0 ? (unsigned)w->evm
		       : (c->key_source == KEY_SOURCE_NONE ? 0u : EVM_HMAC) | (*c->x509_evm ? EVM_X509 : 0u),
	};
	examine_kernel(&j->about, &w->kernel);
	for (size_t i = 0; i < j->lint.count; i++)
		j->about.verity |= j->lint.rules[i].has & RULE_VERITY;
}

int judging_begin(const struct judging_wish *w, struct judging *j)
{
	struct config c;
	struct why why = { 0 };
	const char *ima, *evm;
	int r;

	memset(j, 0, sizeof(*j));
	config_defaults(&c);
	if (w->config && access(w->config, F_OK) == 0 && ini_config_load(AT_FDCWD, w->config, &c, &why) != OUTCOME_OK)
		return refused(&why);
	ima = w->ima_certs ? w->ima_certs : c.x509_ima;
	evm = w->evm_certs ? w->evm_certs : c.x509_evm;
	j->policy_path = strdup(w->policy ? w->policy : c.policy);
	j->keys = keyset_new();
	if (!j->keys || !j->policy_path)
		return IMAGATE_FAILED;
	keyset_curves(j->keys, w->kernel.ecdsa, w->kernel.p521);
	r = add_certs(j->keys, RING_IMA, ima);
	if (r == IMAGATE_OK)
		r = add_certs(j->keys, RING_EVM, evm);
	if (keyset_unusable(j->keys))
		log_warning("%zu certificates hold ECDSA keys that this kernel cannot use: it denies what they signed",
		            keyset_unusable(j->keys));
	if (r == IMAGATE_OK && w->evm_key_fd >= 0)
		r = read_evm_key(w->evm_key_fd, j);
	if (r == IMAGATE_OK && w->evm_seal)
		r = open_evm_key(w->evm_seal, j);
	if (r == IMAGATE_OK)
		r = read_policy(w, j);
	about(w, &c, j);
	return r;
}

void judging_end(struct judging *j)
{
	secret_wipe(&j->hmac);
	free(j->text);
	free(j->policy_path);
	j->text = j->policy_path = NULL;
	keyset_free(&j->keys);
}
