/* The TSS2 PRIVATE KEY block. Source: draft-bottomley-tpm2-keys, section 3. */
#include "crypto/crypto.h"
#include "crypto/failed.h"
#include "crypto/tss2policy.h"

#include <openssl/asn1t.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define PEM_NAME "TSS2 PRIVATE KEY"
#define OID_SEALED_DATA "2.23.133.10.1.5"
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

/* In their order, none twice. */
static bool take_commands(const TPM_KEY *k, struct seal_object *ret, unsigned *seen)
{
	int place = 0;

	*seen = 0;
	for (int i = 0; i < sk_TPM_POLICY_num(k->policy); i++, place++) {
		const TPM_POLICY *p = sk_TPM_POLICY_value(k->policy, i);

		while (place < TSS2_COMMANDS && ASN1_INTEGER_get(p->code) != tss2policy_code[place])
			place++;
		if (place == TSS2_COMMANDS ||
		    !tss2policy_take(place, ASN1_STRING_get0_data(p->policy), (size_t)ASN1_STRING_length(p->policy), ret))
			return false;
		*seen |= 1u << place;
	}
	return true;
}

static enum outcome take_policy(const TPM_KEY *k, struct seal_object *ret, struct why *why)
{
	unsigned seen;

	if (k->policy && take_commands(k, ret, &seen) && tss2policy_whole(seen, ret))
		return OUTCOME_OK;
	return damaged(why, "its policy is none that imagate makes");
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
	uint8_t bytes[TSS2_COMMAND_MAX];
	bool ok;

	k->policy = sk_TPM_POLICY_new_null();
	ok = k->policy;
	for (int i = 0; ok && i < TSS2_COMMANDS; i++) {
		size_t len = tss2policy_format(i, o, bytes);

		ok = !len || add_command(k, tss2policy_code[i], bytes, len);
	}
	return ok;
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
