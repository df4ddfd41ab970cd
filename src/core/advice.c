#include "core/decide.h"

#include "core/names.h"

/* A cause's stable name, what happened, what to do. Read at 3 a.m. */
static const struct {
	const char *name, *what, *remedy;
} causes[] = {
	[CAUSE_UNDECIDED] = { "undecided",
		"The gate ended before it decided anything.",
		"Boot again; if it happens again, boot a rescue system and read the kernel log." },
	[CAUSE_NONE] = { "none",
		"Everything this stage promises is in force.",
		"Nothing to do." },
	[CAUSE_STAGE_OFF] = { "stage-off",
		"The stage is off: no key, no policy, nothing is protected.",
		"Boot without imagate.stage=off, or raise 'stage' in imagate.conf and run 'dracut -f'." },
	[CAUSE_CONFIG] = { "config",
		"The gate's configuration in this initramfs is missing or wrong.",
		"Boot an older initramfs, correct /etc/imagate/imagate.conf, run 'dracut -f'." },
	[CAUSE_FACTS] = { "facts",
		"The state of this kernel could not be read (/proc, /sys or securityfs).",
		"Boot another kernel; this one may lack securityfs, or the command line is too long." },
	[CAUSE_NO_IMA] = { "no-ima",
		"This kernel has no IMA, so no file can be appraised.",
		"Boot a kernel with CONFIG_IMA and CONFIG_IMA_APPRAISE, without ima=off." },
	[CAUSE_NO_EVM] = { "no-evm",
		"This kernel has no EVM, so labels cannot be authenticated.",
		"Boot a kernel with CONFIG_EVM." },
	[CAUSE_NO_KEY_TYPE] = { "no-key-type",
		"This kernel has no 'encrypted' keys, so the EVM key cannot be loaded.",
		"Boot a kernel with CONFIG_ENCRYPTED_KEYS, or put its module into the initramfs." },
	[CAUSE_EVM_ALREADY] = { "evm-already",
		"EVM was switched on before the gate, with a key that is not ours.",
		"Take other EVM setups out of the initramfs (dracut's integrity and masterkey modules)." },
	[CAUSE_POLICY_ALREADY] = { "policy-already",
		"An IMA policy was loaded before the gate, and this kernel takes only one a boot.",
		"Take other IMA policy loaders out of the initramfs (dracut's integrity module)." },
	[CAUSE_HAZARD_BPF] = { "hazard-bpf",
		"This kernel crashes when EVM is on while the bpf LSM is active: the key was not released.",
		"Boot with an lsm= list without bpf (the line below), or with a kernel from 6.6 on." },
	[CAUSE_HAZARD_INTEGRITY] = { "hazard-integrity",
		"This kernel panics on an IMA policy because lsm= does not list 'integrity': none was loaded.",
		"Add integrity to lsm= on the kernel command line (the line below), or take lsm= out." },
	[CAUSE_BELOW_FLOOR] = { "below-floor",
		"The command line asks for a stage below the floor: the key was not released.",
		"Boot a stage that the floor allows; or, from the running system, 'imagate permit fix'; or type the "
		"recovery key." },
	[CAUSE_APPRAISE_MODE] = { "appraise-mode",
		"The kernel's appraise mode does not belong to this stage: key and policy were withheld.",
		"fix needs ima_appraise=fix, audit ima_appraise=log, enforce ima_appraise=enforce or none; "
		"under Secure Boot the kernel only enforces." },
	[CAUSE_EVM_FIX] = { "evm-fix",
		"evm=fix is on the command line, which would bless tampered files: the key was not released.",
		"Boot without evm=fix." },
	[CAUSE_KEY_ABSENT] = { "key-absent",
		"There is no TPM, or no seal, to take the EVM key from.",
		"Switch the TPM on in the firmware, or type the recovery key; without a seal run 'imagate seal' "
		"and 'dracut -f'." },
	[CAUSE_KEY_REFUSED] = { "key-refused",
		"The TPM refused the EVM key: firmware, boot loader or Secure Boot state are not those sealed "
		"to, or it is another TPM.",
		"If you changed them: type the recovery key here, then run 'imagate recover' and do what it says; "
		"if not, find out who did." },
	[CAUSE_KEY_BROKEN] = { "key-broken",
		"The EVM key could not be had: the seal is damaged, or the TPM is locked out or failing.",
		"Restore seal.pem (seal.pem.old is the one before) and run 'dracut -f'; wait out a lock-out." },
	[CAUSE_PREFLIGHT] = { "preflight",
		"The system would not have come up: a program or library that the boot needs lacks a valid label.",
		"Boot with 'imagate.stage=fix ima_appraise=fix' if the floor allows it, run 'imagate label'; "
		"if you did not change these files, somebody else did." },
	[CAUSE_POLICY_ABSENT] = { "policy-absent",
		"The IMA policy file is not in this initramfs.",
		"Put it at the path that imagate.conf names, and run 'dracut -f'." },
	[CAUSE_POLICY_REFUSED] = { "policy-refused",
		"The kernel refuses a rule of the IMA policy (the line below): none of it was loaded.",
		"Correct the rule, run 'dracut -f', and try it in the audit stage first." },
	[CAUSE_DOOR] = { "door",
		"The way to the key could not be closed behind the gate, so nothing may be started.",
		"Switch the machine off and on; if it happens again, the TPM is failing: start without it and "
		"use the recovery key." },
	[CAUSE_RESCUE] = { "rescue",
		"Rescue was asked for (imagate.rescue): the key was not asked for, nothing is started.",
		"Mend what is to be mended and reboot." },
	[CAUSE_CMDLINE] = { "cmdline",
		"The kernel command line is not the one that was sealed: the key was not used.",
		"Boot the entry as it stands in the menu; if you changed the command line for good, type the "
		"recovery key here and then run 'imagate recover'." },
	[CAUSE_ROOT] = { "root",
		"This root file system is not the one that was sealed: the key was not used.",
		"Boot the machine's own root; if you replaced it yourself, type the recovery key here and then run "
		"'imagate recover'." },
	[CAUSE_RATCHET] = { "ratchet",
		"The permit or recovery that allows this boot could not be used up, so it was not honoured.",
		"See the line below: the root must be writable and the TPM must count; then try again." },
	[CAUSE_KEYRINGS] = { "keyrings",
		"The kernel did not take the EVM key or a certificate.",
		"See the line below; 'imagate seal --force' makes a new key, a damaged certificate must go." },
	[CAUSE_EVM] = { "evm",
		"EVM could not be switched on.",
		"See the line below and the kernel log; boot another kernel if this one cannot." },
	[CAUSE_POLICY] = { "policy",
		"The IMA policy did not come into force.",
		"See the line below and the kernel log (dmesg | grep ima)." },
};
NAMES_COMPLETE(causes, CAUSE_COUNT);
#define ROW(c) (&causes[(size_t)(c) < (size_t)CAUSE_COUNT ? (size_t)(c) : (size_t)CAUSE_UNDECIDED])

const char *cause_name(enum cause c)
{
	return ROW(c)->name;
}

const char *cause_what(enum cause c)
{
	return ROW(c)->what;
}

const char *cause_remedy(enum cause c)
{
	return ROW(c)->remedy;
}
