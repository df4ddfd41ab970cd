#include "crypto/privatekey.h"

#include "base/file.h"
#include "crypto/certificate.h"
#include "crypto/failed.h"
#include "crypto/token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>

#define CERT_MAX (64 * 1024)

static enum outcome refuse(struct why *why, const char *path, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "sign with", path);
	why_detail(why, detail);
	return OUTCOME_REFUSED;
}

static enum outcome read_pem(const char *path, EVP_PKEY **ret, struct why *why)
{
	BIO *b = BIO_new_file(path, "r");

	if (!b) {
		why_set(why, WHY_ERRNO, errno, "open", path);
		return OUTCOME_BROKEN;
	}
	*ret = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	BIO_free(b);
	if (*ret)
		return OUTCOME_OK;
	(void)crypto_failed(why, "read private key", path);
	why_detail(why, "no private key in PEM form, or the wrong passphrase");
	return OUTCOME_REFUSED;
}

enum outcome private_key_read(const struct signer_wish *w, EVP_PKEY **ret, struct why *why)
{
	return strncmp(w->key, "pkcs11:", 7) == 0 ? token_key(w, ret, why) : read_pem(w->key, ret, why);
}

static enum outcome read_certificate(const char *path, X509 **ret, struct why *why)
{
	CLEAN_FREE char *bytes = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, CERT_MAX, &bytes, &len);

	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", path);
		return OUTCOME_BROKEN;
	}
	*ret = certificate_read(bytes, len);
	return *ret ? OUTCOME_OK : refuse(why, path, "no X.509 certificate, neither DER nor PEM");
}

static enum outcome belong_together(const struct key_pair *p, const char *certificate, struct why *why)
{
	int kind = EVP_PKEY_base_id(p->key);

	if (EVP_PKEY_eq(X509_get0_pubkey(p->certificate), p->key) != 1)
		return refuse(why, certificate, "it is another key's certificate");
	return kind == EVP_PKEY_RSA || kind == EVP_PKEY_EC ? OUTCOME_OK : refuse(why, certificate, "neither an RSA nor an ECDSA key");
}

enum outcome key_pair_read(const struct signer_wish *w, struct key_pair *ret, struct why *why)
{
	enum outcome o;

	*ret = (struct key_pair){ NULL, NULL };
	o = private_key_read(w, &ret->key, why);
	if (o == OUTCOME_OK)
		o = read_certificate(w->certificate, &ret->certificate, why);
	if (o == OUTCOME_OK)
		o = belong_together(ret, w->certificate, why);
	if (o != OUTCOME_OK)
		key_pair_free(ret);
	return o;
}

void key_pair_free(struct key_pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->certificate);
	*p = (struct key_pair){ NULL, NULL };
}
