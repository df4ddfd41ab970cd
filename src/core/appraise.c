#include "core/appraise.h"

#include <string.h>

/* enum evm_ima_xattr_type */
enum {
	TYPE_DIGEST = 1, TYPE_HMAC = 2, TYPE_SIGNATURE = 3, TYPE_DIGEST_NG = 4, TYPE_PORTABLE = 5, TYPE_VERITY = 6,
};
#define SIGNATURE_HEADER 9
#define HMAC_XATTR_LEN 21

static enum evm_status of_proof(enum proof p, enum evm_status pass, enum evm_status fail)
{
	if (p == PROOF_NO_KEY)
		return pass == EVM_STATUS_PASS_IMMUTABLE ? EVM_STATUS_NO_KEY_IMMUTABLE : EVM_STATUS_NO_KEY;
	return p == PROOF_GOOD ? pass : fail;
}

enum evm_status evm_judge(const struct evm_input *in)
{
	if (in->mode == EVM_OFF || (!(in->mode & EVM_X509) && in->hmac_unsupported))
		return EVM_STATUS_UNKNOWN;
	if (in->evm.len == 0 && in->evm.p) /* there, and empty */
		return EVM_STATUS_FAIL;
	if (in->evm.len == 0)
		return in->protected_xattrs ? EVM_STATUS_NO_LABEL : EVM_STATUS_NO_XATTRS;
	switch (in->evm.p[0]) {
	case TYPE_HMAC:
		/* with certificates only there is no key for it: ENOKEY, and that is a failure */
		return !(in->mode & EVM_HMAC) || in->evm.len != HMAC_XATTR_LEN
		       ? EVM_STATUS_FAIL : of_proof(in->hmac, EVM_STATUS_PASS, EVM_STATUS_FAIL);
	case TYPE_PORTABLE:
		return in->evm.len <= SIGNATURE_HEADER ? EVM_STATUS_FAIL
		                                       : of_proof(in->signature, EVM_STATUS_PASS_IMMUTABLE, EVM_STATUS_FAIL_IMMUTABLE);
	case TYPE_SIGNATURE:
		return in->evm.len <= SIGNATURE_HEADER ? EVM_STATUS_FAIL
		                                       : of_proof(in->signature, EVM_STATUS_PASS, EVM_STATUS_FAIL);
	default: return EVM_STATUS_FAIL;
	}
}

static int algo_of_signature(const struct xattr *x, unsigned version, int otherwise, int count)
{
	return x->p[1] == version && x->len > SIGNATURE_HEADER && x->p[2] < count ? x->p[2] : otherwise;
}

int appraise_algo(const struct xattr *x, int otherwise, int count)
{
	static const uint8_t zero[4];

	if (x->len < 2)
		return otherwise;
	switch (x->p[0]) {
	case TYPE_VERITY: return algo_of_signature(x, 3, otherwise, count);
	case TYPE_SIGNATURE: return algo_of_signature(x, 2, otherwise, count);
	case TYPE_DIGEST_NG: return x->p[1] < count ? x->p[1] : otherwise;
	case TYPE_DIGEST:
		if (x->len == 21)
			return memcmp(x->p + 17, zero, 4) == 0 ? HASH_MD5 : HASH_SHA1;
		return x->len == 17 ? HASH_MD5 : otherwise;
	default: return otherwise;
	}
}

struct appraise_needs appraise_needs(const struct xattr *x, unsigned demands)
{
	struct appraise_needs n = { false, false };

	if (x->len == 0)
		return n;
	switch (x->p[0]) {
	case TYPE_DIGEST:
	case TYPE_DIGEST_NG: n.digest = true; break; /* a portable EVM signature may meet imasig */
	case TYPE_SIGNATURE: n.digest = n.signature = !(demands & RULE_VERITY); break;
	case TYPE_VERITY: n.digest = n.signature = demands & RULE_VERITY; break;
	default: break;
	}
	return n;
}

static enum label_state required(unsigned demands)
{
	return demands & RULE_VERITY ? LABEL_STATE_VERITY_REQUIRED : LABEL_STATE_SIGNATURE_REQUIRED;
}

enum proof appraise_content(const struct xattr *x, const uint8_t *digest, size_t len)
{
	size_t start = x->len && x->p[0] == TYPE_DIGEST_NG ? 2 : 1; /* md5 was once kept in 20 bytes */

	if (len == 0 || x->len < start + len)
		return PROOF_BAD;
	if (!digest)
		return PROOF_NO_KEY;
	return memcmp(x->p + start, digest, len) == 0 ? PROOF_GOOD : PROOF_BAD;
}

static enum label_state state_of(enum proof p, enum label_state bad)
{
	return p == PROOF_GOOD ? LABEL_STATE_GOOD : p == PROOF_NO_KEY ? LABEL_STATE_UNVERIFIED : bad;
}

static enum label_state judge_hash(const struct appraise_input *in)
{
	/* a good portable signature of EVM's meets imasig, too; an HMAC never does */
	if ((in->demands & RULE_IMASIG) && in->evm != EVM_STATUS_PASS_IMMUTABLE && in->evm != EVM_STATUS_NO_KEY_IMMUTABLE)
		return required(in->demands);
	/* under digest_type=verity the kernel compares with fs-verity's digest, which is not the content's */
	return state_of(in->demands & RULE_VERITY ? in->verity : in->content, LABEL_STATE_INVALID_HASH);
}

static enum label_state judge_ima(const struct appraise_input *in)
{
	const unsigned both = RULE_IMASIG | RULE_VERITY;

	switch (in->ima.p[0]) {
	case TYPE_DIGEST:
	case TYPE_DIGEST_NG: return judge_hash(in);
	case TYPE_SIGNATURE:
		if ((in->demands & both) == both)
			return LABEL_STATE_VERITY_REQUIRED;
		if (in->ima.len > 1 && in->ima.p[1] >= 3)
			return LABEL_STATE_INVALID_VERSION;
		if (in->demands & RULE_SIGV3)
			return LABEL_STATE_SIGV3_REQUIRED;
		if (in->ima.len > 1 && in->ima.p[1] == 0) /* no format that digsig.c knows: it says so, and that is no verdict */
			return LABEL_STATE_UNKNOWN_VERSION;
		/* the same: it is of the content */
		return state_of(in->demands & RULE_VERITY ? PROOF_BAD : in->signature, LABEL_STATE_INVALID_SIGNATURE);
	case TYPE_VERITY:
		if ((in->demands & both) == RULE_IMASIG)
			return LABEL_STATE_SIGNATURE_REQUIRED;
		if (in->ima.len < 2 || in->ima.p[1] != 3)
			return LABEL_STATE_INVALID_VERSION;
		/* without digest_type=verity the kernel hashes the content, which is not what was signed */
		return state_of(in->demands & RULE_VERITY ? in->signature : PROOF_BAD, LABEL_STATE_INVALID_VERITY);
	default: return LABEL_STATE_MALFORMED;
	}
}

static enum label_state judge_evm(enum evm_status s)
{
	switch (s) {
	case EVM_STATUS_NO_XATTRS:
	case EVM_STATUS_NO_LABEL: return LABEL_STATE_MISSING_HMAC;
	case EVM_STATUS_FAIL_IMMUTABLE: return LABEL_STATE_INVALID_IMMUTABLE;
	case EVM_STATUS_FAIL: return LABEL_STATE_INVALID_HMAC;
	default: return LABEL_STATE_GOOD;
	}
}

/* Does the kernel take the file for a signed one, which must not be written to? */
static bool is_signed(const struct appraise_input *in)
{
	return in->ima.len && (in->ima.p[0] == TYPE_SIGNATURE || in->ima.p[0] == TYPE_VERITY ||
	                       in->evm == EVM_STATUS_PASS_IMMUTABLE || in->evm == EVM_STATUS_FAIL_IMMUTABLE ||
	                       in->evm == EVM_STATUS_NO_KEY_IMMUTABLE);
}

static enum label_state judge(const struct appraise_input *in)
{
	enum label_state s, evm;

	/* collecting comes first: ima_collect_measurement */
	if ((in->demands & RULE_VERITY) && in->no_verity)
		return LABEL_STATE_NO_VERITY;
	if (in->no_algo)
		return LABEL_STATE_NO_ALGO;
	if (in->no_xattrs)
		return LABEL_STATE_NO_XATTRS;
	if (in->ima.len == 0)
		return in->demands & RULE_IMASIG ? required(in->demands) : LABEL_STATE_MISSING_HASH;
	evm = judge_evm(in->evm);
	if (evm != LABEL_STATE_GOOD)
		return evm;
	s = judge_ima(in);
	if (s == LABEL_STATE_GOOD && (in->evm == EVM_STATUS_NO_KEY || in->evm == EVM_STATUS_NO_KEY_IMMUTABLE))
		s = LABEL_STATE_UNVERIFIED;
	if (label_state_good(s) && in->algos && !(in->algos >> in->algo & 1))
		return LABEL_STATE_DENIED_ALGO;
	return s;
}

enum label_state appraise_judge(const struct appraise_input *in)
{
	enum label_state s = judge(in);

	return label_state_good(s) && (in->mask & MASK_WRITE) && is_signed(in) ? LABEL_STATE_WRITE_SIGNED : s;
}
