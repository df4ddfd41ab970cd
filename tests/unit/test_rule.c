/* One rule: what each kernel takes and what it refuses, with the word that it stumbles over. */
#include "test.h"

#include "core/label.h"
#include "core/rule.h"

#define R KERNEL_RELEASE
static const unsigned releases[] = { R(5, 10), R(6, 1), R(6, 12), R(7, 2) };

/* Every word of the language, and the release from which on the rule is taken; 0: always. */
static const struct {
	const char *rule;
	unsigned since;
} words[] = {
	{ "measure", 0 }, { "dont_measure", 0 }, { "appraise", 0 }, { "dont_appraise", 0 },
	{ "audit", 0 }, { "dont_audit", R(6, 19) }, { "hash", 0 }, { "dont_hash", 0 },
	{ "measure func=FILE_CHECK", 0 }, { "measure func=PATH_CHECK", 0 },
	{ "measure func=MMAP_CHECK", 0 }, { "measure func=FILE_MMAP", 0 },
	{ "measure func=MMAP_CHECK_REQPROT", R(6, 3) },
	{ "measure func=BPRM_CHECK", 0 }, { "measure func=CREDS_CHECK", 0 },
	{ "measure func=MODULE_CHECK", 0 }, { "measure func=FIRMWARE_CHECK", 0 },
	{ "measure func=KEXEC_KERNEL_CHECK", 0 }, { "measure func=KEXEC_INITRAMFS_CHECK", 0 },
	{ "measure func=POLICY_CHECK", 0 }, { "measure func=KEXEC_CMDLINE", 0 },
	{ "measure func=KEY_CHECK", 0 }, { "measure func=CRITICAL_DATA", R(5, 12) },
	{ "measure func=KEY_CHECK keyrings=.ima|.evm", 0 }, { "measure func=CRITICAL_DATA label=selinux", R(5, 12) },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256", R(5, 15) },
	{ "measure mask=MAY_EXEC", 0 }, { "measure mask=MAY_WRITE", 0 },
	{ "measure mask=MAY_READ", 0 }, { "measure mask=MAY_APPEND", 0 },
	{ "measure mask=^MAY_EXEC", 0 }, { "measure mask=^MAY_WRITE", 0 },
	{ "measure mask=^MAY_READ", 0 }, { "measure mask=^MAY_APPEND", 0 },
	{ "measure fsmagic=0x9fa0", 0 }, { "measure fsmagic=9FA0", 0 }, { "measure fsname=ext4", 0 },
	{ "measure fs_subtype=sshfs", R(6, 19) },
	{ "measure fsuuid=01234567-89ab-cdef-0123-456789ABCDEF", 0 },
	{ "measure uid=0", 0 }, { "measure uid<1000", 0 }, { "measure uid>999", 0 },
	{ "measure euid=0", 0 }, { "measure euid<1000", 0 }, { "measure euid>999", 0 },
	{ "measure gid=0", R(5, 16) }, { "measure gid<9", R(5, 16) }, { "measure gid>9", R(5, 16) },
	{ "measure egid=0", R(5, 16) }, { "measure egid<9", R(5, 16) }, { "measure egid>9", R(5, 16) },
	{ "measure fowner=0", 0 }, { "measure fowner<9", 0 }, { "measure fowner>9", 0 },
	{ "measure fgroup=0", R(5, 16) }, { "measure fgroup<9", R(5, 16) }, { "measure fgroup>9", R(5, 16) },
	{ "measure subj_role=unconfined", 0 }, /* the only label that AppArmor knows */
	{ "measure digest_type=verity", R(5, 19) }, { "appraise digest_type=verity appraise_type=sigv3", R(5, 19) },
	{ "appraise appraise_type=imasig", 0 }, { "appraise appraise_algos=sha1,sha256", R(5, 15) },
	{ "appraise permit_directio", 0 }, { "measure pcr=11", 0 },
	{ "measure template=ima", 0 }, { "measure template=ima-ng", 0 }, { "measure template=ima-sig", 0 },
	{ "measure template=ima-buf", 0 }, { "measure template=ima-modsig", 0 },
	{ "measure template=ima-ngv2", R(5, 19) }, { "measure template=ima-sigv2", R(5, 19) },
	{ "measure template=evm-sig", R(5, 14) },
	{ "measure template=d|n", 0 }, { "measure template=d-ng|n-ng|sig", 0 }, /* by its format, too */
	{ "measure template=d-ngv2|n-ng", R(5, 19) },
};

static enum rule_read parse(const char *text, const struct rule_kernel *k, struct rule *r, struct rule_error *e)
{
	return rule_parse(text, strlen(text), k, r, e);
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(words); i++) {
		for (size_t v = 0; v < ROWS(releases); v++) {
			bool taken = releases[v] >= words[i].since;
			struct rule_kernel k;
			struct rule_error e;
			struct rule r;
			enum rule_read is;

			rule_kernel_debian(releases[v], &k);
			is = parse(words[i].rule, &k, &r, &e);
			if (is != (taken ? RULE_READ : RULE_REFUSED))
				fail_msg("%s, kernel %u.%u: %s", words[i].rule, releases[v] >> 8, releases[v] & 0xff, rule_flaw_what(e.flaw));
			if (taken)
				continue;
			assert_int_equal(e.flaw, FLAW_TOO_NEW);
			assert_int_equal(e.since, words[i].since);
		}
	}
}

/* What the row's kernel is beyond Debian's of that release. */
enum { MODSIG = 1, NO_KEYS = 2, LSM_POLICY = 4 };

#define UUID "01234567-89ab-cdef-0123-456789abcdef"

/* column 0: the rule is taken */
static const struct {
	const char *rule;
	unsigned release;
	enum rule_flaw flaw;
	unsigned column;
	unsigned odd;
	enum rule_lsm lsm; /* UNKNOWN: Debian's */
} refusals[] = {
	{ "allow func=BPRM_CHECK", R(6, 1), FLAW_UNKNOWN_WORD, 1, 0, 0 },
	{ "measure foo=1", R(7, 2), FLAW_UNKNOWN_WORD, 9, 0, 0 },
	{ "measure func=", R(6, 1), FLAW_UNKNOWN_WORD, 9, 0, 0 },
	{ "measure fsname=", R(6, 1), FLAW_UNKNOWN_WORD, 9, 0, 0 },
	{ "measure fsmagic>0x9fa0", R(6, 1), FLAW_UNKNOWN_WORD, 9, 0, 0 },
	{ "\tmeasure \t permit_directi0", R(6, 1), FLAW_UNKNOWN_WORD, 12, 0, 0 },
	{ "Measure", R(6, 1), FLAW_UNKNOWN_WORD, 1, 0, 0 },
	{ "measure # why", R(5, 10), FLAW_COMMENT, 9, 0, 0 },
	{ "measure #why", R(6, 12), FLAW_COMMENT, 9, 0, 0 },
	{ "measure # why", R(6, 13), FLAW_COMMENT, 9, 0, 0 },
	{ "measure # why func=nothing", R(6, 14), 0, 0, 0, 0 },
	{ "measure # why", R(7, 2), 0, 0, 0, 0 },
	{ "measure fsname=a#b", R(6, 1), 0, 0, 0, 0 },
	{ "dont_audit func=BPRM_CHECK", R(6, 12), FLAW_TOO_NEW, 1, 0, 0 },
	{ "measure  func=MMAP_CHECK_REQPROT", R(6, 1), FLAW_TOO_NEW, 10, 0, 0 },
	{ "measure template=evm-sig", R(5, 10), FLAW_TOO_NEW, 9, 0, 0 },
	{ "measure appraise", R(6, 1), FLAW_TWO_ACTIONS, 9, 0, 0 },
	{ "measure measure", R(6, 1), FLAW_TWO_ACTIONS, 9, 0, 0 },
	{ "func=BPRM_CHECK", R(6, 1), FLAW_NO_ACTION, 1, 0, 0 },
	{ "  func=BPRM_CHECK", R(6, 1), FLAW_NO_ACTION, 3, 0, 0 },
	{ "measure func=BPRM_CHECK func=BPRM_CHECK", R(6, 1), FLAW_TWICE, 25, 0, 0 },
	{ "measure mask=MAY_EXEC mask=^MAY_READ", R(6, 1), FLAW_TWICE, 23, 0, 0 },
	{ "measure fsmagic=1 fsmagic=2", R(6, 1), FLAW_TWICE, 19, 0, 0 },
	{ "measure fsmagic=0 fsmagic=2", R(6, 1), 0, 0, 0, 0 }, /* zero counts as not there yet */
	{ "measure fsname=ext4 fsname=xfs", R(6, 1), 0, 0, 0, 0 },
	{ "measure fs_subtype=a fs_subtype=b", R(7, 2), FLAW_TWICE, 22, 0, 0 },
	{ "measure fsuuid=" UUID " fsuuid=" UUID, R(6, 1), FLAW_TWICE, 53, 0, 0 },
	{ "measure uid=0 uid=1", R(6, 1), FLAW_TWICE, 15, 0, 0 },
	{ "measure uid=0 euid=0", R(6, 1), FLAW_TWICE, 15, 0, 0 },
	{ "measure euid>0 uid<9", R(6, 1), FLAW_TWICE, 16, 0, 0 },
	{ "measure gid=0 egid=0", R(6, 1), FLAW_TWICE, 15, 0, 0 },
	{ "measure uid=0 gid=0 fowner=0 fgroup=0", R(6, 1), 0, 0, 0, 0 },
	{ "measure fowner>0 fowner<9", R(6, 1), FLAW_TWICE, 18, 0, 0 },
	{ "measure fgroup>0 fgroup<9", R(6, 1), FLAW_TWICE, 18, 0, 0 },
	{ "measure func=KEY_CHECK keyrings=a keyrings=b", R(6, 1), FLAW_TWICE, 35, 0, 0 },
	{ "measure func=CRITICAL_DATA label=a label=b", R(6, 1), FLAW_TWICE, 36, 0, 0 },
	{ "appraise appraise_algos=sha1 appraise_algos=sha1", R(6, 1), FLAW_TWICE, 30, 0, 0 },
	{ "measure template=ima template=ima-ng", R(6, 1), FLAW_TWICE, 22, 0, 0 },
	{ "measure subj_role=unconfined subj_role=unconfined", R(6, 1), FLAW_TWICE, 30, 0, 0 },
	{ "measure permit_directio permit_directio pcr=1 pcr=2", R(6, 1), 0, 0, 0, 0 },
	{ "measure func=bprm_check", R(6, 1), FLAW_FUNC, 9, 0, 0 },
	{ "measure func=POST_SETATTR", R(7, 2), FLAW_FUNC, 9, 0, 0 },
	{ "measure mask=MAY_READ|MAY_EXEC", R(6, 1), FLAW_MASK, 9, 0, 0 },
	{ "measure mask=^", R(6, 1), FLAW_MASK, 9, 0, 0 },
	{ "measure mask=^^MAY_READ", R(6, 1), FLAW_MASK, 9, 0, 0 },
	{ "measure fsmagic=0x", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure fsmagic=ext4", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure fsmagic=0x10000000000000000", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure fsmagic=+0XffffFFFFffffFFFF", R(6, 1), 0, 0, 0, 0 },
	{ "measure uid=0x10", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure uid=-1", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure uid=root", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure fowner=18446744073709551616", R(6, 1), FLAW_NUMBER, 9, 0, 0 },
	{ "measure uid=4294967295", R(6, 1), FLAW_ID, 9, 0, 0 },
	{ "measure fgroup>4294967296", R(6, 1), FLAW_ID, 9, 0, 0 },
	{ "measure uid<4294967294", R(6, 1), 0, 0, 0, 0 },
	{ "measure fsuuid=01234567", R(6, 1), FLAW_UUID, 9, 0, 0 },
	{ "measure fsuuid=0123456789abcdef0123456789abcdef0000", R(6, 1), FLAW_UUID, 9, 0, 0 },
	{ "measure fsuuid=0123456g-89ab-cdef-0123-456789abcdef", R(6, 1), FLAW_UUID, 9, 0, 0 },
	{ "measure fsuuid=" UUID "-and-more", R(6, 1), 0, 0, 0, 0 }, /* the kernel does not look behind it */
	{ "measure func=KEY_CHECK keyrings=|.ima", R(6, 1), FLAW_LIST, 24, 0, 0 },
	{ "measure func=KEY_CHECK keyrings=.ima|", R(6, 1), FLAW_LIST, 24, 0, 0 },
	{ "measure func=CRITICAL_DATA label=a||b", R(6, 1), FLAW_LIST, 28, 0, 0 },
	{ "measure pcr=64", R(6, 1), FLAW_PCR, 9, 0, 0 },
	{ "measure pcr=-1", R(6, 1), FLAW_PCR, 9, 0, 0 },
	{ "measure pcr=-+0", R(6, 1), FLAW_PCR, 9, 0, 0 },
	{ "measure pcr=ten", R(6, 1), FLAW_PCR, 9, 0, 0 },
	{ "measure pcr=63", R(6, 1), 0, 0, 0, 0 },
	{ "measure pcr=-0", R(6, 1), 0, 0, 0, 0 },
	{ "template=ima-ng measure", R(6, 1), FLAW_TEMPLATE_ACTION, 1, 0, 0 },
	{ "dont_measure template=ima-ng", R(6, 1), FLAW_TEMPLATE_ACTION, 14, 0, 0 },
	{ "measure template=ima-sigv3", R(7, 2), FLAW_TEMPLATE, 9, 0, 0 },
	{ "appraise appraise_algos=sha257", R(6, 1), FLAW_ALGO, 10, 0, 0 },
	{ "appraise appraise_algos=sha256,", R(6, 1), FLAW_ALGO, 10, 0, 0 },
	{ "appraise appraise_algos=sha256, sha1", R(6, 1), FLAW_ALGO, 10, 0, 0 },
	{ "appraise appraise_algos=sha3-256", R(6, 1), FLAW_ALGO, 10, 0, 0 },
	{ "appraise appraise_algos=sha3-256", R(6, 12), 0, 0, 0, 0 },
	{ "appraise appraise_algos=sha3-256", R(7, 2), FLAW_ALGO_ABSENT, 10, 0, 0 },
	{ "appraise appraise_algos=sha256,sha512", R(6, 1), FLAW_ALGO_ABSENT, 10, 0, 0 }, /* a module there */
	{ "appraise appraise_algos=sha256,sha512", R(6, 12), 0, 0, 0, 0 },
	{ "appraise appraise_algos=wp512", R(6, 12), FLAW_ALGO_ABSENT, 10, 0, 0 },
	{ "measure digest_type=sha256", R(6, 1), FLAW_DIGEST_TYPE, 9, 0, 0 },
	{ "appraise appraise_type=imasig digest_type=verity", R(6, 12), FLAW_DIGEST_ORDER, 31, 0, 0 },
	{ "appraise appraise_type=sigv3 digest_type=verity", R(6, 12), FLAW_SIGV3_ORDER, 10, 0, 0 },
	{ "appraise appraise_type=sigv3 digest_type=verity", R(7, 2), 0, 0, 0, 0 },
	{ "appraise appraise_type=sigv3", R(6, 12), FLAW_SIGV3_ORDER, 10, 0, 0 },
	{ "appraise appraise_type=sigv3", R(7, 2), 0, 0, 0, 0 },
	{ "appraise appraise_type=sigv3", R(5, 10), FLAW_TOO_NEW, 10, 0, 0 },
	{ "appraise appraise_type=modsig", R(6, 1), FLAW_APPRAISE_TYPE, 10, MODSIG, 0 },
	{ "appraise digest_type=verity appraise_type=imasig", R(6, 1), FLAW_APPRAISE_TYPE, 29, 0, 0 },
	{ "appraise digest_type=verity appraise_type=imasig|modsig", R(6, 1), FLAW_APPRAISE_TYPE, 29, MODSIG, 0 },
	{ "appraise appraise_type=sigv3 appraise_type=imasig|modsig", R(7, 2), FLAW_APPRAISE_TYPE, 30, MODSIG, 0 },
	{ "appraise appraise_type=imasig appraise_type=imasig", R(6, 1), 0, 0, 0, 0 },
	{ "appraise func=MODULE_CHECK appraise_type=imasig|modsig", R(6, 1), FLAW_MODSIG_OFF, 28, 0, 0 },
	{ "appraise func=MODULE_CHECK appraise_type=imasig|modsig", R(6, 1), 0, 0, MODSIG, 0 },
	{ "appraise func=BPRM_CHECK appraise_type=imasig|modsig", R(6, 1), FLAW_FUNC_CONDITION, 1, MODSIG, 0 },
	{ "appraise appraise_flag=check_blacklist", R(6, 1), FLAW_APPRAISE_FLAG, 10, 0, 0 },
	{ "appraise appraise_flag=check_blacklist", R(6, 6), 0, 0, 0, 0 },
	{ "appraise appraise_flag=check_white", R(6, 1), FLAW_APPRAISE_FLAG, 10, MODSIG, 0 },
	{ "appraise func=MODULE_CHECK appraise_type=imasig|modsig appraise_flag=check_blacklist", R(6, 1), 0, 0, MODSIG, 0 },
	{ "appraise func=MODULE_CHECK appraise_flag=check_blacklist", R(6, 1), FLAW_BLACKLIST, 1, MODSIG, 0 },
	{ "measure func=KEY_CHECK", R(6, 1), FLAW_KEYS_OFF, 9, NO_KEYS, 0 },
	{ "measure keyrings=.ima", R(6, 1), FLAW_KEYS_OFF, 9, NO_KEYS, 0 },
	{ "appraise obj_type=etc_t", R(6, 1), FLAW_LSM, 10, 0, 0 },
	{ "measure subj_user=root", R(6, 1), FLAW_LSM, 9, 0, 0 },
	{ "measure subj_role=firefox", R(6, 1), FLAW_LSM, 9, 0, 0 },
	{ "measure subj_role=firefox", R(6, 1), 0, 0, LSM_POLICY, 0 },
	{ "measure subj_role=unconfined", R(6, 1), FLAW_LSM, 9, 0, RULE_LSM_NONE },
	{ "measure obj_type=etc_t", R(6, 1), FLAW_LSM, 9, 0, RULE_LSM_SELINUX },
	{ "measure obj_type=etc_t subj_type=a obj_user=b obj_role=c subj_role=d subj_user=e", R(6, 1), 0, 0, LSM_POLICY, RULE_LSM_SELINUX },
	{ "measure obj_user=_", R(6, 1), 0, 0, 0, RULE_LSM_SMACK },
	{ "measure obj_role=_", R(6, 1), FLAW_LSM, 9, 0, RULE_LSM_SMACK },
	{ "  appraise pcr=10", R(6, 1), FLAW_PCR_ACTION, 3, 0, 0 },
	{ "measure appraise_type=imasig", R(6, 1), FLAW_APPRAISE_ONLY, 1, 0, 0 },
	{ "dont_appraise appraise_algos=sha256", R(6, 1), FLAW_APPRAISE_ONLY, 1, 0, 0 },
	{ "appraise func=KEY_CHECK", R(6, 1), FLAW_FUNC_ACTION, 1, 0, 0 },
	{ "audit func=CRITICAL_DATA", R(6, 1), FLAW_FUNC_ACTION, 1, 0, 0 },
	{ "hash func=KEXEC_CMDLINE", R(6, 1), FLAW_FUNC_ACTION, 1, 0, 0 },
	{ "measure func=SETXATTR_CHECK", R(6, 1), FLAW_FUNC_ACTION, 1, 0, 0 },
	{ "measure func=KEY_CHECK mask=MAY_READ", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "measure func=KEY_CHECK label=a", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "measure func=CRITICAL_DATA keyrings=a", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "measure func=KEXEC_CMDLINE mask=MAY_READ", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "measure keyrings=.ima", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "measure func=KEY_CHECK subj_role=unconfined", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256 uid=0", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "appraise func=MODULE_CHECK digest_type=verity appraise_type=sigv3", R(6, 1), FLAW_FUNC_CONDITION, 1, 0, 0 },
	{ "appraise digest_type=verity", R(6, 1), FLAW_VERITY_UNSIGNED, 1, 0, 0 },
	{ "appraise func=SETXATTR_CHECK", R(6, 1), FLAW_SETXATTR_ALGOS, 1, 0, 0 },
	{ "/etc/ima/policy", R(6, 1), FLAW_PATH, 1, 0, 0 },
	{ "measure func=BPRM_CHECK\r", R(6, 1), FLAW_CARRIAGE_RETURN, 9, 0, 0 },
	{ "\r", R(6, 1), FLAW_CARRIAGE_RETURN, 1, 0, 0 },
	{ "measure fsname=ext4\r", R(6, 1), 0, 0, 0, 0 }, /* taken, and another name: lint says so */
};

static bool seen[FLAW_COUNT];

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refusals); i++) {
		const char *text = refusals[i].rule;
		struct rule_kernel k;
		struct rule_error e;
		struct rule r;
		enum rule_read is;

		rule_kernel_debian(refusals[i].release, &k);
		k.modsig = refusals[i].odd & MODSIG;
		k.key_check = !(refusals[i].odd & NO_KEYS);
		k.lsm_policy = refusals[i].odd & LSM_POLICY;
		if (refusals[i].lsm)
			k.lsm = refusals[i].lsm;
		is = parse(text, &k, &r, &e);
		if (is != (refusals[i].flaw ? RULE_REFUSED : RULE_READ) || e.flaw != refusals[i].flaw ||
		    (refusals[i].column && e.column != refusals[i].column))
			fail_msg("row %zu '%s': %d, %s, column %u", i, text, is, rule_flaw_what(e.flaw), e.column);
		assert_true(e.word.p >= text && e.word.p + e.word.len <= text + strlen(text));
		seen[e.flaw] = true;
	}
}

static void test_bytes(void **state)
{
	static char line[4096];
	struct rule_kernel k;
	struct rule_error e;
	struct rule r;

	(void)state;
	rule_kernel_debian(R(6, 1), &k);
	assert_int_equal(rule_parse("measure\0x", 9, &k, &r, &e), RULE_REFUSED);
	assert_int_equal(e.flaw, FLAW_NUL);
	seen[FLAW_NUL] = true;
	memset(line, ' ', sizeof(line));
	memcpy(line, "measure", 7);
	assert_int_equal(rule_parse(line, 4094, &k, &r, &e), RULE_READ);
	assert_int_equal(rule_parse(line, 4095, &k, &r, &e), RULE_REFUSED);
	assert_int_equal(e.flaw, FLAW_TOO_LONG);
	seen[FLAW_TOO_LONG] = true;
}

/* Behind the tests that fill seen. */
static void test_flaws(void **state)
{
	(void)state;
	for (int f = FLAW_NONE + 1; f < FLAW_COUNT; f++) {
		if (!seen[f])
			fail_msg("no row gets: %s", rule_flaw_what((enum rule_flaw)f));
		assert_true(strlen(rule_flaw_what((enum rule_flaw)f)) > 5);
		assert_true(strlen(rule_flaw_remedy((enum rule_flaw)f)) > 5);
		for (int other = 0; other < f; other++)
			assert_string_not_equal(rule_flaw_what((enum rule_flaw)f), rule_flaw_what((enum rule_flaw)other));
	}
	assert_string_equal(rule_flaw_what(FLAW_COUNT), "?");
	assert_string_equal(rule_flaw_remedy((enum rule_flaw)-1), "?");
}

static void test_blank(void **state)
{
	static const char *const blank[] = { "", " ", "\t \t", "#", "# measure", "  \t# /x", "#\r" };
	struct rule_kernel k;
	struct rule_error e;
	struct rule r;

	(void)state;
	for (size_t v = 0; v < ROWS(releases); v++) {
		rule_kernel_debian(releases[v], &k);
		for (size_t i = 0; i < ROWS(blank); i++)
			assert_int_equal(parse(blank[i], &k, &r, &e), RULE_BLANK);
	}
}

static struct rule read_rule(const char *text, unsigned release)
{
	struct rule_kernel k;
	struct rule_error e;
	struct rule r;

	rule_kernel_debian(release, &k);
	k.lsm_policy = true;
	if (parse(text, &k, &r, &e) != RULE_READ)
		fail_msg("%s: %s", text, rule_flaw_what(e.flaw));
	return r;
}

static void test_numbers(void **state)
{
	static const uint8_t uuid[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct rule r = read_rule("measure func=FILE_MMAP mask=^MAY_APPEND fsmagic=0xEF53 fsuuid=" UUID
	                          " euid>1 egid<2 fowner=3 fgroup>4 pcr=23", R(6, 1));

	(void)state;
	assert_int_equal(r.action, ACT_MEASURE);
	assert_int_equal(r.func, FUNC_MMAP_CHECK);
	assert_int_equal(r.mask, MASK_APPEND);
	assert_int_equal(r.fsmagic, 0xef53);
	assert_memory_equal(r.fsuuid, uuid, sizeof(uuid));
	assert_true(r.uid.value == 1 && r.uid.op == '>');
	assert_true(r.gid.value == 2 && r.gid.op == '<');
	assert_true(r.fowner.value == 3 && r.fowner.op == '=');
	assert_true(r.fgroup.value == 4 && r.fgroup.op == '>');
	assert_int_equal(r.pcr, 23);
	assert_int_equal(r.has, RULE_FUNC | RULE_INMASK | RULE_FSMAGIC | RULE_FSUUID | RULE_EUID | RULE_EGID | RULE_FOWNER |
	                        RULE_FGROUP | RULE_PCR);
}

static void test_texts(void **state)
{
	struct rule r = read_rule("dont_measure fsname=ext4 fsname=fuse fs_subtype=sshfs subj_role=man_groff", R(7, 2));

	(void)state;
	assert_int_equal(r.action, ACT_DONT_MEASURE);
	assert_true(span_is(&r.fsname, "fuse")); /* the last one counts */
	assert_true(span_is(&r.fs_subtype, "sshfs"));
	assert_true(span_is(&r.lsm[LSM_SUBJ_ROLE], "man_groff"));
	assert_true(rule_has_lsm(&r));
	assert_int_equal(r.has, RULE_FSNAME | RULE_FS_SUBTYPE);
	r = read_rule("measure func=KEY_CHECK keyrings=.ima|.evm template=d-ng|n-ng|buf", R(6, 1));
	assert_true(span_is(&r.keyrings, ".ima|.evm"));
	assert_true(span_is(&r.template, "ima-buf"));
	assert_false(rule_has_lsm(&r));
	r = read_rule("measure func=CRITICAL_DATA label=selinux", R(6, 1));
	assert_true(span_is(&r.label, "selinux"));
	assert_true(span_same(&r.label, &r.label) && !span_same(&r.label, &r.keyrings) && span_same(&r.fsname, &r.keyrings));
}

static void test_demands(void **state)
{
	static const struct {
		const char *rule;
		unsigned release, demands;
	} rows[] = {
		{ "appraise", R(6, 1), 0 },
		{ "appraise appraise_type=imasig", R(6, 1), RULE_IMASIG },
		{ "appraise appraise_type=imasig", R(6, 12), RULE_IMASIG | RULE_BLACKLIST },
		{ "appraise digest_type=verity appraise_type=sigv3", R(6, 1), RULE_VERITY | RULE_IMASIG },
		{ "appraise digest_type=verity appraise_type=sigv3", R(7, 2), RULE_VERITY | RULE_IMASIG | RULE_BLACKLIST | RULE_SIGV3 },
		{ "appraise appraise_type=sigv3", R(7, 2), RULE_IMASIG | RULE_BLACKLIST | RULE_SIGV3 },
		{ "appraise permit_directio", R(6, 1), RULE_DIRECTIO },
		{ "measure digest_type=verity", R(6, 1), RULE_VERITY },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(read_rule(rows[i].rule, rows[i].release).has, rows[i].demands);
	assert_int_equal(read_rule("appraise appraise_algos=sha256,sha1", R(6, 1)).algos, 1u << HASH_SHA256 | 1u << HASH_SHA1);
}

static void test_releases(void **state)
{
	static const struct {
		const char *text;
		unsigned release;
	} rows[] = {
		{ "6.12.117+deb12-amd64", R(6, 12) }, { "5.10", R(5, 10) }, { "7.2-rc1", R(7, 2) }, { "6.1", R(6, 1) },
		{ "", 0 }, { "6", 0 }, { "6.", 0 }, { ".1", 0 }, { "v6.1", 0 }, { "6 .1", 0 }, { "256.1", 0 }, { "6.256", 0 },
		{ "99999999999999999999.1", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(kernel_release_parse(rows[i].text), rows[i].release);
}

/* What a name says, reads back. */
static void test_names(void **state)
{
	char text[64];

	(void)state;
	for (int a = ACT_NONE + 1; a < ACT_COUNT; a++)
		assert_int_equal(read_rule(rule_action_name((enum rule_action)a), R(7, 2)).action, a);
	for (int f = FUNC_NONE + 1; f < FUNC_SETXATTR_CHECK; f++) {
		(void)snprintf(text, sizeof(text), "measure func=%s", rule_func_name((enum rule_func)f));
		assert_int_equal(read_rule(text, R(7, 2)).func, f);
	}
	assert_string_equal(rule_func_name(FUNC_SETXATTR_CHECK), "SETXATTR_CHECK");
	assert_string_equal(rule_lsm_field_name(LSM_OBJ_USER), "obj_user");
	assert_string_equal(rule_action_name(ACT_COUNT), rule_func_name((enum rule_func)-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),   cmocka_unit_test(test_refusals), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_flaws),   cmocka_unit_test(test_blank),    cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_texts),   cmocka_unit_test(test_demands),  cmocka_unit_test(test_releases),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
