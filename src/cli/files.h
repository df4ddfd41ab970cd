/* 'imagate check': the files of a tree, judged as the kernel will under the policy. */
#ifndef IMAGATE_CLI_FILES_H
#define IMAGATE_CLI_FILES_H

#include "cli/judging.h"

#include <json-c/json.h>

struct files_wish {
	struct judging_wish judging;
	const char *root;
	unsigned threads;  /* 0: one for each processor */
	bool cache;
	bool json;
	bool all;          /* every file and hook, each on a line of its own */
	const char *hooks; /* names of hooks instead of those that a file goes through in life; NULL */
};

/* Exit code; *ret_denied: how many files would be denied. With json what was found is in *ret (owned by the
 * caller), otherwise it is printed. */
int files_check(const struct files_wish *w, size_t *ret_denied, struct json_object **ret);

#endif
