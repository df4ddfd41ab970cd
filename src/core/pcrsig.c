#include "core/pcrsig.h"

#include "core/base64.h"
#include "core/json.h"
#include "core/seal.h"

#include <stdio.h>
#include <string.h>

/* TPM 2.0 Part 2, TPM_CC */
#define CC_POLICY_PCR 0x17f
#define CC_POLICY_AUTHORIZE 0x16a
#define PCRS_WORDS 16 /* bank and key names are shorter */

enum field { FIELD_PCRS = 0, FIELD_KEY, FIELD_POLICY, FIELD_SIGNATURE, FIELD_EPOCH, FIELD_EPOCHAL, FIELDS };
static const char *const names[FIELDS] = { "pcrs", "pkfp", "pol", "sig", "imagate-epoch", "imagate-sig" };

static bool take_pcrs(struct json *j, uint32_t *ret)
{
	bool first = true;
	unsigned n;

	if (!json_open(j, '['))
		return false;
	for (*ret = 0; json_more(j, '[', &first); *ret |= UINT32_C(1) << n) {
		if (!json_number(j, 23, &n))
			return false;
		if (*ret & UINT32_C(1) << n)
			return json_fail(j, "a PCR is listed twice");
	}
	return !j->error && (*ret || json_fail(j, "it lists no PCR"));
}

static bool take_digest(struct json *j, uint8_t ret[static PCRSIG_DIGEST_LEN])
{
	char text[2 * PCRSIG_DIGEST_LEN + 1];
	size_t len, n;

	if (!json_string(j, text, sizeof(text), &len))
		return false;
	return (len < sizeof(text) && hex_decode(text, len, ret, PCRSIG_DIGEST_LEN, &n) && n == PCRSIG_DIGEST_LEN) ||
	       json_fail(j, "not a SHA-256 digest in hexadecimal digits");
}

static bool take_signature(struct json *j, struct signature *ret)
{
	char text[BASE64_LEN(PCRSIG_SIGNATURE_MAX) + 1];
	size_t len;

	if (!json_string(j, text, sizeof(text), &len))
		return false;
	return (len < sizeof(text) && base64_decode(text, len, ret->bytes, sizeof(ret->bytes), &ret->len) && ret->len) ||
	       json_fail(j, "not a signature in Base64, or one of a key above 4096 bits");
}

static bool take_field(struct json *j, enum field f, struct pcrsig *ret)
{
	switch (f) {
	case FIELD_PCRS: return take_pcrs(j, &ret->pcrs.mask);
	case FIELD_KEY: return take_digest(j, ret->key);
	case FIELD_POLICY: return take_digest(j, ret->policy);
	case FIELD_SIGNATURE: return take_signature(j, &ret->plain);
	case FIELD_EPOCHAL: return take_signature(j, &ret->epochal);
	case FIELD_EPOCH:
		return json_number(j, PCRSIG_EPOCH_MAX, &ret->epoch) && (ret->epoch || json_fail(j, "an epoch is a number from 1 on"));
	case FIELDS: break;
	}
	return json_skip(j);
}

static enum field field_of(const char *name)
{
	int f = 0;

	while (f < FIELDS && strcmp(names[f], name))
		f++;
	return (enum field)f;
}

/* *ret_whole: it has all that makes a signature. */
static bool take_entry(struct json *j, enum pcr_bank bank, struct pcrsig *ret, bool *ret_whole)
{
	const unsigned needed = 1u << FIELD_PCRS | 1u << FIELD_KEY | 1u << FIELD_POLICY;
	unsigned seen = 0;
	bool first = true;
	char name[PCRS_WORDS];
	size_t len;

	memset(ret, 0, sizeof(*ret));
	ret->pcrs.bank = bank;
	if (!json_open(j, '{'))
		return false;
	while (json_more(j, '{', &first)) {
		enum field f;

		if (!json_key(j, name, sizeof(name), &len))
			return false;
		f = len < sizeof(name) ? field_of(name) : FIELDS;
		if (f != FIELDS && seen & 1u << f)
			return json_fail(j, "given twice in one entry");
		seen |= f != FIELDS ? 1u << f : 0;
		if (!take_field(j, f, ret))
			return false;
	}
	if (!(seen & 1u << FIELD_EPOCH) != !(seen & 1u << FIELD_EPOCHAL))
		return json_fail(j, "imagate-epoch and imagate-sig go together");
	*ret_whole = (seen & needed) == needed && (ret->plain.len || ret->epochal.len);
	return !j->error;
}

static enum pcr_bank bank_of(const char *name)
{
	for (int b = PCR_BANK_SHA256; b <= PCR_BANK_SHA512; b++)
		if (!strcmp(name, pcr_bank_name((enum pcr_bank)b)))
			return (enum pcr_bank)b;
	return PCR_BANK_NONE;
}

static bool take_bank(struct json *j, enum pcr_bank bank, pcrsig_fn each, void *arg)
{
	struct pcrsig s;
	bool first = true, whole;

	if (!json_open(j, '['))
		return false;
	while (json_more(j, '[', &first)) {
		if (!take_entry(j, bank, &s, &whole))
			return false;
		if (whole)
			each(&s, arg);
	}
	return !j->error;
}

static bool take_all(struct json *j, pcrsig_fn each, void *arg)
{
	unsigned seen = 0;
	bool first = true;
	char name[PCRS_WORDS];
	size_t len;

	if (!json_open(j, '{'))
		return false;
	while (json_more(j, '{', &first)) {
		enum pcr_bank b;

		if (!json_key(j, name, sizeof(name), &len))
			return false;
		b = len < sizeof(name) ? bank_of(name) : PCR_BANK_NONE;
		if (b != PCR_BANK_NONE && seen & 1u << b)
			return json_fail(j, "a bank is given twice");
		seen |= 1u << b;
		/* sha1 is one of those that are not for us */
		if (b == PCR_BANK_NONE ? !json_skip(j) : !take_bank(j, b, each, arg))
			return false;
	}
	return json_end(j);
}

bool pcrsig_each(const char *text, size_t len, pcrsig_fn each, void *arg, unsigned *ret_line, const char **ret_error)
{
	struct json j;
	bool ok;

	/* a PE section may be padded with zeros */
	while (len && text[len - 1] == '\0')
		len--;
	json_begin(&j, text, len);
	ok = take_all(&j, each, arg);
	*ret_line = ok ? 0 : json_line(&j);
	*ret_error = j.error;
	return ok;
}

size_t pcrsig_ref(unsigned epoch, char ret[static PCRSIG_REF_MAX])
{
	*ret = '\0';
	return epoch ? (size_t)snprintf(ret, PCRSIG_REF_MAX, PCRSIG_REF, epoch) : 0;
}

/* TPML_PCR_SELECTION of one bank. */
static void selection_bytes(const struct pcr_selection *pcrs, uint8_t ret[static 10])
{
	uint16_t alg = bank_from_name(pcr_bank_name(pcrs->bank));
	const uint8_t bytes[10] = { 0, 0, 0, 1, (uint8_t)(alg >> 8), (uint8_t)alg, 3, (uint8_t)pcrs->mask, (uint8_t)(pcrs->mask >> 8),
		(uint8_t)(pcrs->mask >> 16) };

	memcpy(ret, bytes, sizeof(bytes));
}

static bool sha256(const struct part *parts, size_t count, hash_fn hash, void *arg, uint8_t ret[static PCRSIG_DIGEST_LEN])
{
	uint8_t digest[BANK_DIGEST_MAX];

	if (!hash(arg, BANK_SHA256, parts, count, digest))
		return false;
	memcpy(ret, digest, PCRSIG_DIGEST_LEN);
	return true;
}

/* A session's digest when it is new, and a command's code behind it. */
static const uint8_t begin_pcr[PCRSIG_DIGEST_LEN + 4] = { [PCRSIG_DIGEST_LEN + 2] = CC_POLICY_PCR >> 8, CC_POLICY_PCR & 0xff };
static const uint8_t begin_authorize[PCRSIG_DIGEST_LEN + 4] = { [PCRSIG_DIGEST_LEN + 2] = CC_POLICY_AUTHORIZE >> 8, CC_POLICY_AUTHORIZE & 0xff };

bool pcrsig_policy(const struct pcr_selection *pcrs, const uint8_t digest[static PCRSIG_DIGEST_LEN], hash_fn hash, void *arg,
                   uint8_t ret[static PCRSIG_DIGEST_LEN])
{
	uint8_t selection[10];
	const struct part parts[] = { { begin_pcr, sizeof(begin_pcr) }, { selection, sizeof(selection) }, { digest, PCRSIG_DIGEST_LEN } };

	selection_bytes(pcrs, selection);
	return sha256(parts, 3, hash, arg, ret);
}

bool pcrsig_branch(const uint8_t name[static PCRSIG_NAME_LEN], unsigned epoch, hash_fn hash, void *arg,
                   uint8_t ret[static PCRSIG_DIGEST_LEN])
{
	char ref[PCRSIG_REF_MAX];
	uint8_t inner[PCRSIG_DIGEST_LEN];
	const struct part parts[] = { { begin_authorize, sizeof(begin_authorize) }, { name, PCRSIG_NAME_LEN } };
	const struct part again[] = { { inner, sizeof(inner) }, { ref, pcrsig_ref(epoch, ref) } };

	return sha256(parts, 2, hash, arg, inner) && sha256(again, 2, hash, arg, ret);
}
