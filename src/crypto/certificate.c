#include "crypto/certificate.h"

#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CERT_MAX (64 * 1024)
#define CERTS_MAX 32

X509 *certificate_read(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	X509 *x = d2i_X509(NULL, &p, (long)len);
	BIO *b;

	if (x)
		return x;
	b = BIO_new_mem_buf(bytes, (int)len);
	x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	return x;
}

bool certificate_keyid(const X509 *x, uint32_t *ret)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)(uintptr_t)x); /* it only looks */
	const uint8_t *p;

	if (!id || ASN1_STRING_length(id) < 4)
		return false;
	p = ASN1_STRING_get0_data(id) + ASN1_STRING_length(id) - 4;
	*ret = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return true;
}

static enum outcome unreadable(struct why *why, const char *path, int r)
{
	why_set(why, WHY_ERRNO, -r, "read", path);
	return OUTCOME_BROKEN;
}

static enum outcome one(int root, const char *path, certificate_fn each, void *arg, struct why *why)
{
	CLEAN_FREE char *bytes = NULL;
	size_t len;
	int r = file_read(root, path, CERT_MAX, &bytes, &len);
	enum outcome o;
	X509 *x;

	if (r < 0)
		return unreadable(why, path, r);
	x = certificate_read(bytes, len);
	if (!x) {
		why_set(why, WHY_TEXT, 0, "certificate", path);
		why_detail(why, "no X.509 certificate, neither DER nor PEM");
		return OUTCOME_REFUSED;
	}
	o = each(x, path, arg, why);
	X509_free(x);
	return o;
}

enum outcome certificate_each(int root, const char *dir, certificate_fn each, void *arg, struct why *why)
{
	char names[CERTS_MAX][256], path[PATH_MAX];
	int n = dir_list(root, dir, ".der", names, CERTS_MAX);
	enum outcome o = OUTCOME_OK;

	if (n < 0)
		return unreadable(why, dir, n);
	for (int i = 0; i < n && o == OUTCOME_OK; i++)
		o = snprintf(path, sizeof(path), "%s/%s", dir, names[i]) < (int)sizeof(path) ? one(root, path, each, arg, why)
		                                                                             : unreadable(why, dir, -ENAMETOOLONG);
	return o;
}
