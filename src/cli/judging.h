/* What 'check' and 'policy explain' judge files with: the policy, the keys that are at hand, the kernel. */
#ifndef IMAGATE_CLI_JUDGING_H
#define IMAGATE_CLI_JUDGING_H

#include "core/config.h"
#include "core/lint.h"
#include "base/secret.h"
#include "core/maker.h"
#include "crypto/keyset.h"
#include "label/examine.h"

struct judging_wish {
	const char *config;      /* where policy and certificates are named; NULL: none */
	const char *policy;      /* instead of the configured one */
	const char *ima_certs, *evm_certs; /* directories of *.der, instead of the configured ones */
	int evm_key_fd;          /* -1: EVM's HMAC key is not at hand */
	const char *evm_seal;    /* the seal that holds it, opened by the recovery key; NULL: none */
	int evm;                 /* EVM_*; -1: as the configuration has it */
	struct rule_kernel kernel;
};

struct judging {
	char *policy_path, *text; /* malloc'ed */
	struct lint lint;
	struct keyset *keys;
	struct secret hmac; /* EVM's key, where it is at hand; len 0 */
	struct examine_about about;
};

/* Says what is wrong; an exit code. Large: keep it static. */
int judging_begin(const struct judging_wish *w, struct judging *ret);
void judging_end(struct judging *j);

#endif
