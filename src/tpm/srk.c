#include "tpm/context.h"

#include <string.h>

#define SRK_HANDLE 0x81000001 /* TCG TPM 2.0 provisioning guidance */
#define SRK_ATTRIBUTES                                                                             \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

static const TPM2B_PUBLIC srk_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = SRK_ATTRIBUTES,
		.parameters.eccDetail = {
			.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
	},
};

/* A parent that only this TPM can use, and that can be salted to. */
static bool is_srk(const TPMT_PUBLIC *p)
{
	return p->type == TPM2_ALG_ECC && p->nameAlg == TPM2_ALG_SHA256 &&
	       (p->objectAttributes & SRK_ATTRIBUTES) == SRK_ATTRIBUTES &&
	       p->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256;
}

static bool name_is(struct tpm *t, ESYS_TR key, const uint8_t *name, size_t len)
{
	TPM2B_NAME *is = NULL;
	bool same;

	if (len == 0)
		return true;
	if (Esys_TR_GetName(t->esys, key, &is) != TSS2_RC_SUCCESS)
		return false;
	same = is->size == len && memcmp(is->name, name, len) == 0;
	Esys_Free(is);
	return same;
}

/* False: there is none, or none that will do; nothing is left open. */
static bool take_persistent(struct tpm *t, const uint8_t *name, size_t name_len)
{
	TPM2B_PUBLIC *pub = NULL;
	ESYS_TR key = ESYS_TR_NONE;
	bool ok;

	if (TPM_CALL(t, Esys_TR_FromTPMPublic(t->esys, SRK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE,
	                                      ESYS_TR_NONE, &key)) != TSS2_RC_SUCCESS)
		return false;
	ok = TPM_CALL(t, Esys_ReadPublic(t->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub,
	                                 NULL, NULL)) == TSS2_RC_SUCCESS &&
	     is_srk(&pub->publicArea) && name_is(t, key, name, name_len);
	Esys_Free(pub);
	if (!ok) {
		(void)Esys_TR_Close(t->esys, &key); /* only our own bookkeeping */
		return false;
	}
	if (t->srk_transient)
		tpm_flush(t, &t->srk);
	t->srk_transient = false;
	t->srk = key;
	return true;
}

static TSS2_RC make_primary(struct tpm *t)
{
	static const TPM2B_SENSITIVE_CREATE no_auth;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TSS2_RC rc = TPM_CALL(t, Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
	                                            ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &srk_template,
	                                            &no_data, &no_pcrs, &t->srk, NULL, NULL, NULL, NULL));

	t->srk_transient = rc == TSS2_RC_SUCCESS;
	if (rc != TSS2_RC_SUCCESS)
		t->srk = ESYS_TR_NONE;
	return rc;
}

enum outcome tpm_find_srk(struct tpm *t, const uint8_t *name, size_t name_len, struct why *why)
{
	TSS2_RC rc;

	if (t->srk != ESYS_TR_NONE && name_is(t, t->srk, name, name_len))
		return OUTCOME_OK;
	if (take_persistent(t, name, name_len))
		return OUTCOME_OK;
	/* the same one again, for each slot of another TPM's seal: it is made once */
	rc = t->srk_transient ? TSS2_RC_SUCCESS : make_primary(t);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_CreatePrimary", "storage root key");
	if (name_is(t, t->srk, name, name_len))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "compare", "storage root key");
	why_detail(why, "this is not the TPM that was sealed to, or it was cleared");
	return OUTCOME_REFUSED;
}

enum outcome tpm_srk(struct tpm *t, uint8_t ret_name[static SEAL_NAME_MAX], size_t *ret_len,
                     struct why *why)
{
	TPM2B_NAME *name = NULL;
	enum outcome o = tpm_find_srk(t, NULL, 0, why);
	TSS2_RC rc;

	if (o != OUTCOME_OK)
		return o;
	rc = Esys_TR_GetName(t->esys, t->srk, &name);
	if (rc != TSS2_RC_SUCCESS || name->size > SEAL_NAME_MAX) {
		Esys_Free(name);
		return tpm_failed(why, rc ? rc : TPM2_RC_SIZE, "Esys_TR_GetName", "storage root key");
	}
	memcpy(ret_name, name->name, name->size);
	*ret_len = name->size;
	Esys_Free(name);
	return OUTCOME_OK;
}
