/* One rule of the IMA policy language, as the kernel's own parser reads it: the same verdict, quirks
 * included, on the kernels 6.1, 6.12 and 7.2, and by the table of when what came in on those between.
 * Source: security/integrity/ima/ima_policy.c (ima_parse_rule, ima_validate_rule), lib/parser.c
 * (match_token), lib/kstrtox.c, lib/uuid.c, ima_template.c. */
#ifndef IMAGATE_CORE_RULE_H
#define IMAGATE_CORE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_RELEASE(major, minor) ((unsigned)(major) << 8 | (unsigned)(minor))
#define KERNEL_OLDEST KERNEL_RELEASE(5, 10) /* what was read in the sources: from here ... */
#define KERNEL_NEWEST KERNEL_RELEASE(7, 2)  /* ... to here */

/* "6.12.117+deb12-amd64" -> KERNEL_RELEASE(6, 12); 0: no version. */
unsigned kernel_release_parse(const char *text);

/* Who answers rules about labels: the first of these LSMs that is active. */
enum rule_lsm {
	RULE_LSM_UNKNOWN = 0, /* label rules: no verdict */
	RULE_LSM_NONE,
	RULE_LSM_APPARMOR,
	RULE_LSM_SELINUX,
	RULE_LSM_SMACK
};

/* The kernel that is asked. */
struct rule_kernel {
	unsigned release;  /* KERNEL_RELEASE */
	bool modsig;       /* CONFIG_IMA_APPRAISE_MODSIG */
	bool key_check;    /* CONFIG_IMA_MEASURE_ASYMMETRIC_KEYS */
	enum rule_lsm lsm;
	bool lsm_policy;   /* its policy is loaded; in an initramfs it is not */
	uint32_t algos;    /* 1 << enum hash_algo: what its crypto offers now */
	uint32_t hashes;   /* the same, with the modules that it loads when a label asks for them */
	int hash_count;    /* the enum's end: labels with higher numbers mean ima_hash= to it */
	bool ecdsa, p521;  /* keys that it can verify with, besides RSA's */
};
/* As Debian configures it, with nothing but what is built in. */
void rule_kernel_debian(unsigned release, struct rule_kernel *ret);

enum rule_action {
	ACT_NONE = 0, ACT_MEASURE, ACT_DONT_MEASURE, ACT_APPRAISE, ACT_DONT_APPRAISE,
	ACT_AUDIT, ACT_DONT_AUDIT, ACT_HASH, ACT_DONT_HASH, ACT_COUNT
};

enum rule_func {
	FUNC_NONE = 0, FUNC_FILE_CHECK, FUNC_MMAP_CHECK, FUNC_MMAP_CHECK_REQPROT, FUNC_BPRM_CHECK, FUNC_CREDS_CHECK,
	FUNC_MODULE_CHECK, FUNC_FIRMWARE_CHECK, FUNC_KEXEC_KERNEL_CHECK, FUNC_KEXEC_INITRAMFS_CHECK, FUNC_POLICY_CHECK,
	FUNC_KEXEC_CMDLINE, FUNC_KEY_CHECK, FUNC_CRITICAL_DATA, FUNC_SETXATTR_CHECK, FUNC_COUNT
};

/* The kernel's MAY_* bits, include/linux/fs.h */
enum { MASK_EXEC = 1, MASK_WRITE = 2, MASK_READ = 4, MASK_APPEND = 8 };

/* What a rule has: the kernel's flags, other numbers. */
enum {
	RULE_FUNC = 1 << 0, RULE_MASK = 1 << 1, RULE_INMASK = 1 << 2, RULE_FSMAGIC = 1 << 3, RULE_FSNAME = 1 << 4,
	RULE_FSUUID = 1 << 5, RULE_FS_SUBTYPE = 1 << 6, RULE_UID = 1 << 7, RULE_EUID = 1 << 8, RULE_GID = 1 << 9,
	RULE_EGID = 1 << 10, RULE_FOWNER = 1 << 11, RULE_FGROUP = 1 << 12, RULE_PCR = 1 << 13, RULE_KEYRINGS = 1 << 14,
	RULE_LABEL = 1 << 15, RULE_ALGOS = 1 << 16, RULE_TEMPLATE = 1 << 17,
	RULE_IMASIG = 1 << 18, RULE_MODSIG = 1 << 19, RULE_VERITY = 1 << 20, RULE_SIGV3 = 1 << 21,
	RULE_BLACKLIST = 1 << 22, RULE_DIRECTIO = 1 << 23
};
/* Not conditions: how a file that matches is judged. The kernel ORs these over all rules that matched. */
#define RULE_DEMANDS (RULE_IMASIG | RULE_MODSIG | RULE_VERITY | RULE_SIGV3 | RULE_BLACKLIST | RULE_DIRECTIO)

enum rule_lsm_field { LSM_OBJ_USER = 0, LSM_OBJ_ROLE, LSM_OBJ_TYPE, LSM_SUBJ_USER, LSM_SUBJ_ROLE, LSM_SUBJ_TYPE, LSM_FIELDS };

struct span {
	const char *p; /* into the caller's text */
	size_t len;
};
bool span_is(const struct span *s, const char *word);
bool span_same(const struct span *a, const struct span *b);

struct rule_id { /* uid, gid, fowner, fgroup */
	uint32_t value;
	char op; /* '=', '<', '>' */
};

struct rule {
	unsigned line; /* from 1; the reader's */
	enum rule_action action;
	enum rule_func func;
	unsigned has; /* RULE_* */
	unsigned mask;
	uint64_t fsmagic;
	uint8_t fsuuid[16];
	struct rule_id uid, gid, fowner, fgroup; /* uid: of RULE_UID or RULE_EUID, they share it */
	int pcr;
	uint32_t algos;
	struct span fsname, fs_subtype, keyrings, label, template;
	struct span lsm[LSM_FIELDS]; /* p NULL: not there */
};
bool rule_has_lsm(const struct rule *r);

/* Why the kernel refuses. */
enum rule_flaw {
	FLAW_NONE = 0,
	FLAW_UNKNOWN_WORD, FLAW_COMMENT, FLAW_TOO_NEW, FLAW_TWO_ACTIONS, FLAW_NO_ACTION, FLAW_TWICE, FLAW_FUNC, FLAW_MASK,
	FLAW_NUMBER, FLAW_ID, FLAW_UUID, FLAW_LIST, FLAW_PCR, FLAW_TEMPLATE_ACTION, FLAW_TEMPLATE, FLAW_ALGO,
	FLAW_ALGO_ABSENT, FLAW_DIGEST_TYPE, FLAW_DIGEST_ORDER, FLAW_APPRAISE_TYPE, FLAW_SIGV3_ORDER, FLAW_MODSIG_OFF,
	FLAW_APPRAISE_FLAG, FLAW_KEYS_OFF, FLAW_LSM, FLAW_PCR_ACTION, FLAW_APPRAISE_ONLY, FLAW_FUNC_ACTION,
	FLAW_FUNC_CONDITION, FLAW_BLACKLIST, FLAW_VERITY_UNSIGNED, FLAW_SETXATTR_ALGOS,
	FLAW_PATH, FLAW_NUL, FLAW_TOO_LONG, FLAW_CARRIAGE_RETURN,
	FLAW_COUNT
};

struct rule_error {
	enum rule_flaw flaw;
	unsigned column;   /* of the word, from 1; 1 where it is the whole rule */
	struct span word;
	unsigned since;    /* FLAW_TOO_NEW: the release that it came in */
};
const char *rule_flaw_what(enum rule_flaw f);   /* one sentence */
const char *rule_flaw_remedy(enum rule_flaw f); /* what to do */

enum rule_read { RULE_REFUSED = 0, RULE_BLANK, RULE_READ };

/* A line without its newline. BLANK: a comment or nothing. REFUSED: *ret_error says why; ret is then not to be
 * used. What is in ret points into line. */
enum rule_read rule_parse(const char *line, size_t len, const struct rule_kernel *k, struct rule *ret,
                          struct rule_error *ret_error);

const char *rule_action_name(enum rule_action a);
const char *rule_func_name(enum rule_func f);
const char *rule_lsm_field_name(enum rule_lsm_field f);

#endif
