/* What this kernel can do and how it was started, as plain values. Gathered by the
 * kernel room, judged here. Unknown is zero and never counts as yes. */
#ifndef IMAGATE_CORE_FACTS_H
#define IMAGATE_CORE_FACTS_H

#include "core/stage.h"

#include <stdbool.h>
#include <stddef.h>

enum tri { TRI_UNKNOWN = 0, TRI_NO, TRI_YES };

/* Names of the integrity keyrings: security/integrity/digsig.c. */
enum rings {
	RINGS_UNKNOWN = 0,
	RINGS_KERNEL, /* .ima/.evm, made and closed by the kernel (INTEGRITY_TRUSTED_KEYRING) */
	RINGS_USER    /* _ima/_evm, taken from whoever triggers the first signature check */
};

struct kernel_version {
	unsigned major, minor, patch;
};

struct facts {
	enum tri ima;             /* securityfs integrity/ima is there */
	enum tri evm;             /* securityfs integrity/evm/evm is there */
	enum tri evm_active;      /* EVM already switched on by somebody else */
	enum tri policy_writable; /* the policy file is there: a policy can still be loaded */
	enum tri policy_readable; /* CONFIG_IMA_READ_POLICY */
	enum tri key_encrypted;   /* key type "encrypted" */
	enum tri key_asymmetric;  /* key type "asymmetric" */
	enum tri secure_boot;     /* efivarfs SecureBoot; NO where there is no EFI */
	enum tri tpm;             /* /dev/tpmrm0 */
	enum rings rings;
	enum appraise appraise;   /* what the kernel will do: command line and Secure Boot taken together */
	enum tri hazard_bpf;      /* EVM would crash this kernel, see facts_hazard_bpf() */
	enum tri hazard_integrity; /* a policy would panic this kernel, see facts_hazard_integrity() */
	enum tri evm_fix;         /* evm=fix is in force */
	struct kernel_version version;
	char release[65];         /* uname -r */
	char lsm[256];            /* /sys/kernel/security/lsm */
};

/* "6.1.0-56-amd64" -> 6.1.0. False if it does not begin with two numbers. Debian's
 * release does not carry the real patch level: never decide by patch. */
bool kernel_version_parse(const char *release, struct kernel_version *ret);
bool kernel_version_below(const struct kernel_version *v, unsigned major, unsigned minor);

/* True if the comma-separated list holds the whole word. */
bool lsm_list_has(const char *list, const char *name);

/* Would EVM with an HMAC key crash the first process that creates a file?
 * security/security.c, security_inode_init_security(). UNKNOWN if the list or the
 * version could not be read. */
enum tri facts_hazard_bpf(const struct kernel_version *v, const char *lsm_list);

/* Would a policy panic the kernel ("integrity_inode_get: lsm=integrity required.")?
 * cmdline_lsm is the value of lsm= as the kernel took it, or NULL if it was not given. */
enum tri facts_hazard_integrity(const struct kernel_version *v, const char *cmdline_lsm);

/* The lsm= value that avoids both hazards: the active list without bpf, with integrity.
 * Empty, false if it does not fit. */
bool facts_safe_lsm(const char *lsm_list, char *ret, size_t size);

/* The appraise mode the kernel runs in. word is the last ima_appraise= value or NULL. */
enum appraise facts_appraise(const char *word, enum tri secure_boot);

#endif
