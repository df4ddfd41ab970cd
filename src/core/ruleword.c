#include "core/ruleword.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct ruleword words[] = {
	{ "measure", W_ACTION, ACT_MEASURE, 0 },
	{ "dont_measure", W_ACTION, ACT_DONT_MEASURE, 0 },
	{ "appraise", W_ACTION, ACT_APPRAISE, SINCE(3, 7) },
	{ "dont_appraise", W_ACTION, ACT_DONT_APPRAISE, SINCE(3, 7) },
	{ "audit", W_ACTION, ACT_AUDIT, SINCE(3, 7) },
	{ "dont_audit", W_ACTION, ACT_DONT_AUDIT, SINCE(6, 19) },
	{ "hash", W_ACTION, ACT_HASH, SINCE(4, 16) },
	{ "dont_hash", W_ACTION, ACT_DONT_HASH, SINCE(4, 16) },
	{ "obj_user=", W_LSM, LSM_OBJ_USER, 0 },
	{ "obj_role=", W_LSM, LSM_OBJ_ROLE, 0 },
	{ "obj_type=", W_LSM, LSM_OBJ_TYPE, 0 },
	{ "subj_user=", W_LSM, LSM_SUBJ_USER, 0 },
	{ "subj_role=", W_LSM, LSM_SUBJ_ROLE, 0 },
	{ "subj_type=", W_LSM, LSM_SUBJ_TYPE, 0 },
	{ "func=", W_FUNC, 0, 0 },
	{ "mask=", W_MASK, 0, 0 },
	{ "fsmagic=", W_FSMAGIC, 0, 0 },
	{ "fsname=", W_FSNAME, 0, SINCE(4, 18) },
	{ "fs_subtype=", W_FS_SUBTYPE, 0, SINCE(6, 19) },
	{ "fsuuid=", W_FSUUID, 0, SINCE(3, 9) },
	{ "uid=", W_UID, 0, 0 },
	{ "euid=", W_EUID, 0, SINCE(4, 2) },
	{ "gid=", W_GID, 0, SINCE(5, 16) },
	{ "egid=", W_EGID, 0, SINCE(5, 16) },
	{ "fowner=", W_FOWNER, 0, SINCE(3, 7) },
	{ "fgroup=", W_FGROUP, 0, SINCE(5, 16) },
	{ "uid>", W_UID, 0, SINCE(4, 12) },
	{ "euid>", W_EUID, 0, SINCE(4, 12) },
	{ "gid>", W_GID, 0, SINCE(5, 16) },
	{ "egid>", W_EGID, 0, SINCE(5, 16) },
	{ "fowner>", W_FOWNER, 0, SINCE(4, 12) },
	{ "fgroup>", W_FGROUP, 0, SINCE(5, 16) },
	{ "uid<", W_UID, 0, SINCE(4, 12) },
	{ "euid<", W_EUID, 0, SINCE(4, 12) },
	{ "gid<", W_GID, 0, SINCE(5, 16) },
	{ "egid<", W_EGID, 0, SINCE(5, 16) },
	{ "fowner<", W_FOWNER, 0, SINCE(4, 12) },
	{ "fgroup<", W_FGROUP, 0, SINCE(5, 16) },
	{ "digest_type=", W_DIGEST_TYPE, 0, SINCE(5, 19) },
	{ "appraise_type=", W_APPRAISE_TYPE, 0, SINCE(3, 9) },
	{ "appraise_flag=", W_APPRAISE_FLAG, 0, SINCE(5, 5) },
	{ "appraise_algos=", W_APPRAISE_ALGOS, 0, SINCE(5, 15) },
	{ "permit_directio", W_DIRECTIO, 0, SINCE(3, 16) },
	{ "pcr=", W_PCR, 0, SINCE(4, 8) },
	{ "template=", W_TEMPLATE, 0, SINCE(5, 3) },
	{ "keyrings=", W_KEYRINGS, 0, SINCE(5, 6) },
	{ "label=", W_LABEL, 0, SINCE(5, 12) },
};

static const struct rulefunc funcs[] = {
	{ "FILE_CHECK", FUNC_FILE_CHECK, 0 },
	{ "PATH_CHECK", FUNC_FILE_CHECK, 0 }, /* older names */
	{ "MMAP_CHECK", FUNC_MMAP_CHECK, 0 },
	{ "FILE_MMAP", FUNC_MMAP_CHECK, 0 },
	{ "MMAP_CHECK_REQPROT", FUNC_MMAP_CHECK_REQPROT, SINCE(6, 3) },
	{ "BPRM_CHECK", FUNC_BPRM_CHECK, 0 },
	{ "CREDS_CHECK", FUNC_CREDS_CHECK, SINCE(4, 17) },
	{ "MODULE_CHECK", FUNC_MODULE_CHECK, SINCE(3, 8) },
	{ "FIRMWARE_CHECK", FUNC_FIRMWARE_CHECK, SINCE(3, 17) },
	{ "KEXEC_KERNEL_CHECK", FUNC_KEXEC_KERNEL_CHECK, SINCE(4, 6) },
	{ "KEXEC_INITRAMFS_CHECK", FUNC_KEXEC_INITRAMFS_CHECK, SINCE(4, 6) },
	{ "POLICY_CHECK", FUNC_POLICY_CHECK, SINCE(4, 6) },
	{ "KEXEC_CMDLINE", FUNC_KEXEC_CMDLINE, SINCE(5, 3) },
	{ "KEY_CHECK", FUNC_KEY_CHECK, SINCE(5, 6) },
	{ "CRITICAL_DATA", FUNC_CRITICAL_DATA, SINCE(5, 12) },
	{ "SETXATTR_CHECK", FUNC_SETXATTR_CHECK, SINCE(5, 15) },
};

static const struct ruletemplate templates[] = {
	{ "ima", "d|n", 0 },
	{ "ima-ng", "d-ng|n-ng", 0 },
	{ "ima-sig", "d-ng|n-ng|sig", 0 },
	{ "ima-ngv2", "d-ngv2|n-ng", SINCE(5, 19) },
	{ "ima-sigv2", "d-ngv2|n-ng|sig", SINCE(5, 19) },
	{ "ima-buf", "d-ng|n-ng|buf", SINCE(5, 3) },
	{ "ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig", SINCE(5, 4) },
	{ "evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode", SINCE(5, 14) },
};
const struct ruleword *ruleword_find(struct span word, struct span *ret_value, char *ret_op)
{
	for (size_t i = 0; i < COUNT(words); i++) {
		const struct ruleword *w = &words[i];
		size_t len = strlen(w->text);
		char last = w->text[len - 1];
		bool has_value = last == '=' || last == '<' || last == '>';

		if (has_value ? word.len <= len || memcmp(word.p, w->text, len) != 0 : !span_is(&word, w->text))
			continue;
		*ret_value = (struct span){ word.p + len, word.len - len };
		*ret_op = last;
		return w;
	}
	return NULL;
}

const struct rulefunc *rulefunc_find(struct span name)
{
	for (size_t i = 0; i < COUNT(funcs); i++)
		if (span_is(&name, funcs[i].name))
			return &funcs[i];
	return NULL;
}

const struct ruletemplate *ruletemplate_find(struct span name)
{
	for (size_t i = 0; i < COUNT(templates); i++)
		if (span_is(&name, templates[i].name) || span_is(&name, templates[i].format))
			return &templates[i];
	return NULL;
}
