/* The TSS2 PRIVATE KEY block. Source: draft-bottomley-tpm2-keys, section 3. */
#include "crypto/crypto.h"
#include "crypto/failed.h"

#include <openssl/asn1t.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define PEM_NAME "TSS2 PRIVATE KEY"
#define OID_SEALED_DATA "2.23.133.10.1.5"
/* TPM 2.0 Part 2, TPM_CC */
#define CC_POLICY_PCR 0x17f
#define CC_POLICY_NV 0x149
#define POLICY_MAX (SEAL_DIGEST_MAX + 12)

/* TPM 2.0 Part 2, TPM_ALG_ID */
enum { ALG_SHA256 = 0x0b, ALG_SHA384 = 0x0c, ALG_SHA512 = 0x0d };

typedef struct {
	ASN1_INTEGER *code;
	ASN1_OCTET_STRING *policy;
} TPM_POLICY;
DEFINE_STACK_OF(TPM_POLICY)

typedef struct {
	ASN1_OBJECT *type;
	ASN1_BOOLEAN empty_auth;
	STACK_OF(TPM_POLICY) *policy;
	ASN1_OCTET_STRING *secret;
	ASN1_INTEGER *parent;
	ASN1_OCTET_STRING *pub;
	ASN1_OCTET_STRING *priv;
} TPM_KEY;

ASN1_SEQUENCE(TPM_POLICY) = {
	ASN1_EXP(TPM_POLICY, code, ASN1_INTEGER, 0),
	ASN1_EXP(TPM_POLICY, policy, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(TPM_POLICY)

ASN1_SEQUENCE(TPM_KEY) = {
	ASN1_SIMPLE(TPM_KEY, type, ASN1_OBJECT),
	ASN1_EXP_OPT(TPM_KEY, empty_auth, ASN1_BOOLEAN, 0),
	ASN1_EXP_SEQUENCE_OF_OPT(TPM_KEY, policy, TPM_POLICY, 1),
	ASN1_EXP_OPT(TPM_KEY, secret, ASN1_OCTET_STRING, 2),
	ASN1_SIMPLE(TPM_KEY, parent, ASN1_INTEGER),
	ASN1_SIMPLE(TPM_KEY, pub, ASN1_OCTET_STRING),
	ASN1_SIMPLE(TPM_KEY, priv, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(TPM_KEY)

static void key_free(TPM_KEY **k)
{
	if (*k)
		ASN1_item_free((ASN1_VALUE *)*k, ASN1_ITEM_rptr(TPM_KEY));
}
#define KEY_SCOPE __attribute__((cleanup(key_free))) TPM_KEY *

static void bio_free(BIO **b)
{
	BIO_free(*b);
}
#define BIO_SCOPE __attribute__((cleanup(bio_free))) BIO *

static enum outcome damaged(struct why *why, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "TSS2 PRIVATE KEY", "");
	why_detail(why, detail);
	ERR_clear_error();
	return OUTCOME_BROKEN;
}

/* -- marshalled TPM structures: big-endian numbers ----------------------------------- */

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

static enum pcr_bank bank_of(uint32_t algorithm)
{
	return algorithm == ALG_SHA256 ? PCR_BANK_SHA256
	       : algorithm == ALG_SHA384 ? PCR_BANK_SHA384
	       : algorithm == ALG_SHA512 ? PCR_BANK_SHA512
	                                 : PCR_BANK_NONE;
}

/* TPM2B_DIGEST, then TPML_PCR_SELECTION of exactly one bank. */
static bool parse_policy_pcr(const uint8_t *p, size_t len, struct seal_object *ret)
{
	struct cursor c = { p, len, true };
	size_t n = take(&c, 2);

	if (!c.ok || n > c.left || n > sizeof(ret->pcr_digest))
		return false;
	memcpy(ret->pcr_digest, c.p, n);
	ret->pcr_digest_len = n;
	c.p += n;
	c.left -= n;
	if (take(&c, 4) != 1)
		return false;
	ret->pcrs.bank = bank_of(take(&c, 2));
	if (take(&c, 1) != 3)
		return false;
	ret->pcrs.mask = take(&c, 1);
	ret->pcrs.mask |= take(&c, 1) << 8;
	ret->pcrs.mask |= take(&c, 1) << 16;
	return c.ok && c.left == 0 && ret->pcrs.bank != PCR_BANK_NONE && ret->pcrs.mask;
}

/* The index, then PolicyNV's parameters: operandB (8 bytes), offset 0, TPM_EO_EQ 0. */
static bool parse_policy_nv(const uint8_t *p, size_t len, struct seal_object *ret)
{
	struct cursor c = { p, len, true };
	uint64_t high;
	bool counts;

	ret->counter = take(&c, 4);
	counts = take(&c, 2) == 8;
	high = take(&c, 4);
	ret->generation = high << 32 | take(&c, 4);
	counts = counts && take(&c, 2) == 0 && take(&c, 2) == 0;
	return counts && c.ok && c.left == 0 && ret->counter >> 24 == 0x01; /* TPM_HT_NV_INDEX */
}

static void put(uint8_t **p, uint32_t n, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*(*p)++ = (uint8_t)(n >> 8 * i);
}

static size_t format_policy_nv(const struct seal_object *o, uint8_t ret[static POLICY_MAX])
{
	uint8_t *p = ret;

	put(&p, o->counter, 4);
	put(&p, 8, 2);
	put(&p, (uint32_t)(o->generation >> 32), 4);
	put(&p, (uint32_t)o->generation, 4);
	put(&p, 0, 4); /* offset, operation */
	return (size_t)(p - ret);
}

static size_t format_policy_pcr(const struct seal_object *o, uint8_t ret[static POLICY_MAX])
{
	static const uint16_t algorithms[] = { 0, ALG_SHA256, ALG_SHA384, ALG_SHA512 };
	uint8_t *p = ret;

	put(&p, (uint32_t)o->pcr_digest_len, 2);
	memcpy(p, o->pcr_digest, o->pcr_digest_len);
	p += o->pcr_digest_len;
	put(&p, 1, 4);
	put(&p, algorithms[o->pcrs.bank], 2);
	put(&p, 3, 1);
	for (int i = 0; i < 3; i++)
		put(&p, o->pcrs.mask >> 8 * i & 0xff, 1);
	return (size_t)(p - ret);
}

/* -- reading ------------------------------------------------------------------------- */

static bool copy_octets(const ASN1_OCTET_STRING *s, uint8_t *ret, size_t size, size_t *ret_len)
{
	int len = ASN1_STRING_length(s);

	if (len <= 0 || (size_t)len > size)
		return false;
	memcpy(ret, ASN1_STRING_get0_data(s), (size_t)len);
	*ret_len = (size_t)len;
	return true;
}

static bool is_sealed_data(const ASN1_OBJECT *type)
{
	char oid[64];

	return OBJ_obj2txt(oid, sizeof(oid), type, 1) > 0 && !strcmp(oid, OID_SEALED_DATA);
}

static bool take_command(const TPM_KEY *k, int i, long code,
                         bool (*parse)(const uint8_t *, size_t, struct seal_object *), struct seal_object *ret)
{
	const TPM_POLICY *p = sk_TPM_POLICY_value(k->policy, i);

	return ASN1_INTEGER_get(p->code) == code &&
	       parse(ASN1_STRING_get0_data(p->policy), (size_t)ASN1_STRING_length(p->policy), ret);
}

static enum outcome take_policy(const TPM_KEY *k, struct seal_object *ret, struct why *why)
{
	if (k->policy && sk_TPM_POLICY_num(k->policy) == 2 &&
	    take_command(k, 0, CC_POLICY_PCR, parse_policy_pcr, ret) &&
	    take_command(k, 1, CC_POLICY_NV, parse_policy_nv, ret))
		return OUTCOME_OK;
	return damaged(why, "its policy is not PolicyPCR and PolicyNV: it was not made by imagate");
}

static enum outcome take_key(const TPM_KEY *k, struct seal_object *ret, struct why *why)
{
	uint64_t parent;

	if (!is_sealed_data(k->type))
		return damaged(why, "it holds no sealed data");
	if (k->empty_auth <= 0 || k->secret)
		return damaged(why, "it asks for an authorisation: it was not made by imagate");
	if (!ASN1_INTEGER_get_uint64(&parent, k->parent) || parent > UINT32_MAX)
		return damaged(why, "its parent is no handle");
	ret->parent = (uint32_t)parent;
	if (!copy_octets(k->pub, ret->public_part, sizeof(ret->public_part), &ret->public_len) ||
	    !copy_octets(k->priv, ret->private_part, sizeof(ret->private_part), &ret->private_len))
		return damaged(why, "its public or private part is empty or too long");
	return take_policy(k, ret, why);
}

static enum outcome parse_der(const unsigned char *der, long len, struct seal_object *ret, struct why *why)
{
	const unsigned char *p = der;
	KEY_SCOPE k = (TPM_KEY *)ASN1_item_d2i(NULL, &p, len, ASN1_ITEM_rptr(TPM_KEY));

	if (!k || p != der + len)
		return damaged(why, "its ASN.1 is damaged: restore seal.pem or seal again");
	return take_key(k, ret, why);
}

enum outcome tss2pem_parse(const char *pem, size_t len, struct seal_object *ret, struct why *why)
{
	BIO_SCOPE in = len <= SEAL_FILE_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long der_len;
	enum outcome o;

	memset(ret, 0, sizeof(*ret));
	if (!in || !PEM_read_bio(in, &name, &header, &der, &der_len))
		return damaged(why, "its PEM is damaged: restore seal.pem or seal again");
	if (strcmp(name, PEM_NAME) != 0 || *header)
		o = damaged(why, "this is another kind of PEM file");
	else if (BIO_pending(in) > 0)
		o = damaged(why, "something follows the PEM block");
	else
		o = parse_der(der, der_len, ret, why);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return o;
}

/* -- writing ------------------------------------------------------------------------- */

static bool add_command(TPM_KEY *k, long code, const uint8_t *bytes, size_t len)
{
	TPM_POLICY *p = (TPM_POLICY *)ASN1_item_new(ASN1_ITEM_rptr(TPM_POLICY));

	if (!p || !sk_TPM_POLICY_push(k->policy, p)) {
		ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(TPM_POLICY));
		return false;
	}
	return ASN1_INTEGER_set(p->code, code) && ASN1_OCTET_STRING_set(p->policy, bytes, (int)len);
}

static bool fill_policy(TPM_KEY *k, const struct seal_object *o)
{
	uint8_t bytes[POLICY_MAX];
	size_t len = format_policy_pcr(o, bytes);

	k->policy = sk_TPM_POLICY_new_null();
	if (!k->policy || !add_command(k, CC_POLICY_PCR, bytes, len))
		return false;
	len = format_policy_nv(o, bytes);
	return add_command(k, CC_POLICY_NV, bytes, len);
}

static bool fill_key(TPM_KEY *k, const struct seal_object *o)
{
	ASN1_OBJECT_free(k->type);
	k->type = OBJ_txt2obj(OID_SEALED_DATA, 1);
	k->empty_auth = 0xff;
	return k->type && fill_policy(k, o) && ASN1_INTEGER_set_uint64(k->parent, o->parent) &&
	       ASN1_OCTET_STRING_set(k->pub, o->public_part, (int)o->public_len) &&
	       ASN1_OCTET_STRING_set(k->priv, o->private_part, (int)o->private_len);
}

enum outcome tss2pem_format(const struct seal_object *o, char *ret, size_t size, size_t *ret_len,
                            struct why *why)
{
	KEY_SCOPE k = (TPM_KEY *)ASN1_item_new(ASN1_ITEM_rptr(TPM_KEY));
	BIO_SCOPE out = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	const char *text;
	long n = 0;
	int der_len;
	bool ok;

	if (!k || !out || !fill_key(k, o))
		return crypto_failed(why, "encode", PEM_NAME);
	der_len = ASN1_item_i2d((ASN1_VALUE *)k, &der, ASN1_ITEM_rptr(TPM_KEY));
	ok = der_len > 0 && PEM_write_bio(out, PEM_NAME, "", der, der_len) > 0;
	OPENSSL_free(der);
	if (ok)
		n = BIO_get_mem_data(out, (char **)&text);
	if (!ok || n <= 0 || (size_t)n >= size)
		return crypto_failed(why, "encode", PEM_NAME);
	memcpy(ret, text, (size_t)n);
	ret[n] = '\0';
	*ret_len = (size_t)n;
	return OUTCOME_OK;
}
