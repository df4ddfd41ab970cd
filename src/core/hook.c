#include "core/hook.h"

static const struct hook hooks[] = {
	{ FUNC_BPRM_CHECK, MASK_EXEC, "run as a program" },
	{ FUNC_MMAP_CHECK, MASK_EXEC, "mapped as code" },
	{ FUNC_FILE_CHECK, MASK_EXEC, "opened to be run" },
	{ FUNC_CREDS_CHECK, MASK_EXEC, "run, by its own rights" },
	{ FUNC_MMAP_CHECK_REQPROT, MASK_EXEC, "asked to be code" },
	{ FUNC_FILE_CHECK, MASK_READ, "opened for reading" },
	{ FUNC_FILE_CHECK, MASK_WRITE, "opened for writing" },
	{ FUNC_FILE_CHECK, MASK_READ | MASK_WRITE, "opened for both" },
	{ FUNC_MODULE_CHECK, MASK_READ, "loaded as a module" },
	{ FUNC_FIRMWARE_CHECK, MASK_READ, "loaded as firmware" },
	{ FUNC_KEXEC_KERNEL_CHECK, MASK_READ, "booted by kexec" },
	{ FUNC_KEXEC_INITRAMFS_CHECK, MASK_READ, "initramfs of kexec" },
	{ FUNC_POLICY_CHECK, MASK_READ, "loaded as a policy" },
};

const struct hook *hook_at(size_t i)
{
	return i < sizeof(hooks) / sizeof(hooks[0]) ? &hooks[i] : NULL;
}
