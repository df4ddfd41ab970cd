/* 'imagate catalogue': what its subcommands share. */
#ifndef IMAGATE_CLI_CATALOGUE_H
#define IMAGATE_CLI_CATALOGUE_H

#include "cli/verb.h"
#include "core/config.h"
#include "core/why.h"

#include <stdbool.h>

struct catalogue_wish {
	const struct verb *verb;
	const char *root, *output, *name, *key, *cert;
	const char *dir, *x509; /* instead of the configured ones */
	const char *config;
	unsigned epoch, threads; /* 0: not given */
	bool all, json;
	char **args;             /* what is left, ends with NULL */
	int count;
};

/* Says it; code comes back. */
int catalogue_said(const struct why *why, int code);
/* The configuration with what the command line has instead. Exit code. */
int catalogue_config(const struct catalogue_wish *w, struct config *ret);

int catalogue_build(const struct catalogue_wish *w);
int catalogue_check(const struct catalogue_wish *w);
int catalogue_sign(const struct catalogue_wish *w);
int catalogue_verify(const struct catalogue_wish *w);
int catalogue_diff(const struct catalogue_wish *w);
int catalogue_list(const struct catalogue_wish *w);

#endif
