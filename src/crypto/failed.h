/* Inside the crypto room: what OpenSSL said, into a why. */
#ifndef IMAGATE_CRYPTO_FAILED_H
#define IMAGATE_CRYPTO_FAILED_H

#include "core/outcome.h"
#include "core/why.h"

/* BROKEN, with OpenSSL's oldest error; its queue is empty afterwards. */
enum outcome crypto_failed(struct why *why, const char *operation, const char *subject);

#endif
