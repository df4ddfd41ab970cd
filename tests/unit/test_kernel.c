/* Facts from a tree of fixtures: what /proc and /sys would say. */
#include "test.h"

#include "base/file.h"
#include "kernel/facts.h"
#include "kernel/mounts.h"
#include "kernel/probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir_name[] = "/tmp/imagate-kernel-XXXXXX";
static int dir = -1;

static const char *const directories[] = {
	"proc", "proc/sys", "proc/sys/kernel", "sys", "sys/kernel", "sys/kernel/security",
	"sys/kernel/security/integrity", "sys/kernel/security/integrity/ima", "sys/kernel/security/integrity/evm",
	"sys/firmware", "dev",
};
#define SECFS "sys/kernel/security/"
#define EVM SECFS "integrity/evm/evm"
#define POLICY SECFS "integrity/ima/policy"
#define EFI "sys/firmware/efi"
#define VARS EFI "/efivars/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM "-605dab50-e046-4300-abb6-3dd810dd8b23"

static void put_bytes(const char *name, const void *bytes, size_t len, mode_t mode)
{
	assert_int_equal(file_write_atomic(dir, name, bytes, len, mode), 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text), 0600);
}

/* A stock Debian 12. */
static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir_name, sizeof(dir_name), "/tmp/imagate-kernel-XXXXXX");
	if (!mkdtemp(dir_name))
		return -1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ROWS(directories); i++)
		if (mkdirat(dir, directories[i], 0700) < 0)
			return -1;
	put("proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	put("proc/cmdline", "root=/dev/vda ima_appraise=fix\n");
	put("proc/keys", "00 I------ 1 perm 1f0b0000 0 0 keyring   .platform: empty\n");
	put(SECFS "lsm", "capability,yama,bpf");
	put(EVM, "0");
	put_bytes(POLICY, "", 0, 0200);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	return system(command);
}

static enum outcome facts(struct facts *f)
{
	struct cmdline c;
	struct why why = { 0 };

	return kernel_facts(dir, f, &c, &why);
}

static void test_stock(void **state)
{
	struct facts f;

	(void)state;
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_true(f.ima == TRI_YES && f.evm == TRI_YES && f.evm_active == TRI_NO);
	assert_true(f.policy_writable == TRI_YES && f.policy_readable == TRI_NO);
	assert_int_equal(f.rings, RINGS_USER);
	assert_int_equal(f.secure_boot, TRI_NO);
	assert_int_equal(f.appraise, APPRAISE_FIX);
	assert_int_equal(f.hazard_bpf, TRI_YES);
	assert_int_equal(f.hazard_integrity, TRI_NO);
	assert_int_equal(f.tpm, TRI_NO);
	assert_string_equal(f.lsm, "capability,yama,bpf");
}

static void test_states(void **state)
{
	struct facts f;

	(void)state;
	put(EVM, "1");
	put("proc/keys", "00 I------ 1 perm 1f0b0000 0 0 keyring   .ima: 1\n");
	put("proc/cmdline", "lsm=yama evm=fix\n");
	assert_int_equal(unlinkat(dir, POLICY, 0), 0);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.evm_active, TRI_YES);
	assert_int_equal(f.rings, RINGS_KERNEL);
	assert_int_equal(f.policy_writable, TRI_NO);
	assert_int_equal(f.hazard_integrity, TRI_YES);
	assert_int_equal(f.evm_fix, TRI_YES);
	put(EVM, "nonsense");
	assert_int_equal(unlinkat(dir, "proc/keys", 0), 0);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.evm_active, TRI_UNKNOWN);
	assert_int_equal(f.rings, RINGS_UNKNOWN);
	assert_int_equal(unlinkat(dir, EVM, 0), 0);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.evm, TRI_NO);
}

static void efi_variable(const char *name, char value)
{
	const char bytes[5] = { 6, 0, 0, 0, value };

	put_bytes(name, bytes, sizeof(bytes), 0600);
}

static void test_secure_boot(void **state)
{
	struct facts f;

	(void)state;
	assert_int_equal(mkdirat(dir, EFI, 0700), 0);
	assert_int_equal(mkdirat(dir, EFI "/efivars", 0700), 0);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.secure_boot, TRI_UNKNOWN);
	assert_int_equal(f.appraise, APPRAISE_UNKNOWN);
	efi_variable(VARS "SecureBoot" GLOBAL, 1);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.secure_boot, TRI_YES);
	assert_int_equal(f.appraise, APPRAISE_ENFORCE);
	efi_variable(VARS "MokSBStateRT" SHIM, 1); /* switched off in shim: the kernel does not see it on */
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.secure_boot, TRI_NO);
	efi_variable(VARS "MokSBStateRT" SHIM, 0);
	efi_variable(VARS "SetupMode" GLOBAL, 1);
	assert_int_equal(facts(&f), OUTCOME_OK);
	assert_int_equal(f.secure_boot, TRI_NO);
}

static void test_unreadable(void **state)
{
	static const char *const needed[] = { "proc/sys/kernel/osrelease", "proc/cmdline", SECFS "lsm" };
	struct facts f;

	(void)state;
	for (size_t i = 0; i < ROWS(needed); i++) {
		assert_int_equal(unlinkat(dir, needed[i], 0), 0);
		assert_int_equal(facts(&f), OUTCOME_BROKEN);
		put(needed[i], "6.1.0");
	}
}

static void test_probe(void **state)
{
	uint8_t s[PROBE_SIGNATURE_LEN];
	char name[16];

	(void)state;
	probe_signature(3, 0x0123abcd, s);
	assert_memory_equal(s, "\x03\x02\x04\x01\x23\xab\xcd\x00\x20", 9);
	probe_key_name(0x0123abcd, name);
	assert_string_equal(name, "id:0123abcd");
}

/* The host's disks, once each; nothing that cannot hold programs, nothing that is seen already. */
static void test_mounts(void **state)
{
	static const char *const want[] = { "/", "/opt", "/whole", "/data", "/mnt/with blank", "/logs", "/new", "/snap/x" };
	static struct mounts m;

	(void)state;
	assert_true(mounts_local(dir, &m) < 0);
	assert_int_equal(mkdirat(dir, "proc/self", 0700), 0);
	put("proc/self/mountinfo",
	    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	    "23 22 0:21 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"
	    "24 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw\n"
	    "25 22 0:25 / /run rw shared:3 - tmpfs tmpfs rw\n"
	    "26 22 254:1 / /opt rw,nodev,relatime shared:4 - xfs /dev/vdb rw\n"
	    "27 22 254:2 / /home rw,nosuid,nodev,noexec shared:5 - ext4 /dev/vdc rw\n"
	    "27 22 254:5 /sub /bound rw shared:5 - ext4 /dev/vdg rw\n"
	    "27 22 254:5 / /whole rw shared:5 - ext4 /dev/vdg rw\n"
	    "28 22 254:0 /srv/a /srv/b rw shared:1 - ext4 /dev/vda rw\n"
	    "29 22 0:40 /@home /data rw shared:6 - btrfs /dev/vdd rw\n"
	    "30 22 0:40 / /mnt/with\\040blank rw shared:6 - btrfs /dev/vdd rw\n"
	    "31 22 0:40 /@log /logs rw shared:6 - btrfs /dev/vdd rw\n"
	    "32 22 254:3 / /boot/efi rw shared:7 - vfat /dev/vde rw\n"
	    "33 22 0:41 / /net rw shared:8 - nfs server:/x rw\n"
	    "34 22 254:4 / /new rw shared:9 - bcachefs /dev/vdf rw\n"
	    "35 22 0:42 / /weird rw shared:9 - weirdfs none rw\n"
	    "36 22 7:1 / /snap/x ro shared:9 - squashfs /dev/loop1 ro\n"
	    "nonsense\n");
	assert_int_equal(mounts_local(dir, &m), 0);
	assert_int_equal(m.count, ROWS(want));
	for (size_t i = 0; i < ROWS(want); i++)
		assert_string_equal(m.path[i], want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secure_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounts, setup, teardown),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
