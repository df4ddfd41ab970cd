#include "crypto/detached.h"

#include "crypto/certificate.h"
#include "crypto/failed.h"
#include "crypto/privatekey.h"

#include <openssl/cms.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (CMS_DETACHED | CMS_BINARY)

static enum outcome encode(CMS_ContentInfo *cms, uint8_t **ret, size_t *ret_len, struct why *why)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);

	if (n <= 0 || n > DETACHED_MAX)
		return crypto_failed(why, "encode", "CMS signature");
	*ret = malloc((size_t)n);
	if (*ret)
		memcpy(*ret, der, (size_t)n);
	OPENSSL_free(der);
	*ret_len = (size_t)n;
	return *ret ? OUTCOME_OK : crypto_failed(why, "allocate", "CMS signature");
}

enum outcome detached_sign(const struct signer_wish *w, const void *text, size_t len, uint8_t **ret,
                           size_t *ret_len, struct why *why)
{
	struct key_pair pair;
	enum outcome o = key_pair_read(w, &pair, why);
	CMS_ContentInfo *cms;
	BIO *b;

	if (o != OUTCOME_OK)
		return o;
	b = BIO_new_mem_buf(text, (int)len);
	cms = b ? CMS_sign(pair.certificate, pair.key, NULL, b, FLAGS | CMS_NOSMIMECAP) : NULL;
	o = cms ? encode(cms, ret, ret_len, why) : crypto_failed(why, "CMS_sign", w->key);
	CMS_ContentInfo_free(cms);
	BIO_free(b);
	key_pair_free(&pair);
	return o;
}

static enum outcome trust(X509 *x, const char *path, void *arg, struct why *why)
{
	return X509_STORE_add_cert(arg, x) == 1 ? OUTCOME_OK : crypto_failed(why, "trust", path);
}

static X509_STORE *store_new(void)
{
	X509_STORE *s = X509_STORE_new();

	/* any purpose: the directory is the purpose. CMS_verify would ask for e-mail's otherwise */
	if (s && (X509_STORE_set_flags(s, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) != 1 ||
	          X509_STORE_set_purpose(s, X509_PURPOSE_ANY) != 1)) {
		X509_STORE_free(s);
		return NULL;
	}
	return s;
}

static enum outcome verify(X509_STORE *store, const char *path, const void *text, size_t len, const uint8_t *signature,
                           size_t signature_len, struct why *why)
{
	const unsigned char *p = signature;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)signature_len);
	BIO *b = BIO_new_mem_buf(text, (int)len);
	bool whole = cms && p == signature + signature_len;
	bool ok = whole && b && CMS_verify(cms, NULL, store, b, NULL, FLAGS) == 1;

	CMS_ContentInfo_free(cms);
	BIO_free(b);
	if (ok)
		return OUTCOME_OK;
	(void)crypto_failed(why, "verify the signature of", path);
	why_detail(why, whole ? "it is not signed by a configured certificate, or was changed since: sign it again"
	                      : "the signature is damaged: sign it again");
	return OUTCOME_REFUSED;
}

enum outcome detached_verify(int root, const char *certificates, const char *path, const void *text, size_t len,
                             const uint8_t *signature, size_t signature_len, struct why *why)
{
	X509_STORE *store = store_new();
	enum outcome o = store ? certificate_each(root, certificates, trust, store, why)
	                       : crypto_failed(why, "allocate", "certificates");

	if (o == OUTCOME_OK)
		o = verify(store, path, text, len, signature, signature_len, why);
	X509_STORE_free(store);
	return o;
}

static enum outcome by_trust(const void *state, const char *path, const void *text, size_t len, const uint8_t *signature,
                             size_t signature_len, struct why *why)
{
	const struct detached_trust *t = state;

	return detached_verify(t->root, t->certificates, path, text, len, signature, signature_len, why);
}

struct verifier detached_verifier(const struct detached_trust *t)
{
	return (struct verifier){ t, by_trust };
}
