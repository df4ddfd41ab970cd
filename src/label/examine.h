/* One file, asked about as the kernel would be: each hook, the rule that decides, and the verdict with the
 * kernel's own cause. Reads content and labels, changes nothing. */
#ifndef IMAGATE_LABEL_EXAMINE_H
#define IMAGATE_LABEL_EXAMINE_H

#include "core/evmmessage.h"
#include "core/hook.h"
#include "core/match.h"
#include "core/prover.h"
#include "label/inode.h"

#define EXAMINE_XATTR_MAX 4096

/* What does not change from file to file. */
struct examine_about {
	const struct rule *rules;
	size_t rules_count;
	const struct match_cred *cred;
	unsigned evm;     /* EVM_* */
	int algo;         /* the kernel's ima_hash=: HASH_SHA256 */
	uint32_t hashes;  /* of struct rule_kernel; 0: all */
	int hash_count;   /* and this; 0: as the newest */
	bool verity;      /* a rule asks for fs-verity */
	bool creds_of_file; /* CREDS_CHECK comes when setuid has taken effect; before 6.19 it does not */
};

/* Sets what depends on the kernel. */
void examine_kernel(struct examine_about *about, const struct rule_kernel *k);

/* What was found out about the file; enough to judge it under any rule. Kept by caches: no pointers. */
struct evidence_file {
	uint8_t ima_head[4];     /* type, version or algorithm */
	uint16_t ima_len;        /* 0: no label */
	uint8_t algo;            /* that the kernel hashes with: appraise_algo() */
	uint8_t no_xattrs, no_algo, no_verity, is_elf;
	uint8_t content, verity; /* enum proof: of a hash label, by the file's digest, and by its fs-verity digest */
	uint8_t signature;       /* enum proof: of types 3 and 6 */
	uint8_t evm;             /* enum evm_status */
};

/* One a thread. */
struct examiner {
	const struct examine_about *about;
	const struct prover *prover; /* NULL: only labels are looked at, no content and no proof */
	struct inode_fs fs;
	uint8_t xattr[EVM_XATTRS + 1][EXAMINE_XATTR_MAX];
};

struct examine_verdict {
	bool measured, appraised, unsure;
	int measure_rule, rule; /* indices; rule: that appraises or exempts; -1: none */
	enum label_state state; /* where appraised */
};

/* OK, or BROKEN with why where the file cannot be read. name: its last component; code has an x bit or .so in it. */
enum outcome examine_file(struct examiner *e, int fd, const char *name, const struct inode *inode, struct evidence_file *ret,
                          struct why *why);
void examine_judge(const struct examine_about *about, const struct match_file *file, const struct evidence_file *found,
                   const struct hook *hook, struct examine_verdict *ret);

/* Which hooks a file goes through in life: bits by hook_at(). Programs, code, modules, firmware, kernels by
 * mode, content and path; everything is opened for reading. */
unsigned examine_scope(const char *path, const struct inode *inode, const struct evidence_file *found);

#endif
