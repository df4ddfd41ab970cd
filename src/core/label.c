#include "core/label.h"

#include "core/names.h"

#include <stdbool.h>
#include <string.h>

/* enum evm_ima_xattr_type */
enum {
	XATTR_DIGEST = 1, XATTR_HMAC = 2, XATTR_SIGNATURE = 3, XATTR_DIGEST_NG = 4,
	XATTR_PORTABLE = 5, XATTR_VERITY = 6,
};
#define SIGNATURE_HEADER 9 /* type, version, hash_algo, keyid[4], size[2] */
#define HMAC_SHA1_LEN 20

static const struct {
	size_t size;
	const char *name;
} algos[] = {
	[HASH_MD4] = { 16, "md4" },          [HASH_MD5] = { 16, "md5" },
	[HASH_SHA1] = { 20, "sha1" },        [HASH_RMD160] = { 20, "rmd160" },
	[HASH_SHA256] = { 32, "sha256" },    [HASH_SHA384] = { 48, "sha384" },
	[HASH_SHA512] = { 64, "sha512" },    [HASH_SHA224] = { 28, "sha224" },
	[HASH_RMD128] = { 16, "rmd128" },    [HASH_RMD256] = { 32, "rmd256" },
	[HASH_RMD320] = { 40, "rmd320" },    [HASH_WP256] = { 32, "wp256" },
	[HASH_WP384] = { 48, "wp384" },      [HASH_WP512] = { 64, "wp512" },
	[HASH_TGR128] = { 16, "tgr128" },    [HASH_TGR160] = { 20, "tgr160" },
	[HASH_TGR192] = { 24, "tgr192" },    [HASH_SM3] = { 32, "sm3" },
	[HASH_STREEBOG256] = { 32, "streebog256" }, [HASH_STREEBOG512] = { 64, "streebog512" },
	[HASH_SHA3_256] = { 32, "sha3-256" }, [HASH_SHA3_384] = { 48, "sha3-384" },
	[HASH_SHA3_512] = { 64, "sha3-512" },
};
NAMES_COMPLETE(algos, HASH_COUNT);

size_t hash_algo_size(int algo)
{
	return algo >= 0 && algo < HASH_COUNT ? algos[algo].size : 0;
}

const char *hash_algo_name(int algo)
{
	return algo >= 0 && algo < HASH_COUNT ? algos[algo].name : NULL;
}

int hash_algo_from_name(const char *p, size_t len)
{
	for (int i = 0; i < HASH_COUNT; i++)
		if (len == strlen(algos[i].name) && !memcmp(p, algos[i].name, len))
			return i;
	return -1;
}

static bool parse_hash(const uint8_t *digest, size_t len, int algo, struct label *ret)
{
	if (len == 0 || hash_algo_size(algo) != len)
		return false;
	*ret = (struct label){ .kind = LABEL_HASH, .algo = algo, .digest = digest, .digest_len = len };
	return true;
}

static bool parse_signature(const uint8_t *x, size_t len, enum label_kind kind, struct label *ret)
{
	if (len <= SIGNATURE_HEADER || (x[1] != 2 && x[1] != 3) || !hash_algo_size(x[2]) ||
	    len - SIGNATURE_HEADER != (size_t)(x[7] << 8 | x[8]))
		return false;
	*ret = (struct label){
		.kind = kind,
		.algo = x[2],
		.keyid = (uint32_t)x[3] << 24 | (uint32_t)x[4] << 16 | (uint32_t)x[5] << 8 | x[6],
	};
	return true;
}

static bool parse(const uint8_t *x, size_t len, struct label *ret)
{
	switch (x[0]) {
	case XATTR_DIGEST: return parse_hash(x + 1, len - 1, len == 17 ? HASH_MD5 : HASH_SHA1, ret);
	case XATTR_DIGEST_NG: return len > 2 && parse_hash(x + 2, len - 2, x[1], ret);
	case XATTR_HMAC: *ret = (struct label){ .kind = LABEL_HMAC }; return len == 1 + HMAC_SHA1_LEN;
	case XATTR_SIGNATURE: return parse_signature(x, len, LABEL_SIGNATURE, ret);
	case XATTR_PORTABLE: return parse_signature(x, len, LABEL_PORTABLE, ret);
	case XATTR_VERITY: return parse_signature(x, len, LABEL_VERITY, ret);
	default: return false;
	}
}

void label_parse(const uint8_t *xattr, size_t len, struct label *ret)
{
	*ret = (struct label){ .kind = LABEL_NONE };
	if (len && !parse(xattr, len, ret))
		*ret = (struct label){ .kind = LABEL_UNKNOWN };
}

static const char *const states[] = {
	[LABEL_STATE_UNKNOWN] = "not looked at",
	[LABEL_STATE_GOOD] = "good",
	[LABEL_STATE_UNVERIFIED] = "not verified: its key or its hash algorithm is not at hand",
	[LABEL_STATE_NO_FILE] = "no such file",
	[LABEL_STATE_MISSING_HASH] = "missing-hash",
	[LABEL_STATE_MISSING_HMAC] = "missing-HMAC",
	[LABEL_STATE_INVALID_HASH] = "invalid-hash",
	[LABEL_STATE_INVALID_HMAC] = "invalid-HMAC",
	[LABEL_STATE_MALFORMED] = "unknown-ima-data",
	[LABEL_STATE_UNREADABLE] = "unreadable",
	[LABEL_STATE_SIGNATURE_REQUIRED] = "IMA-signature-required",
	[LABEL_STATE_VERITY_REQUIRED] = "verity-signature-required",
	[LABEL_STATE_INVALID_IMMUTABLE] = "invalid-fail-immutable",
	[LABEL_STATE_INVALID_SIGNATURE] = "invalid-signature",
	[LABEL_STATE_INVALID_VERSION] = "invalid-signature-version",
	[LABEL_STATE_INVALID_VERITY] = "invalid-verity-signature",
	[LABEL_STATE_NO_VERITY] = "no-verity-digest",
	[LABEL_STATE_DENIED_ALGO] = "denied-hash-algorithm",
	[LABEL_STATE_NO_ALGO] = "failed",
	[LABEL_STATE_NO_XATTRS] = "no-label-possible",
	[LABEL_STATE_SIGV3_REQUIRED] = "IMA-sigv3-required",
	[LABEL_STATE_WRITE_SIGNED] = "signed-file-written",
	[LABEL_STATE_UNKNOWN_VERSION] = "unknown",
};
NAMES_COMPLETE(states, LABEL_STATE_COUNT);

bool label_state_good(enum label_state s)
{
	return s == LABEL_STATE_GOOD || s == LABEL_STATE_UNVERIFIED;
}

const char *label_state_name(enum label_state s)
{
	return NAME_OF(states, s);
}
