/* Labels in, the kernel's verdict and its own word out; which rules decide; what EVM's HMAC is over. */
#include "test.h"

#include "core/appraise.h"
#include "core/evmmessage.h"
#include "core/match.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define BYTES(...) ((const uint8_t[]){ __VA_ARGS__ })
#define X(...) { BYTES(__VA_ARGS__), sizeof(BYTES(__VA_ARGS__)) }
#define SIGNATURE(type, version) X(type, version, 4, 1, 2, 3, 4, 0, 2, 9, 9)
#define BOTH (RULE_IMASIG | RULE_VERITY)

#define SHA256_HASH X(4, 4, 1, 2, 3)
#define SHA1_HASH X(1, 1, 2, 3)
#define V2 SIGNATURE(3, 2)
#define V3 SIGNATURE(3, 3)
#define VERITY_V3 SIGNATURE(6, 3)

static const struct {
	const char *cause; /* NULL: good; the kernel's own word else */
	struct appraise_input in;
} verdicts[] = {
	/* nothing there */
	{ "missing-hash", { .demands = 0 } },
	{ "IMA-signature-required", { .demands = RULE_IMASIG } },
	{ "verity-signature-required", { .demands = BOTH } },
	{ "missing-hash", { .evm = EVM_STATUS_NO_XATTRS } }, /* before EVM has its say */
	{ "no-label-possible", { .no_xattrs = true } },
	/* hashes */
	{ NULL, { .ima = SHA256_HASH, .content = PROOF_GOOD } },
	{ NULL, { .ima = SHA1_HASH, .content = PROOF_GOOD } },
	{ "invalid-hash", { .ima = SHA256_HASH, .content = PROOF_BAD } },
	{ "invalid-hash", { .ima = SHA256_HASH } },
	{ "invalid-hash", { .ima = SHA256_HASH, .signature = PROOF_GOOD } },
	{ "IMA-signature-required", { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_GOOD } },
	{ "verity-signature-required", { .demands = BOTH, .ima = SHA1_HASH, .content = PROOF_GOOD } },
	{ "IMA-signature-required", { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_PASS } },
	{ NULL, { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_PASS_IMMUTABLE } },
	{ "invalid-hash", { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_BAD, .evm = EVM_STATUS_PASS_IMMUTABLE } },
	{ "invalid-hash", { .demands = RULE_VERITY, .ima = SHA256_HASH, .content = PROOF_GOOD, .verity = PROOF_BAD } },
	{ NULL, { .demands = RULE_VERITY, .ima = SHA256_HASH, .content = PROOF_BAD, .verity = PROOF_GOOD } },
	{ NULL, { .demands = BOTH, .ima = SHA256_HASH, .evm = EVM_STATUS_PASS_IMMUTABLE, .verity = PROOF_GOOD } },
	{ "verity-signature-required", { .demands = BOTH, .ima = SHA256_HASH, .evm = EVM_STATUS_PASS, .verity = PROOF_GOOD } },
	/* signatures */
	{ NULL, { .ima = V2, .signature = PROOF_GOOD } },
	{ NULL, { .demands = RULE_IMASIG, .ima = V2, .signature = PROOF_GOOD } },
	{ "invalid-signature", { .ima = V2, .signature = PROOF_BAD } },
	{ "invalid-signature", { .ima = V2, .content = PROOF_GOOD } },
	{ "invalid-signature", { .demands = RULE_VERITY, .ima = V2, .signature = PROOF_GOOD } },
	{ "verity-signature-required", { .demands = BOTH, .ima = V2, .signature = PROOF_GOOD } },
	{ "invalid-signature-version", { .ima = V3, .signature = PROOF_GOOD } },
	{ "invalid-signature-version", { .ima = SIGNATURE(3, 4), .signature = PROOF_GOOD } },
	{ "IMA-sigv3-required", { .demands = RULE_IMASIG | RULE_SIGV3, .ima = V2, .signature = PROOF_GOOD } },
	/* fs-verity */
	{ NULL, { .demands = BOTH, .ima = VERITY_V3, .signature = PROOF_GOOD } },
	{ "invalid-verity-signature", { .demands = BOTH, .ima = VERITY_V3, .signature = PROOF_BAD } },
	{ "invalid-verity-signature", { .ima = VERITY_V3, .signature = PROOF_GOOD } }, /* of what nobody asked for */
	{ "IMA-signature-required", { .demands = RULE_IMASIG, .ima = VERITY_V3, .signature = PROOF_GOOD } },
	{ "invalid-signature-version", { .demands = BOTH, .ima = SIGNATURE(6, 2), .signature = PROOF_GOOD } },
	{ "invalid-signature-version", { .demands = BOTH, .ima = X(6), .signature = PROOF_GOOD } },
	{ "no-verity-digest", { .demands = BOTH, .ima = VERITY_V3, .signature = PROOF_GOOD, .no_verity = true } },
	{ NULL, { .ima = V2, .signature = PROOF_GOOD, .no_verity = true } }, /* nobody asked */
	/* what no kernel takes */
	{ "unknown-ima-data", { .ima = X(2, 1, 2), .content = PROOF_GOOD, .signature = PROOF_GOOD } },
	{ "unknown-ima-data", { .ima = SIGNATURE(5, 2), .content = PROOF_GOOD, .signature = PROOF_GOOD } },
	{ "unknown-ima-data", { .ima = X(0), .content = PROOF_GOOD, .signature = PROOF_GOOD } },
	{ "unknown-ima-data", { .ima = X(7, 7, 7), .content = PROOF_GOOD, .signature = PROOF_GOOD } },
	/* EVM comes before all of these */
	{ "missing-HMAC", { .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_NO_LABEL } },
	{ "missing-HMAC", { .ima = SHA256_HASH, .content = PROOF_BAD, .evm = EVM_STATUS_NO_XATTRS } },
	{ "invalid-HMAC", { .ima = SHA256_HASH, .content = PROOF_BAD, .evm = EVM_STATUS_FAIL } },
	{ "invalid-fail-immutable", { .ima = V2, .signature = PROOF_GOOD, .evm = EVM_STATUS_FAIL_IMMUTABLE } },
	{ "invalid-HMAC", { .ima = X(7), .evm = EVM_STATUS_FAIL } },
	/* collecting comes before everything */
	{ "failed", { .ima = SHA256_HASH, .content = PROOF_GOOD, .no_algo = true } },
	{ "failed", { .no_xattrs = true, .no_algo = true } },
	{ "no-verity-digest", { .demands = RULE_VERITY, .no_xattrs = true, .no_verity = true } },
	/* appraise_algos= comes last */
	{ NULL, { .ima = SHA256_HASH, .content = PROOF_GOOD, .algo = HASH_SHA256, .algos = 1u << HASH_SHA256 } },
	{ "denied-hash-algorithm", { .ima = SHA256_HASH, .content = PROOF_GOOD, .algo = HASH_SHA256, .algos = 1u << HASH_SHA512 } },
	{ "denied-hash-algorithm", { .ima = V2, .signature = PROOF_NO_KEY, .algo = HASH_SHA256, .algos = 1u << HASH_SHA512 } },
	{ "invalid-hash", { .ima = SHA256_HASH, .content = PROOF_BAD, .algo = HASH_SHA256, .algos = 1u << HASH_SHA512 } },
	/* what is signed is not written to */
	{ NULL, { .mask = MASK_WRITE, .ima = SHA256_HASH, .content = PROOF_GOOD } },
	{ "signed-file-written", { .mask = MASK_WRITE, .ima = V2, .signature = PROOF_GOOD } },
	{ "signed-file-written", { .mask = MASK_READ | MASK_WRITE, .ima = V2, .signature = PROOF_NO_KEY } },
	{ "signed-file-written", { .mask = MASK_WRITE, .demands = BOTH, .ima = VERITY_V3, .signature = PROOF_GOOD } },
	{ "signed-file-written", { .mask = MASK_WRITE, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_PASS_IMMUTABLE } },
	{ "signed-file-written", { .mask = MASK_WRITE, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_NO_KEY_IMMUTABLE } },
	{ "invalid-signature", { .mask = MASK_WRITE, .ima = V2, .signature = PROOF_BAD } },
	/* keys that are not at hand: not verified, and that is said */
	{ "not verified: its key or its hash algorithm is not at hand", { .ima = V2, .signature = PROOF_NO_KEY } },
	{ "not verified: its key or its hash algorithm is not at hand", { .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_NO_KEY } },
	{ "invalid-hash", { .ima = SHA256_HASH, .content = PROOF_BAD, .evm = EVM_STATUS_NO_KEY } },
	{ "IMA-signature-required", { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_NO_KEY } },
	{ "not verified: its key or its hash algorithm is not at hand",
	  { .demands = RULE_IMASIG, .ima = SHA256_HASH, .content = PROOF_GOOD, .evm = EVM_STATUS_NO_KEY_IMMUTABLE } },
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(verdicts); i++) {
		enum label_state s = appraise_judge(&verdicts[i].in);
		const char *want = verdicts[i].cause ? verdicts[i].cause : "good";

		if (strcmp(label_state_name(s), want) != 0)
			fail_msg("row %zu: %s, not %s", i, label_state_name(s), want);
	}
}

/* -- all that can be asked, whatever it means --------------------------------------------- */

static const struct xattr labels[] = {
	{ NULL, 0 }, X(0), X(1), X(1, 2, 3), X(2, 1, 2), X(3), V2, V3, SIGNATURE(3, 4), X(4), SHA256_HASH, SIGNATURE(5, 2), X(6),
	SIGNATURE(6, 2), VERITY_V3, X(7, 1, 2), X(255, 255, 255),
};

static bool is_hash(const struct xattr *x)
{
	return x->len && (x->p[0] == 1 || x->p[0] == 4);
}

static bool proven(enum proof p)
{
	return p == PROOF_GOOD || p == PROOF_NO_KEY;
}

/* What must hold of an input that is let pass. */
static void must_be_good(const struct appraise_input *in, enum label_state s)
{
	bool immutable = in->evm == EVM_STATUS_PASS_IMMUTABLE || in->evm == EVM_STATUS_NO_KEY_IMMUTABLE;
	enum proof content = in->demands & RULE_VERITY ? in->verity : in->content;

	assert_true(in->ima.len && !in->no_algo && !in->no_xattrs);
	assert_true(!(in->demands & RULE_VERITY) || !in->no_verity);
	assert_true(in->evm == EVM_STATUS_UNKNOWN || in->evm == EVM_STATUS_PASS || immutable || in->evm == EVM_STATUS_NO_KEY);
	assert_true(!in->algos || (in->algos >> in->algo & 1));
	if (is_hash(&in->ima)) {
		assert_true(proven(content));
		assert_true(content == PROOF_GOOD || s != LABEL_STATE_GOOD); /* not looked at is never simply good */
		assert_true(!(in->demands & RULE_IMASIG) || immutable);
		assert_false((in->mask & MASK_WRITE) && immutable);
	} else {
		assert_true(in->ima.p[0] == 3 || in->ima.p[0] == 6);
		assert_true(proven(in->signature));
		assert_false(in->mask & MASK_WRITE);
	}
	if (in->ima.p[0] == 3)
		assert_true((in->ima.len < 2 || in->ima.p[1] < 3) && !(in->demands & (RULE_VERITY | RULE_SIGV3)));
	if (in->ima.p[0] == 6)
		assert_true(in->demands & RULE_VERITY);
	assert_int_equal(s == LABEL_STATE_UNVERIFIED, in->evm == EVM_STATUS_NO_KEY || in->evm == EVM_STATUS_NO_KEY_IMMUTABLE ||
	                                              (is_hash(&in->ima) ? content : in->signature) == PROOF_NO_KEY);
}

static unsigned flags(struct appraise_input *in, unsigned bits)
{
	in->no_xattrs = bits & 1;
	in->no_algo = bits & 2;
	in->no_verity = bits & 4;
	in->algos = bits & 8 ? 1u << HASH_SHA512 : bits & 16 ? 1u << HASH_SHA256 : 0;
	in->mask = bits & 32 ? MASK_WRITE : MASK_READ;
	return bits + 1;
}

static size_t good;

static void all_flags(struct appraise_input *in)
{
	for (unsigned bits = 0; bits < 64;) {
		enum label_state s;

		bits = flags(in, bits);
		s = appraise_judge(in);
		assert_true(s != LABEL_STATE_UNKNOWN && (size_t)s < LABEL_STATE_COUNT);
		if (!label_state_good(s))
			continue;
		good++;
		must_be_good(in, s);
	}
}

static void all_proofs(struct appraise_input *in)
{
	for (int p = 0; p < 64; p++) {
		in->content = (enum proof)(p % 4);
		in->signature = (enum proof)(p / 4 % 4);
		in->verity = (enum proof)(p / 16);
		all_flags(in);
	}
}

static void test_product(void **state)
{
	static const unsigned demands[] = { RULE_IMASIG, RULE_VERITY, RULE_SIGV3 };

	(void)state;
	for (size_t l = 0; l < ROWS(labels); l++) {
		for (unsigned e = EVM_STATUS_UNKNOWN; e <= EVM_STATUS_NO_KEY_IMMUTABLE; e++) {
			for (unsigned d = 0; d < 1u << ROWS(demands); d++) {
				struct appraise_input in = { .ima = labels[l], .evm = (enum evm_status)e, .algo = HASH_SHA256 };

				for (unsigned i = 0; i < ROWS(demands); i++)
					in.demands |= d >> i & 1 ? demands[i] : 0;
				all_proofs(&in);
			}
		}
	}
	assert_true(good > 100);
}

/* -- EVM ---------------------------------------------------------------------------------- */

#define HMAC_LABEL X(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)

static const struct {
	enum evm_status status;
	struct evm_input in;
} evm[] = {
	{ EVM_STATUS_UNKNOWN, { .mode = EVM_OFF, .evm = HMAC_LABEL, .hmac = PROOF_BAD } },
	{ EVM_STATUS_UNKNOWN, { .mode = EVM_HMAC, .evm = HMAC_LABEL, .hmac = PROOF_BAD, .hmac_unsupported = true } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC | EVM_X509, .evm = HMAC_LABEL, .hmac = PROOF_BAD, .hmac_unsupported = true } },
	{ EVM_STATUS_NO_XATTRS, { .mode = EVM_HMAC } },
	{ EVM_STATUS_NO_LABEL, { .mode = EVM_HMAC, .protected_xattrs = true } },
	{ EVM_STATUS_NO_LABEL, { .mode = EVM_X509, .protected_xattrs = true } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = { BYTES(0), 0 } } }, /* there, and empty */
	{ EVM_STATUS_PASS, { .mode = EVM_HMAC, .evm = HMAC_LABEL, .hmac = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = HMAC_LABEL, .hmac = PROOF_BAD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = HMAC_LABEL, .signature = PROOF_GOOD } },
	{ EVM_STATUS_NO_KEY, { .mode = EVM_HMAC, .evm = HMAC_LABEL, .hmac = PROOF_NO_KEY } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = X(2, 1), .hmac = PROOF_GOOD } },
	/* certificates only: no key for HMACs */
	{ EVM_STATUS_FAIL, { .mode = EVM_X509, .evm = HMAC_LABEL, .hmac = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_X509, .evm = HMAC_LABEL, .hmac = PROOF_NO_KEY } },
	{ EVM_STATUS_PASS, { .mode = EVM_HMAC | EVM_X509, .evm = HMAC_LABEL, .hmac = PROOF_GOOD } },
	/* signatures count as soon as any key is there */
	{ EVM_STATUS_PASS, { .mode = EVM_HMAC, .evm = SIGNATURE(3, 2), .signature = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_X509, .evm = SIGNATURE(3, 2), .signature = PROOF_BAD } },
	{ EVM_STATUS_NO_KEY, { .mode = EVM_X509, .evm = SIGNATURE(3, 2), .signature = PROOF_NO_KEY } },
	{ EVM_STATUS_PASS_IMMUTABLE, { .mode = EVM_HMAC, .evm = SIGNATURE(5, 2), .signature = PROOF_GOOD } },
	{ EVM_STATUS_PASS_IMMUTABLE, { .mode = EVM_X509, .evm = SIGNATURE(5, 2), .signature = PROOF_GOOD } },
	{ EVM_STATUS_FAIL_IMMUTABLE, { .mode = EVM_X509, .evm = SIGNATURE(5, 2), .signature = PROOF_BAD } },
	{ EVM_STATUS_FAIL_IMMUTABLE, { .mode = EVM_X509, .evm = SIGNATURE(5, 2), .hmac = PROOF_GOOD } },
	{ EVM_STATUS_NO_KEY_IMMUTABLE, { .mode = EVM_X509, .evm = SIGNATURE(5, 2), .signature = PROOF_NO_KEY } },
	{ EVM_STATUS_FAIL, { .mode = EVM_X509, .evm = X(5, 2, 4, 1, 2, 3, 4, 0, 0), .signature = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_X509, .evm = X(3), .signature = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = X(4, 4, 1), .hmac = PROOF_GOOD, .signature = PROOF_GOOD } },
	{ EVM_STATUS_FAIL, { .mode = EVM_HMAC, .evm = X(0), .hmac = PROOF_GOOD, .signature = PROOF_GOOD } },
};

static void test_evm(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(evm); i++)
		if (evm_judge(&evm[i].in) != evm[i].status)
			fail_msg("row %zu: %d, not %d", i, evm_judge(&evm[i].in), evm[i].status);
}

static const struct xattr evm_kinds[] = {
	{ NULL, 0 }, { BYTES(0), 0 }, X(0), X(2), HMAC_LABEL, X(3), SIGNATURE(3, 2), SIGNATURE(4, 2), SIGNATURE(5, 2), X(5), SIGNATURE(6, 3), X(9),
};

static void test_evm_product(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ROWS(evm_kinds) * 4 * 2 * 4 * 4; n++) {
		const struct evm_input in = {
			.mode = 1 + n % 3, .hmac = (enum proof)(n / 4 % 4), .signature = (enum proof)(n / 16 % 4),
			.protected_xattrs = n / 64 % 2, .evm = evm_kinds[n / 128 % ROWS(evm_kinds)],
		};
		enum evm_status s = evm_judge(&in);

		assert_true(s != EVM_STATUS_UNKNOWN); /* EVM is on */
		if (s == EVM_STATUS_PASS)
			assert_true(in.evm.p[0] == 2 ? in.hmac == PROOF_GOOD && (in.mode & EVM_HMAC)
			                             : in.evm.p[0] == 3 && in.signature == PROOF_GOOD);
		if (s == EVM_STATUS_PASS_IMMUTABLE)
			assert_true(in.evm.p[0] == 5 && in.signature == PROOF_GOOD);
		if (s == EVM_STATUS_NO_LABEL || s == EVM_STATUS_NO_XATTRS)
			assert_null(in.evm.p);
	}
}

/* Worked out by hand, with Python's struct, hashlib and hmac. */
static const uint8_t selinux[] = "system_u:object_r:bin_t:s0"; /* its NUL belongs to it */
static const uint8_t ima[] = {
	0x04, 0x04, 0x58, 0x91, 0xb5, 0xb5, 0x22, 0xd5, 0xdf, 0x08, 0x6d, 0x0f, 0xf0, 0xb1, 0x10, 0xfb, 0xd9,
	0xd2, 0x1b, 0xb4, 0xfc, 0x71, 0x63, 0xaf, 0x34, 0xd0, 0x82, 0x86, 0xa2, 0xe8, 0x46, 0xf6, 0xbe, 0x03,
};
static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 0x20 };
static const uint8_t fsuuid[16] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
static const struct evm_inode inode = { 0x0102030405060708, 0x11223344, 1000, 0xfffffffe, 0100755, fsuuid };
static const struct xattr values[EVM_XATTRS] = {
	{ selinux, sizeof(selinux) }, { BYTES('_'), 1 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 },
	{ ima, sizeof(ima) }, { capability, sizeof(capability) },
};

static size_t flatten(int type, uint8_t *ret)
{
	struct evm_message m;
	size_t len = 0;

	evm_message(values, &inode, type, &m);
	for (size_t i = 0; i < m.count; i++) {
		memcpy(ret + len, m.part[i].p, m.part[i].len);
		len += m.part[i].len;
	}
	return len;
}

static void sha256_is(const uint8_t *bytes, size_t len, const char *hex)
{
	uint8_t digest[32];
	char text[65];

	assert_int_equal(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, hex);
}

static void test_message(void **state)
{
	static const uint8_t misc[EVM_MISC_LEN] = { 8, 7, 6, 5, 4, 3, 2, 1, 0x44, 0x33, 0x22, 0x11, 0xe8, 3, 0, 0,
		0xfe, 0xff, 0xff, 0xff, 0xed, 0x81 };
	static const uint8_t mac[20] = { 0x71, 0xfe, 0x4f, 0xf7, 0xc3, 0x93, 0x06, 0xbb, 0xad, 0x07, 0x50, 0x23, 0x97, 0x42, 0x73,
		0x51, 0xdc, 0x01, 0x93, 0xcd };
	uint8_t two[256], three[256], five[256], key[EVM_HMAC_KEY_LEN] = { 0 }, is[20];
	size_t len = flatten(2, two);

	(void)state;
	assert_int_equal(len, 27 + 34 + 20 + 24 + 16); /* SMACK64 is not enabled: left out */
	assert_memory_equal(two + 27 + 34 + 20, misc, sizeof(misc));
	sha256_is(two, len, "fa7cd47dab1bc65410ecb4e06b966569ed32480fae621f3b613ef88bd19440b0");
	assert_int_equal(flatten(3, three), len);
	assert_memory_equal(three, two, len);
	/* portable: everything that is listed, without inode, generation, UUID */
	assert_int_equal(flatten(5, five), len - 16 + 1);
	sha256_is(five, len - 16 + 1, "9fdfa0c163d5cff7a00040a96af99994d07c0dda6362e72e6333ab37b04a6f4c");
	for (uint8_t i = 0; i < 32; i++)
		key[i] = i;
	assert_non_null(HMAC(EVP_sha1(), key, sizeof(key), two, len, is, NULL));
	assert_memory_equal(is, mac, sizeof(mac));
}

static void test_xattrs(void **state)
{
	static const char *const enabled[] = { "security.selinux", "security.apparmor", "security.ima", "security.capability" };
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < EVM_XATTRS; i++)
		if (evm_xattr_at(i)->enabled)
			assert_string_equal(evm_xattr_at(i)->name, enabled[n++]);
	assert_int_equal(n, ROWS(enabled));
	assert_null(evm_xattr_at(EVM_XATTRS));
}

/* -- the small ones ----------------------------------------------------------------------- */

#define ZEROS16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static const struct {
	struct xattr x;
	int algo;
} algos[] = {
	{ { NULL, 0 }, 99 }, { X(4), 99 }, { X(4, 4), HASH_SHA256 }, { X(4, 6, 1), HASH_SHA512 },
	{ X(4, 22), HASH_SHA3_512 }, { X(4, 23), 99 }, { X(4, 255), 99 },
	{ V2, HASH_SHA256 }, { V3, 99 }, { SIGNATURE(3, 1), 99 }, { X(3, 2, 4, 1, 2, 3, 4, 0, 0), 99 },
	{ X(3, 2, 200, 1, 2, 3, 4, 0, 1, 9), 99 },
	{ VERITY_V3, HASH_SHA256 }, { SIGNATURE(6, 2), 99 },
	{ X(1, ZEROS16), HASH_MD5 }, { X(1, ZEROS16, 1, 2, 3, 4), HASH_SHA1 },
	{ X(1, ZEROS16, 0, 0, 0, 0), HASH_MD5 }, { X(1, ZEROS16, 0, 0, 0), 99 }, { X(2, ZEROS16), 99 },
};

static void test_algo(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(algos); i++)
		if (appraise_algo(&algos[i].x, 99, HASH_COUNT) != algos[i].algo)
			fail_msg("row %zu: %d", i, appraise_algo(&algos[i].x, 99, HASH_COUNT));
}

static const struct {
	struct xattr x;
	enum proof proof;
} contents[] = {
	{ X(4, 4, 1, 2, 3), PROOF_GOOD }, { X(1, 1, 2, 3), PROOF_GOOD }, { X(1, 1, 2, 3, 0, 0), PROOF_GOOD },
	{ X(4, 4, 1, 2, 4), PROOF_BAD }, { X(4, 4, 1, 2), PROOF_BAD }, { X(4), PROOF_BAD }, { X(1), PROOF_BAD },
	{ X(1, 4, 1, 2, 3), PROOF_BAD }, { { NULL, 0 }, PROOF_BAD },
};

static void test_content(void **state)
{
	static const uint8_t digest[] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < ROWS(contents); i++) {
		if (appraise_content(&contents[i].x, digest, sizeof(digest)) != contents[i].proof)
			fail_msg("row %zu", i);
		assert_int_equal(appraise_content(&contents[i].x, digest, 0), PROOF_BAD);
	}
}

static const struct {
	struct xattr x;
	unsigned demands;
	struct appraise_needs needs;
} needs[] = {
	{ { NULL, 0 }, 0, { false, false } }, { SHA256_HASH, 0, { true, false } }, { SHA1_HASH, RULE_IMASIG, { true, false } },
	{ V2, 0, { true, true } }, { V2, RULE_VERITY, { false, false } }, { VERITY_V3, 0, { false, false } },
	{ VERITY_V3, BOTH, { true, true } }, { X(2), 0, { false, false } }, { X(9), BOTH, { false, false } },
};

static void test_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(needs); i++) {
		struct appraise_needs n = appraise_needs(&needs[i].x, needs[i].demands);

		if (n.digest != needs[i].needs.digest || n.signature != needs[i].needs.signature)
			fail_msg("row %zu", i);
	}
}

/* -- which rule decides --------------------------------------------------------------------- */

static size_t read_policy(const char *text, struct rule *ret)
{
	struct rule_kernel k;
	struct rule_error e;
	size_t n = 0;

	rule_kernel_debian(KERNEL_RELEASE(7, 2), &k);
	for (const char *end; *text; text = end + 1) {
		end = strchr(text, ';');
		if (rule_parse(text, (size_t)(end - text), &k, &ret[n++], &e) != RULE_READ)
			fail_msg("%s: %s", text, rule_flaw_what(e.flaw));
	}
	return n;
}

static const struct match_file ext4 = { .fsmagic = 0xef53, .fsname = "ext4", .fsuuid = { 1, 0x23 }, .uid = 7, .gid = 8 };
static const struct match_file sshfs = { .fsmagic = 0x65735546, .fsname = "fuse", .fs_subtype = "sshfs" };
static const struct match_cred user = { .uid = 1000, .euid = 1001, .suid = 1002, .gid = 2000, .egid = 2001, .sgid = 2002 };
static const struct match_cred capable = { .uid = 1000, .euid = 1001, .suid = 1002, .gid = 2000, .egid = 2001, .sgid = 2002,
	.setuid = true, .setgid = true };

#define EVENT(func, mask, file, cred) { FUNC_##func, mask, &file, &cred, NULL }
#define RUN EVENT(BPRM_CHECK, MASK_EXEC, ext4, match_root)
#define OPEN(mask) EVENT(FILE_CHECK, mask, ext4, match_root)
#define AS(cred) EVENT(FILE_CHECK, MASK_READ, ext4, cred)
#define KEYRING(name) { FUNC_KEY_CHECK, 0, NULL, &user, name }
#define DATA(name) { FUNC_CRITICAL_DATA, 0, NULL, &user, name }

/* Each rule ends in ';'. What is matched: index of the rule that decides about measuring, appraising. */
static const struct {
	const char *policy;
	struct match_event event;
	int measure, appraise;
} matches[] = {
	{ "", RUN, -1, -1 },
	{ "measure;appraise;", RUN, 0, 1 },
	{ "measure func=MMAP_CHECK;appraise func=BPRM_CHECK;", RUN, -1, 1 },
	/* the first of its class decides, whatever the other classes have */
	{ "dont_measure;measure;appraise fowner=7;dont_appraise;", RUN, 0, 2 },
	{ "appraise fowner=6;dont_appraise;measure fowner=6;measure;", RUN, 3, 1 },
	/* masks: equal, or among others */
	{ "measure mask=MAY_READ;", OPEN(MASK_READ), 0, -1 },
	{ "measure mask=MAY_READ;", OPEN(MASK_READ | MASK_WRITE), -1, -1 },
	{ "measure mask=^MAY_READ;", OPEN(MASK_READ | MASK_WRITE), 0, -1 },
	{ "measure mask=^MAY_READ;", OPEN(MASK_WRITE), -1, -1 },
	{ "measure mask=MAY_WRITE;", OPEN(MASK_WRITE | MASK_APPEND), -1, -1 },
	{ "measure mask=^MAY_APPEND;", OPEN(MASK_WRITE | MASK_APPEND), 0, -1 },
	/* files */
	{ "measure fsmagic=0xef53;", RUN, 0, -1 }, { "measure fsmagic=0xef54;", RUN, -1, -1 },
	{ "measure fsname=ext4;", RUN, 0, -1 }, { "measure fsname=ext;", RUN, -1, -1 }, { "measure fsname=ext44;", RUN, -1, -1 },
	{ "measure fsuuid=01230000-0000-0000-0000-000000000000;", RUN, 0, -1 },
	{ "measure fsuuid=01230000-0000-0000-0000-000000000001;", RUN, -1, -1 },
	{ "measure fs_subtype=sshfs;", EVENT(FILE_CHECK, MASK_READ, sshfs, user), 0, -1 },
	{ "measure fs_subtype=sshfs;", RUN, -1, -1 },
	{ "measure fowner=7 fgroup=8;", RUN, 0, -1 }, { "measure fowner=7 fgroup=9;", RUN, -1, -1 },
	{ "measure fowner<8;", RUN, 0, -1 }, { "measure fowner<7;", RUN, -1, -1 },
	{ "measure fgroup>7;", RUN, 0, -1 }, { "measure fgroup>8;", RUN, -1, -1 },
	/* who: euid is also uid and suid of who may change it */
	{ "measure uid=1000;", AS(user), 0, -1 }, { "measure uid=1001;", AS(user), -1, -1 }, { "measure uid=1001;", AS(capable), -1, -1 },
	{ "measure euid=1001;", AS(user), 0, -1 }, { "measure euid=1000;", AS(user), -1, -1 },
	{ "measure euid=1000;", AS(capable), 0, -1 }, { "measure euid=1002;", AS(capable), 0, -1 },
	{ "measure euid=1003;", AS(capable), -1, -1 }, { "measure uid>999;", AS(user), 0, -1 }, { "measure uid>1000;", AS(user), -1, -1 },
	{ "measure gid=2000;", AS(user), 0, -1 }, { "measure gid=2001;", AS(capable), -1, -1 },
	{ "measure egid=2001;", AS(user), 0, -1 }, { "measure egid=2000;", AS(user), -1, -1 },
	{ "measure egid=2000;", AS(capable), 0, -1 }, { "measure egid=2002;", AS(capable), 0, -1 },
	{ "measure euid<1001;", AS(user), -1, -1 }, { "measure euid<1001;", AS(capable), 0, -1 },
	{ "measure uid=0;", AS(match_root), 0, -1 },
	/* data */
	{ "measure;", KEYRING(".ima"), -1, -1 }, /* rules without a hook are about files */
	{ "measure func=KEY_CHECK;", KEYRING(".ima"), 0, -1 },
	{ "measure func=KEY_CHECK keyrings=.evm|.ima;", KEYRING(".ima"), 0, -1 },
	{ "measure func=KEY_CHECK keyrings=.evm|.ima2;", KEYRING(".ima"), -1, -1 },
	{ "measure func=KEY_CHECK uid=1000;", KEYRING(".ima"), 0, -1 }, { "measure func=KEY_CHECK uid=0;", KEYRING(".ima"), -1, -1 },
	{ "measure func=KEY_CHECK gid=0;", KEYRING(".ima"), 0, -1 }, /* not looked at */
	{ "measure func=CRITICAL_DATA label=selinux;", DATA("selinux"), 0, -1 },
	{ "measure func=CRITICAL_DATA label=selinux;", DATA("kernel_info"), -1, -1 },
	{ "measure func=CRITICAL_DATA;", KEYRING("x"), -1, -1 },
	/* no file hook */
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256;", RUN, -1, -1 },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256;", EVENT(SETXATTR_CHECK, 0, ext4, match_root), -1, -1 },
	/* labels: to be on the safe side, they match where they do and not where they exempt */
	{ "dont_appraise subj_role=unconfined;appraise;", RUN, -1, 1 },
	{ "appraise subj_role=unconfined;dont_appraise;", RUN, -1, 0 },
};

static void test_matches(void **state)
{
	static struct rule rules[8];

	(void)state;
	for (size_t i = 0; i < ROWS(matches); i++) {
		struct match m;

		policy_match(rules, read_policy(matches[i].policy, rules), &matches[i].event, &m);
		if (m.measure != matches[i].measure || m.appraise != matches[i].appraise)
			fail_msg("row %zu %s: measured by %d, appraised by %d", i, matches[i].policy, m.measure, m.appraise);
	}
}

static struct match run(const char *policy)
{
	static const struct match_event event = RUN;
	static struct rule rules[8];
	struct match m;

	policy_match(rules, read_policy(policy, rules), &event, &m);
	return m;
}

static void test_classes(void **state)
{
	struct match m = run("dont_measure;appraise;dont_audit;dont_hash;");

	(void)state;
	assert_true(!m.measures && m.appraises && !m.audits && !m.hashes);
	m = run("audit;hash;");
	assert_true(m.audits && m.hashes && !m.appraises && m.audit == 0 && m.hash == 1);
	m = run("hash;appraise;"); /* an appraise rule takes the hash of one before it away */
	assert_true(m.appraises && !m.hashes);
	m = run("appraise;hash;");
	assert_true(m.appraises && m.hashes);
	assert_false(run("appraise uid=0;").unsure);
	assert_true(run("appraise subj_role=unconfined;").unsure);
	assert_false(run("appraise func=MMAP_CHECK subj_role=unconfined;").unsure);
}

/* Demands are ORed over all that matched; the algorithms are those of the appraise rule, the PCR is the last. */
static void test_demands(void **state)
{
	struct match m = run("measure digest_type=verity pcr=11;appraise permit_directio;");

	(void)state;
	assert_int_equal(m.demands, RULE_VERITY | RULE_DIRECTIO);
	assert_int_equal(m.pcr, 11);
	assert_int_equal(m.algos, 0);
	m = run("appraise appraise_type=imasig appraise_algos=sha256;appraise permit_directio;");
	assert_int_equal(m.demands, RULE_IMASIG | RULE_BLACKLIST); /* the second decides nothing */
	assert_int_equal(m.algos, 1u << HASH_SHA256);
	assert_int_equal(m.pcr, -1);
	m = run("dont_appraise permit_directio;appraise appraise_type=imasig;");
	assert_int_equal(m.demands, RULE_DIRECTIO);
	assert_false(m.appraises);
	assert_int_equal(run("measure digest_type=verity func=MMAP_CHECK;appraise;").demands, 0);
}

/* What covers, matches: over all rows above, a rule that covers another matches wherever the other one does. */
static void test_covers(void **state)
{
	static struct rule rules[ROWS(matches) * 4];
	size_t n = 0, covered = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(matches); i++)
		n += read_policy(matches[i].policy, rules + n);
	for (size_t pair = 0; pair < n * n; pair++) {
		struct rule a = rules[pair / n], b = rules[pair % n];

		/* of one class, so that both answer in the same place */
		if (rule_has_lsm(&a) || rule_has_lsm(&b) || !rule_covers(&a, &b) || b.func == FUNC_SETXATTR_CHECK)
			continue;
		covered++;
		a.action = b.action = ACT_MEASURE;
		for (size_t e = 0; e < ROWS(matches); e++) {
			struct match ma, mb;

			policy_match(&a, 1, &matches[e].event, &ma);
			policy_match(&b, 1, &matches[e].event, &mb);
			if (mb.measures && !ma.measures)
				fail_msg("pair %zu, event %zu", pair, e);
		}
	}
	assert_true(covered > n); /* more than each itself */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),    cmocka_unit_test(test_product), cmocka_unit_test(test_evm),
		cmocka_unit_test(test_evm_product), cmocka_unit_test(test_message), cmocka_unit_test(test_xattrs),
		cmocka_unit_test(test_algo),        cmocka_unit_test(test_content), cmocka_unit_test(test_needs),
		cmocka_unit_test(test_matches),     cmocka_unit_test(test_classes), cmocka_unit_test(test_demands),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
