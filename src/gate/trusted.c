#include "gate/trusted.h"

#include "base/log.h"
#include "core/advice.h"
#include "crypto/detached.h"

enum outcome trusted_catalogues(int root, int trust, const struct config *c, struct catalogues **ret, struct why *why)
{
	const struct detached_trust certificates = { trust, c->x509_catalogue };
	const struct verifier v = detached_verifier(&certificates);
	const struct catalogues_about about = { root, c->catalogues, &v, c->revoked };

	return catalogues_load(&about, ret, why);
}

void trusted_warn(const struct catalogues *c)
{
	char text[512];

	for (size_t i = 0; i < catalogues_count(c); i++) {
		const struct catalogues_item *item = catalogues_at(c, i);

		if (item->state != CATALOGUE_REVOKED && item->state != CATALOGUE_BAD)
			continue;
		why_format(&item->why, text, sizeof(text));
		log_warning("this catalogue proves nothing: %s", text);
	}
}
