/* The IMA policy as text, as far as the gate needs it before the kernel sees it: rules, one
 * write each. Source: security/integrity/ima/ima_fs.c, ima_write_policy(): one rule a
 * write, at most 4095 bytes; a first byte '/' makes the kernel read that path instead. */
#ifndef IMAGATE_CORE_POLICY_H
#define IMAGATE_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#define POLICY_FILE_MAX (256 * 1024)
#define POLICY_RULE_MAX 4094 /* without the newline */

struct policy_iter {
	const char *next, *end;
	unsigned line; /* of the rule last returned, from 1 */
};

void policy_begin(struct policy_iter *it, const char *text, size_t len);
/* The next rule: blanks around it cut, comment and empty lines skipped, no newline, not
 * NUL-terminated. False at the end. */
bool policy_next(struct policy_iter *it, const char **ret_rule, size_t *ret_len);

/* Is this a line we may give to the kernel as a rule? NUL bytes, a leading '/', over-long
 * lines, a first word that is no action: *ret_error is a constant that says which and what
 * to do. The kernel judges the rest. */
bool policy_rule_ok(const char *rule, size_t len, const char **ret_error);

/* "# imagate-epoch: 7", a comment of its own: a policy of a lower one than the seal's is refused. 0 where there is
 * none. False: there is one and it is no number from 1 to 999999999, or there are two; *ret_line is its line. */
bool policy_epoch(const char *text, size_t len, unsigned *ret, unsigned *ret_line);
#define POLICY_EPOCH_MAX 999999999

#endif
