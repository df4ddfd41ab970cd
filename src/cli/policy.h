/* 'imagate policy': what its subcommands share. */
#ifndef IMAGATE_CLI_POLICY_H
#define IMAGATE_CLI_POLICY_H

#include "cli/verb.h"
#include "core/lint.h"

#define POLICY_DEFAULT "/etc/imagate/policy"

struct policy_wish {
	const struct verb *verb;
	const char *file;
	const char *path;       /* explain */
	struct lint_about about;
	const char *key, *cert; /* sign */
	const char *x509;       /* verify: directory of certificates; NULL: as configured */
	bool json, strict, file_given, ima;
};

struct policy_file {
	char *text; /* malloc'ed */
	size_t len;
	struct lint lint;
};
/* Reads and lints; says why not. Exit code. */
int policy_file_read(const struct policy_wish *w, struct policy_file *ret, lint_emit_fn emit, void *arg);

int policy_show(const struct policy_wish *w);
int policy_explain(const struct policy_wish *w);
int policy_sign(const struct policy_wish *w);
int policy_verify(const struct policy_wish *w);

#endif
