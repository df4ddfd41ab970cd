/* 'imagate label' with --root, --write, --sign and the like: labels written by us, not by the kernel in fix. */
#ifndef IMAGATE_CLI_LABELWRITE_H
#define IMAGATE_CLI_LABELWRITE_H

#include "cli/judging.h"

#define VERITY_LEAST 1024 /* below it, hashing the file costs less than what is kept for it */

struct labelwrite_wish {
	struct judging_wish judging; /* policy, and EVM's key */
	const char *root;
	char **paths;                /* below the root; none: all of it */
	const struct paths *list;    /* these files instead, and nothing is printed; NULL */
	const char *hash;
	const char *key[MAKER_KEYS], *cert[MAKER_KEYS]; /* NULL: no signatures */
	unsigned threads;            /* 0: several for each processor */
	bool all, dry_run, json, from_catalogue, verity;
	unsigned verity_least;       /* KiB */
};

int labelwrite(const struct labelwrite_wish *w);

#endif
