#include "crypto/failed.h"

#include <openssl/err.h>

enum outcome crypto_failed(struct why *why, const char *operation, const char *subject)
{
	why_set(why, WHY_CRYPTO, (int64_t)ERR_get_error(), operation, subject);
	ERR_clear_error();
	return OUTCOME_BROKEN;
}
