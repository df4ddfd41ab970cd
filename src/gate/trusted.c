#include "gate/trusted.h"

#include "crypto/detached.h"

enum outcome trusted_catalogues(int root, int trust, const struct config *c, struct catalogues **ret, struct why *why)
{
	const struct detached_trust certificates = { trust, c->x509_catalogue };
	const struct verifier v = detached_verifier(&certificates);
	const struct catalogues_about about = { root, c->catalogues, &v, c->revoked };

	return catalogues_load(&about, ret, why);
}
