/* Source: draft-bottomley-tpm2-keys, section 4 (what each command's octets are); TPM 2.0 Part 2 for the structures and
 * their numbers, big-endian. */
#include "crypto/tss2policy.h"

#include <string.h>

/* TPM 2.0 Part 2, TPM_ALG_ID, TPM_EO, and TPMS_TIME_INFO's resetCount */
enum { ALG_SHA256 = 0x0b, ALG_SHA384 = 0x0c, ALG_SHA512 = 0x0d };
enum { EO_EQ = 0, EO_UNSIGNED_LE = 9, RESET_COUNT_AT = 16 };

enum place { POLICY_PCR = 0, POLICY_COUNTER_TIMER, POLICY_AUTHORIZE, POLICY_OR, POLICY_NV, PLACES };
const long tss2policy_code[TSS2_COMMANDS] = {
	[POLICY_PCR] = 0x17f, [POLICY_COUNTER_TIMER] = 0x16d, [POLICY_AUTHORIZE] = 0x16a, [POLICY_OR] = 0x171, [POLICY_NV] = 0x149,
};
_Static_assert(PLACES == TSS2_COMMANDS, "a code for each");

struct cursor {
	const uint8_t *p;
	size_t left;
	bool ok;
};

static uint32_t take(struct cursor *c, size_t bytes)
{
	uint32_t n = 0;

	c->ok = c->ok && c->left >= bytes;
	if (!c->ok)
		return 0;
	for (; bytes; bytes--, c->left--)
		n = n << 8 | *c->p++;
	return n;
}

static void take_bytes(struct cursor *c, size_t n, uint8_t *ret, size_t size)
{
	c->ok = c->ok && n <= c->left && n <= size;
	if (!c->ok)
		return;
	memcpy(ret, c->p, n);
	c->p += n;
	c->left -= n;
}

static enum pcr_bank bank_of(uint32_t algorithm)
{
	return algorithm == ALG_SHA256 ? PCR_BANK_SHA256
	       : algorithm == ALG_SHA384 ? PCR_BANK_SHA384
	       : algorithm == ALG_SHA512 ? PCR_BANK_SHA512
	                                 : PCR_BANK_NONE;
}

/* TPM2B_DIGEST, then TPML_PCR_SELECTION of exactly one bank. */
static void take_pcr(struct cursor *c, struct seal_object *ret)
{
	ret->pcr_digest_len = take(c, 2);
	take_bytes(c, ret->pcr_digest_len, ret->pcr_digest, sizeof(ret->pcr_digest));
	c->ok = c->ok && take(c, 4) == 1;
	ret->pcrs.bank = bank_of(take(c, 2));
	c->ok = c->ok && take(c, 1) == 3 && ret->pcr_digest_len;
	ret->pcrs.mask = take(c, 1);
	ret->pcrs.mask |= take(c, 1) << 8;
	ret->pcrs.mask |= take(c, 1) << 16;
	c->ok = c->ok && ret->pcrs.bank != PCR_BANK_NONE && ret->pcrs.mask;
}

/* operandB (4 bytes), offset, operation */
static void take_timer(struct cursor *c, struct seal_object *ret)
{
	c->ok = c->ok && take(c, 2) == 4;
	ret->resets = take(c, 4);
	c->ok = c->ok && ret->resets && take(c, 2) == RESET_COUNT_AT && take(c, 2) == EO_UNSIGNED_LE;
}

/* TPM2B_PUBLIC, TPM2B_DIGEST policyRef, TPMT_SIGNATURE */
static void take_authorize(struct cursor *c, struct seal_object *ret)
{
	struct seal_approval *a = &ret->approval;
	size_t n = take(c, 2);

	a->by.key[0] = (uint8_t)(n >> 8);
	a->by.key[1] = (uint8_t)n;
	take_bytes(c, n, a->by.key + 2, sizeof(a->by.key) - 2);
	a->by.key_len = n + 2;
	a->by.ref_len = take(c, 2);
	take_bytes(c, a->by.ref_len, a->by.ref, sizeof(a->by.ref));
	a->signature_len = c->left;
	take_bytes(c, c->left, a->signature, sizeof(a->signature));
	c->ok = c->ok && n && a->signature_len;
}

/* TPML_DIGEST of SHA-256 digests */
static void take_or(struct cursor *c, struct seal_object *ret)
{
	ret->branches = take(c, 4);
	c->ok = c->ok && ret->branches >= 2 && ret->branches <= SEAL_BRANCHES_MAX;
	for (size_t i = 0; c->ok && i < ret->branches; i++) {
		c->ok = take(c, 2) == SEAL_BRANCH_LEN;
		take_bytes(c, SEAL_BRANCH_LEN, ret->branch[i], SEAL_BRANCH_LEN);
	}
}

/* The index, then PolicyNV's parameters: operandB (8 bytes), offset, operation. */
static void take_nv(struct cursor *c, struct seal_object *ret)
{
	uint64_t high;

	ret->counter = take(c, 4);
	c->ok = c->ok && take(c, 2) == 8;
	high = take(c, 4);
	ret->generation = high << 32 | take(c, 4);
	c->ok = c->ok && take(c, 2) == 0 && take(c, 2) == EO_EQ && ret->counter >> 24 == 0x01; /* TPM_HT_NV_INDEX */
}

bool tss2policy_take(int place, const uint8_t *p, size_t len, struct seal_object *ret)
{
	static void (*const takers[PLACES])(struct cursor *, struct seal_object *) = {
		[POLICY_PCR] = take_pcr, [POLICY_COUNTER_TIMER] = take_timer, [POLICY_AUTHORIZE] = take_authorize,
		[POLICY_OR] = take_or, [POLICY_NV] = take_nv,
	};
	struct cursor c = { p, len, true };

	takers[place](&c, ret);
	return c.ok && c.left == 0;
}

bool tss2policy_whole(unsigned seen, const struct seal_object *o)
{
	bool bound = seen & (1u << POLICY_PCR | 1u << POLICY_COUNTER_TIMER), approved = seen & 1u << POLICY_AUTHORIZE;

	/* bound to nothing but a number of resets, only by approval; approved, only where it was sealed for that */
	return seen & 1u << POLICY_NV && bound && (approved || (o->pcrs.mask && !o->resets)) && (!approved || o->branches);
}

/* -- writing ---------------------------------------------------------------------------- */

static void put(uint8_t **p, uint32_t n, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*(*p)++ = (uint8_t)(n >> 8 * i);
}

static void put_bytes(uint8_t **p, const uint8_t *bytes, size_t len)
{
	memcpy(*p, bytes, len);
	*p += len;
}

static void put_pcr(uint8_t **p, const struct seal_object *o)
{
	static const uint16_t algorithms[] = { 0, ALG_SHA256, ALG_SHA384, ALG_SHA512 };

	if (!o->pcrs.mask)
		return;
	put(p, (uint32_t)o->pcr_digest_len, 2);
	put_bytes(p, o->pcr_digest, o->pcr_digest_len);
	put(p, 1, 4);
	put(p, algorithms[o->pcrs.bank], 2);
	put(p, 3, 1);
	for (int i = 0; i < 3; i++)
		put(p, o->pcrs.mask >> 8 * i & 0xff, 1);
}

static void put_timer(uint8_t **p, const struct seal_object *o)
{
	if (!o->resets)
		return;
	put(p, 4, 2);
	put(p, o->resets, 4);
	put(p, RESET_COUNT_AT, 2);
	put(p, EO_UNSIGNED_LE, 2);
}

static void put_authorize(uint8_t **p, const struct seal_object *o)
{
	const struct seal_approval *a = &o->approval;

	if (!a->signature_len)
		return;
	put_bytes(p, a->by.key, a->by.key_len);
	put(p, (uint32_t)a->by.ref_len, 2);
	put_bytes(p, a->by.ref, a->by.ref_len);
	put_bytes(p, a->signature, a->signature_len);
}

static void put_or(uint8_t **p, const struct seal_object *o)
{
	if (!o->branches)
		return;
	put(p, (uint32_t)o->branches, 4);
	for (size_t i = 0; i < o->branches; i++) {
		put(p, SEAL_BRANCH_LEN, 2);
		put_bytes(p, o->branch[i], SEAL_BRANCH_LEN);
	}
}

static void put_nv(uint8_t **p, const struct seal_object *o)
{
	put(p, o->counter, 4);
	put(p, 8, 2);
	put(p, (uint32_t)(o->generation >> 32), 4);
	put(p, (uint32_t)o->generation, 4);
	put(p, 0, 2);
	put(p, EO_EQ, 2);
}

size_t tss2policy_format(int place, const struct seal_object *o, uint8_t ret[static TSS2_COMMAND_MAX])
{
	static void (*const putters[PLACES])(uint8_t **, const struct seal_object *) = {
		[POLICY_PCR] = put_pcr, [POLICY_COUNTER_TIMER] = put_timer, [POLICY_AUTHORIZE] = put_authorize,
		[POLICY_OR] = put_or, [POLICY_NV] = put_nv,
	};
	uint8_t *p = ret;

	putters[place](&p, o);
	return (size_t)(p - ret);
}
