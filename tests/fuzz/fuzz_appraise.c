/* Labels of any bytes: nothing passes without its proof. Eight bytes say what was found out about the file, then
 * come security.ima and security.evm, each with its length before it, and a digest. */
#include "core/appraise.h"
#include "core/evmmessage.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what) do { if (!(what)) abort(); } while (0)
#define OTHERWISE 31 /* no algorithm's number */
#define HEAD 8

/* A copy that the sanitizer has the end of. */
static struct xattr take(const uint8_t **data, size_t *size)
{
	size_t len = *size ? **data : 0;
	uint8_t *copy;

	if (*size) {
		++*data;
		--*size;
	}
	if (len > *size)
		len = *size;
	copy = malloc(len ? len : 1);
	if (!copy)
		exit(1);
	memcpy(copy, *data, len);
	*data += len;
	*size -= len;
	return (struct xattr){ copy, len };
}

static int type_of(const struct xattr *x)
{
	return x->len ? x->p[0] : -1;
}

static void check_evm(const struct evm_input *in, enum evm_status s)
{
	bool on = in->mode && ((in->mode & EVM_X509) || !in->hmac_unsupported);

	MUST((s == EVM_STATUS_UNKNOWN) == !on);
	if (s == EVM_STATUS_PASS || s == EVM_STATUS_NO_KEY) {
		enum proof p = s == EVM_STATUS_PASS ? PROOF_GOOD : PROOF_NO_KEY;

		MUST(type_of(&in->evm) == 2 ? in->hmac == p && in->evm.len == 21 && (in->mode & EVM_HMAC)
		                            : type_of(&in->evm) == 3 && in->signature == p && in->evm.len > 9);
	}
	if (s == EVM_STATUS_PASS_IMMUTABLE || s == EVM_STATUS_NO_KEY_IMMUTABLE)
		MUST(type_of(&in->evm) == 5 && in->evm.len > 9 &&
		     in->signature == (s == EVM_STATUS_PASS_IMMUTABLE ? PROOF_GOOD : PROOF_NO_KEY));
	MUST((s != EVM_STATUS_NO_LABEL && s != EVM_STATUS_NO_XATTRS) || !in->evm.len);
}

static bool proven(enum proof p)
{
	return p == PROOF_GOOD || p == PROOF_NO_KEY;
}

static void check_good(const struct appraise_input *in, enum label_state s)
{
	struct appraise_needs n = appraise_needs(&in->ima, in->demands);
	bool immutable = in->evm == EVM_STATUS_PASS_IMMUTABLE || in->evm == EVM_STATUS_NO_KEY_IMMUTABLE;
	bool hash = type_of(&in->ima) == 1 || type_of(&in->ima) == 4;
	enum proof content = in->demands & RULE_VERITY ? in->verity : in->content;

	MUST(in->ima.len && n.digest && !in->no_algo && !in->no_xattrs && !((in->demands & RULE_VERITY) && in->no_verity));
	MUST(in->evm != EVM_STATUS_FAIL && in->evm != EVM_STATUS_FAIL_IMMUTABLE && in->evm != EVM_STATUS_NO_LABEL &&
	     in->evm != EVM_STATUS_NO_XATTRS);
	MUST(!in->algos || (in->algos >> in->algo & 1));
	if (hash)
		MUST(!n.signature && proven(content) &&
		     (!(in->demands & RULE_IMASIG) || immutable) && !((in->mask & MASK_WRITE) && immutable));
	else
		MUST(n.signature && proven(in->signature) && !(in->mask & MASK_WRITE));
	if (s == LABEL_STATE_GOOD)
		MUST((hash ? content : in->signature) == PROOF_GOOD && in->evm != EVM_STATUS_NO_KEY && in->evm != EVM_STATUS_NO_KEY_IMMUTABLE);
}

/* What judges may look at of security.ima is what caches keep of it. */
static void check_head(const struct appraise_input *in, enum label_state s)
{
	struct appraise_input short_in = *in;
	uint8_t head[4] = { 0 };

	memcpy(head, in->ima.p, in->ima.len < sizeof(head) ? in->ima.len : sizeof(head));
	short_in.ima.p = head;
	MUST(appraise_judge(&short_in) == s);
}

static void check_content(const struct xattr *ima, const struct xattr *digest)
{
	size_t start = type_of(ima) == 4 ? 2 : 1;

	MUST(appraise_content(ima, digest->p, digest->len) != PROOF_GOOD ||
	     (digest->len && ima->len >= start + digest->len && !memcmp(ima->p + start, digest->p, digest->len)));
}

static void check_message(const struct xattr *ima, const struct xattr *evm)
{
	static const uint8_t uuid[16];
	const struct evm_inode in = { 1, 2, 3, 4, 5, uuid };
	struct xattr values[EVM_XATTRS] = { { NULL, 0 } };
	struct evm_message m;

	values[1] = *evm; /* SMACK64: listed, not enabled */
	values[6] = *ima;
	evm_message(values, &in, type_of(evm), &m);
	MUST(m.count == 3 && m.part[type_of(evm) == 5].p == ima->p);
	MUST(m.part[type_of(evm) == 5 ? 2 : 1].p == m.misc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned demands[] = { RULE_IMASIG, RULE_VERITY, RULE_SIGV3, RULE_MODSIG, RULE_BLACKLIST, RULE_DIRECTIO };
	const uint8_t *h = data;
	struct xattr ima, evm, digest;
	enum label_state s;

	if (size < HEAD)
		return 0;
	data += HEAD;
	size -= HEAD;
	ima = take(&data, &size);
	evm = take(&data, &size);
	digest = take(&data, &size);
	struct evm_input e = { .mode = h[0] & 3, .hmac_unsupported = h[0] & 4, .protected_xattrs = h[0] & 8, .evm = evm,
		.hmac = (enum proof)(h[1] & 3), .signature = (enum proof)(h[1] >> 2 & 3) };
	struct appraise_input in = { .mask = h[2] & 15, .no_xattrs = h[2] & 16, .no_algo = h[2] & 32, .no_verity = h[2] & 64,
		.ima = ima, .signature = (enum proof)(h[3] & 3), .verity = (enum proof)(h[3] >> 5 & 3), .algos = h[4] | (uint32_t)h[5] << 16, .evm = evm_judge(&e),
		.algo = appraise_algo(&ima, OTHERWISE, HASH_COUNT) };

	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++)
		in.demands |= h[6] >> i & 1 ? demands[i] : 0;
	MUST((in.algo >= 0 && in.algo < HASH_COUNT) || in.algo == OTHERWISE);
	in.content = h[3] & 4 ? (enum proof)(h[3] >> 3 & 3) : appraise_content(&ima, digest.p, digest.len);
	check_evm(&e, in.evm);
	check_content(&ima, &digest);
	check_message(&ima, &evm);
	s = appraise_judge(&in);
	MUST(s > LABEL_STATE_UNKNOWN && s < LABEL_STATE_COUNT && *label_state_name(s) != '?');
	if (label_state_good(s))
		check_good(&in, s);
	check_head(&in, s);
	free((void *)(uintptr_t)ima.p);
	free((void *)(uintptr_t)evm.p);
	free((void *)(uintptr_t)digest.p);
	return 0;
}
