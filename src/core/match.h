/* Which rules of a policy decide about one event, as the kernel finds it out.
 * Source: security/integrity/ima/ima_policy.c, ima_match_policy() and ima_match_rules(). */
#ifndef IMAGATE_CORE_MATCH_H
#define IMAGATE_CORE_MATCH_H

#include "core/rule.h"

#define RULES_MAX 1024

/* The file as rules see it. */
struct match_file {
	uint64_t fsmagic;
	const char *fsname;     /* s_type->name: "ext4"; the initramfs's is "rootfs" */
	const char *fs_subtype; /* FUSE; NULL: none */
	uint8_t fsuuid[16];
	uint32_t uid, gid;
	uint16_t mode;
};

struct match_cred {
	uint32_t uid, euid, suid, gid, egid, sgid;
	bool setuid, setgid; /* CAP_SETUID, CAP_SETGID */
};
extern const struct match_cred match_root;
/* Those of a process that has run the file, which may be setuid or setgid. */
struct match_cred match_cred_run(const struct match_cred *by, const struct match_file *file);

struct match_event {
	enum rule_func func;
	unsigned mask; /* MASK_*; 0 where the hook gives none */
	const struct match_file *file;
	const struct match_cred *cred;
	const char *data; /* KEY_CHECK: the keyring; CRITICAL_DATA: the label; else NULL */
};

/* -1: no rule of this class matched. A rule that asks for an LSM label may or may not match: it is taken to
 * match where it appraises, measures, audits or hashes, and not to where it exempts; unsure says that one
 * stood in the way. */
struct match {
	int measure, appraise, audit, hash; /* index of the rule that decides */
	bool measures, appraises, audits, hashes;
	bool unsure;
	unsigned demands; /* RULE_DEMANDS of all that matched */
	uint32_t algos;   /* 0: any */
	int pcr;          /* -1: the kernel's own */
};
void policy_match(const struct rule *rules, size_t count, const struct match_event *e, struct match *ret);

/* Does a match everything that b matches? True is proven, false is not: for rules that can never decide. */
bool rule_covers(const struct rule *a, const struct rule *b);

#endif
