#include "kernel/facts.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECURITYFS "sys/kernel/security/"
#define EFIVARS "sys/firmware/efi/efivars/"
#define EFI_GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_SHIM "-605dab50-e046-4300-abb6-3dd810dd8b23"
#define SMALL 4096
#define KEYS_MAX (1024 * 1024)

static enum tri tri_of(bool b)
{
	return b ? TRI_YES : TRI_NO;
}

/* A line of a small file, without its newline; false where it does not fit or is not there. */
static bool read_line(int root, const char *path, char *ret, size_t size)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	*ret = '\0';
	if (file_read(root, path, SMALL, &text, &len) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) >= size)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

static void evm_facts(int root, struct facts *f)
{
	char word[16];

	f->evm = tri_of(file_exists(root, SECURITYFS "integrity/evm/evm"));
	if (f->evm == TRI_YES && read_line(root, SECURITYFS "integrity/evm/evm", word, sizeof(word)) &&
	    *word >= '0' && *word <= '9')
		f->evm_active = tri_of(strcmp(word, "0") != 0);
}

static void ima_facts(int root, struct facts *f)
{
	struct stat st;

	f->ima = tri_of(file_exists(root, SECURITYFS "integrity/ima"));
	f->policy_writable = f->policy_readable = TRI_NO;
	if (fstatat(root, SECURITYFS "integrity/ima/policy", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	f->policy_writable = tri_of((st.st_mode & S_IWUSR) != 0);
	f->policy_readable = tri_of((st.st_mode & S_IRUSR) != 0);
}

/* There is no list of key types. One that the kernel has complains of the empty payload. */
static enum tri key_type(const char *type)
{
	if (add_key(type, "imagate-probe", NULL, 0, KEY_SPEC_THREAD_KEYRING) >= 0)
		return TRI_YES;
	return errno == ENODEV ? TRI_NO : errno == EINVAL || errno == EBADMSG ? TRI_YES : TRI_UNKNOWN;
}

/* An EFI variable's first byte, behind four of attributes; -1 if it is not there. */
static int efi_byte(int root, const char *path)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	if (file_read(root, path, SMALL, &text, &len) < 0 || len < 5)
		return -1;
	return (unsigned char)text[4];
}

/* As drivers/firmware/efi/libstub/secureboot.c judges, so that we agree with the kernel. */
static enum tri secure_boot(int root)
{
	int on;

	if (!file_exists(root, "sys/firmware/efi"))
		return TRI_NO;
	on = efi_byte(root, EFIVARS "SecureBoot" EFI_GLOBAL);
	if (on < 0)
		return TRI_UNKNOWN;
	return tri_of(on == 1 && efi_byte(root, EFIVARS "SetupMode" EFI_GLOBAL) != 1 &&
	              efi_byte(root, EFIVARS "MokSBStateRT" EFI_SHIM) != 1);
}

static enum rings rings(int root)
{
	CLEAN_FREE char *keys = NULL;
	size_t len;

	if (file_read(root, "proc/keys", KEYS_MAX, &keys, &len) < 0)
		return RINGS_UNKNOWN;
	return strstr(keys, " .ima:") || strstr(keys, " .evm:") ? RINGS_KERNEL : RINGS_USER;
}

static int read_cmdline(int root, struct cmdline *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(root, "proc/cmdline", CMDLINE_MAX, &text, &len);

	if (r == 0)
		cmdline_parse(text, len, ret);
	return r;
}

static void judge(struct facts *f, const struct cmdline *c)
{
	f->hazard_bpf = facts_hazard_bpf(&f->version, f->lsm);
	f->hazard_integrity = facts_hazard_integrity(&f->version, c->has_lsm ? c->lsm : NULL);
	f->appraise = facts_appraise(*c->appraise ? c->appraise : NULL, f->secure_boot);
	f->evm_fix = tri_of(c->evm_fix);
}

enum outcome kernel_facts(int root, struct facts *ret, struct cmdline *ret_cmdline, struct why *why)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	memset(ret_cmdline, 0, sizeof(*ret_cmdline));
	if (!read_line(root, "proc/sys/kernel/osrelease", ret->release, sizeof(ret->release)) ||
	    !kernel_version_parse(ret->release, &ret->version)) {
		why_set(why, WHY_TEXT, 0, "read", "/proc/sys/kernel/osrelease");
		why_detail(why, "no kernel version: is /proc mounted?");
		return OUTCOME_BROKEN;
	}
	r = read_cmdline(root, ret_cmdline);
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", "/proc/cmdline");
		return OUTCOME_BROKEN;
	}
	/* every securityfs has it (CONFIG_SECURITY, from 4.17 on) */
	if (!file_exists(root, SECURITYFS "lsm")) {
		why_set(why, WHY_ERRNO, ENOENT, "read", "/" SECURITYFS "lsm");
		why_detail(why, "is securityfs mounted?");
		return OUTCOME_BROKEN;
	}
	(void)read_line(root, SECURITYFS "lsm", ret->lsm, sizeof(ret->lsm)); /* "" is unknown */
	evm_facts(root, ret);
	ima_facts(root, ret);
	ret->key_encrypted = key_type("encrypted");
	ret->key_asymmetric = key_type("asymmetric");
	ret->secure_boot = secure_boot(root);
	ret->tpm = tri_of(file_exists(root, "dev/tpmrm0"));
	ret->rings = rings(root);
	judge(ret, ret_cmdline);
	return OUTCOME_OK;
}
