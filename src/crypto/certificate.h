/* Inside the crypto room: X.509 certificates as the kernel's keyrings know them. */
#ifndef IMAGATE_CRYPTO_CERTIFICATE_H
#define IMAGATE_CRYPTO_CERTIFICATE_H

#include "core/outcome.h"
#include "core/why.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/* DER or PEM; NULL: it is neither. */
X509 *certificate_read(const void *bytes, size_t len);
/* The last four bytes of its SubjectKeyIdentifier; false: it has none. Source: digsig_asymmetric.c,
 * request_asymmetric_key(). */
bool certificate_keyid(const X509 *x, uint32_t *ret);
/* Every *.der of a directory. each: OK goes on. REFUSED or BROKEN: why names the file. */
typedef enum outcome (*certificate_fn)(X509 *x, const char *path, void *arg, struct why *why);
enum outcome certificate_each(int root, const char *dir, certificate_fn each, void *arg, struct why *why);

#endif
