/* The words of rule.h: names, and what a person is told. */
#include "core/rule.h"

#include "core/names.h"

static const char *const actions[] = {
	[ACT_NONE] = "none",       [ACT_MEASURE] = "measure",   [ACT_DONT_MEASURE] = "dont_measure",
	[ACT_APPRAISE] = "appraise", [ACT_DONT_APPRAISE] = "dont_appraise",
	[ACT_AUDIT] = "audit",     [ACT_DONT_AUDIT] = "dont_audit",
	[ACT_HASH] = "hash",       [ACT_DONT_HASH] = "dont_hash",
};
NAMES_COMPLETE(actions, ACT_COUNT);

const char *rule_action_name(enum rule_action a)
{
	return NAME_OF(actions, a);
}

static const char *const funcs[] = {
	[FUNC_NONE] = "any",
	[FUNC_FILE_CHECK] = "FILE_CHECK",
	[FUNC_MMAP_CHECK] = "MMAP_CHECK",
	[FUNC_MMAP_CHECK_REQPROT] = "MMAP_CHECK_REQPROT",
	[FUNC_BPRM_CHECK] = "BPRM_CHECK",
	[FUNC_CREDS_CHECK] = "CREDS_CHECK",
	[FUNC_MODULE_CHECK] = "MODULE_CHECK",
	[FUNC_FIRMWARE_CHECK] = "FIRMWARE_CHECK",
	[FUNC_KEXEC_KERNEL_CHECK] = "KEXEC_KERNEL_CHECK",
	[FUNC_KEXEC_INITRAMFS_CHECK] = "KEXEC_INITRAMFS_CHECK",
	[FUNC_POLICY_CHECK] = "POLICY_CHECK",
	[FUNC_KEXEC_CMDLINE] = "KEXEC_CMDLINE",
	[FUNC_KEY_CHECK] = "KEY_CHECK",
	[FUNC_CRITICAL_DATA] = "CRITICAL_DATA",
	[FUNC_SETXATTR_CHECK] = "SETXATTR_CHECK",
};
NAMES_COMPLETE(funcs, FUNC_COUNT);

const char *rule_func_name(enum rule_func f)
{
	return NAME_OF(funcs, f);
}

static const char *const fields[] = {
	[LSM_OBJ_USER] = "obj_user",   [LSM_OBJ_ROLE] = "obj_role",   [LSM_OBJ_TYPE] = "obj_type",
	[LSM_SUBJ_USER] = "subj_user", [LSM_SUBJ_ROLE] = "subj_role", [LSM_SUBJ_TYPE] = "subj_type",
};
NAMES_COMPLETE(fields, LSM_FIELDS);

const char *rule_lsm_field_name(enum rule_lsm_field f)
{
	return NAME_OF(fields, f);
}

static const struct {
	const char *what, *remedy;
} flaws[] = {
	[FLAW_NONE] = { "nothing", "nothing" },
	[FLAW_UNKNOWN_WORD] = { "no kernel knows this word", "write action, then key=value words with one blank between them" },
	[FLAW_COMMENT] = { "a comment behind a rule: kernels before 6.14 refuse the rule", "give the comment a line of its own" },
	[FLAW_TOO_NEW] = { "this kernel does not know this word yet", "leave it out, or boot the kernel that has it" },
	[FLAW_TWO_ACTIONS] = { "a second action", "one rule has one action: split it in two lines" },
	[FLAW_NO_ACTION] = { "the rule has no action",
		"begin with measure, appraise, audit, hash or one of their dont_ forms" },
	[FLAW_TWICE] = { "this is given a second time (uid and euid share one place, and so do gid and egid)",
		"write one rule for each value" },
	[FLAW_FUNC] = { "no such hook", "FILE_CHECK, MMAP_CHECK, BPRM_CHECK, CREDS_CHECK, MODULE_CHECK, FIRMWARE_CHECK, "
		"KEXEC_KERNEL_CHECK, KEXEC_INITRAMFS_CHECK, POLICY_CHECK, KEXEC_CMDLINE, KEY_CHECK, CRITICAL_DATA or SETXATTR_CHECK" },
	[FLAW_MASK] = { "no such mask", "MAY_READ, MAY_WRITE, MAY_EXEC or MAY_APPEND, with ^ before it for 'among others'" },
	[FLAW_NUMBER] = { "not a number", "fsmagic is hexadecimal, ids are decimal" },
	[FLAW_ID] = { "no such id: an id is below 4294967295", "write the number of a user or group" },
	[FLAW_UUID] = { "not a UUID", "eight, four, four, four and twelve hexadecimal digits, as blkid prints them" },
	[FLAW_LIST] = { "an empty item in the list", "names with one | between them, none at the ends" },
	[FLAW_PCR] = { "no such PCR", "a number; TPMs have 0 to 23" },
	[FLAW_TEMPLATE_ACTION] = { "template= before or without measure", "put the word measure first" },
	[FLAW_TEMPLATE] = { "no such template", "ima, ima-ng, ima-sig, ima-ngv2, ima-sigv2, ima-buf, ima-modsig or evm-sig" },
	[FLAW_ALGO] = { "no such hash algorithm", "names as in /proc/crypto: sha256,sha512" },
	[FLAW_ALGO_ABSENT] = { "this kernel does not have the hash algorithm ready",
		"build its module into the initramfs and load it before the policy, or leave it out" },
	[FLAW_DIGEST_TYPE] = { "no such digest type", "digest_type=verity is the only one" },
	[FLAW_DIGEST_ORDER] = { "digest_type= behind appraise_type=: kernels before 7.1 want it in front",
		"write digest_type=verity first" },
	[FLAW_APPRAISE_TYPE] = { "no such appraise_type here", "imasig; sigv3 with digest_type=verity; imasig|modsig for modules and kexec" },
	[FLAW_SIGV3_ORDER] = { "sigv3 without digest_type=verity in front: only 7.1 and later take it", "write digest_type=verity first" },
	[FLAW_MODSIG_OFF] = { "this kernel is built without appended signatures (CONFIG_IMA_APPRAISE_MODSIG)", "use imasig" },
	[FLAW_APPRAISE_FLAG] = { "this kernel does not take appraise_flag= (before 6.6 only with CONFIG_IMA_APPRAISE_MODSIG)",
		"leave it out: from 6.6 on it means nothing" },
	[FLAW_KEYS_OFF] = { "this kernel is built without measuring keys (CONFIG_IMA_MEASURE_ASYMMETRIC_KEYS)", "leave the rule out" },
	[FLAW_LSM] = { "no active LSM knows this label now, and one such rule costs the whole policy",
		"AppArmor knows subj_role= only; labels of a policy that is loaded later do not work in a policy loaded in the initramfs" },
	[FLAW_PCR_ACTION] = { "pcr= goes with measure only", "drop it, or write a measure rule" },
	[FLAW_APPRAISE_ONLY] = { "appraise_* words go with appraise only", "drop them, or write an appraise rule" },
	[FLAW_FUNC_ACTION] = { "this hook does not go with this action",
		"KEXEC_CMDLINE, KEY_CHECK and CRITICAL_DATA are measured only, SETXATTR_CHECK is appraised only" },
	[FLAW_FUNC_CONDITION] = { "this hook does not take one of the rule's conditions or options",
		"see imagate(8), policy lint: what goes with which hook" },
	[FLAW_BLACKLIST] = { "check_blacklist without the signature that it is about", "add appraise_type=imasig|modsig" },
	[FLAW_VERITY_UNSIGNED] = { "fs-verity digests are appraised by signature only", "add appraise_type=sigv3 behind digest_type=verity" },
	[FLAW_SETXATTR_ALGOS] = { "SETXATTR_CHECK without appraise_algos=", "name the algorithms that may be written" },
	[FLAW_PATH] = { "a path: the kernel would read that file instead", "write the rule itself" },
	[FLAW_NUL] = { "a NUL byte: this is no text", "write the policy as plain text" },
	[FLAW_TOO_LONG] = { "the line is longer than the kernel takes (4094 bytes)", "split the rule" },
	[FLAW_CARRIAGE_RETURN] = { "a carriage return: the file has DOS line ends", "convert it: sed -i 's/\\r$//' FILE" },
};
NAMES_COMPLETE(flaws, FLAW_COUNT);

const char *rule_flaw_what(enum rule_flaw f)
{
	return (size_t)f < FLAW_COUNT ? flaws[f].what : "?";
}

const char *rule_flaw_remedy(enum rule_flaw f)
{
	return (size_t)f < FLAW_COUNT ? flaws[f].remedy : "?";
}
