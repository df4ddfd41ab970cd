/* The IMA policy file: staged rule by rule, then made to count by closing it.
 * Source: security/integrity/ima/ima_fs.c; KERNEL-FACTS 3.1, 2.4. */
#ifndef IMAGATE_KERNEL_IMA_H
#define IMAGATE_KERNEL_IMA_H

#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>
#include <stddef.h>

struct ima_staged {
	int fd;          /* -1 = nothing staged */
	unsigned rules;
	bool pin_rule;   /* our probe rule is in front: _ima can be pinned */
	bool by_path;    /* the kernel takes only a signed file: nothing has been handed over yet */
};
#define IMA_STAGED_NONE ((struct ima_staged){ .fd = -1 })

/* Open the policy file and write each rule of text; each write's return is checked. Nothing
 * counts yet. A rule that the kernel refuses: REFUSED, WHY_TEXT with path and line, and the
 * whole attempt is spoilt and closed. with_pin: put the probe's rule in front. has_signature: where the kernel takes
 * no text (EACCES), ima_commit_file() will do. */
enum outcome ima_stage(int root, const char *path, const char *text, size_t len, bool with_pin, bool has_signature,
                       struct ima_staged *ret, struct why *why);
/* Throw it away: spoils it first, so that closing makes nothing count. */
void ima_unstage(struct ima_staged *s);
/* Close, and prove it: the kernel logs that the update is complete, and the policy file is
 * gone or, where the kernel lets it be read, reads back at least as many rules. A process that
 * dies with a policy staged makes it count, too: the kernel closes for it. */
enum outcome ima_commit(int root, struct ima_staged *s, struct why *why);

/* Instead, where staged->by_path: a file of this text, with this security.ima, on a tmpfs directory of ours, whose
 * path (dir) is handed to the kernel; it verifies it by _ima as this process has it, which pins _ima, too. After EVM
 * is on: before, the file would have no HMAC. */
struct ima_file {
	int dir_fd;
	const char *dir, *text;
	size_t len;
	const char *label;
	size_t label_len;
};
enum outcome ima_commit_file(int root, struct ima_staged *s, const struct ima_file *f, struct why *why);

/* module.sig_enforce on, read back; it cannot be taken back in this boot. ABSENT where the
 * kernel knows no module signatures. */
enum outcome ima_enforce_module_signatures(int root, struct why *why);

/* The probe that pins _ima, on a tmpfs directory of ours: after the commit. */
enum outcome ima_pin(int dir_fd, struct why *why);

#endif
