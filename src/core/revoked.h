/* What a site no longer stands for: catalogues up to an epoch, and single contents, whatever catalogue has them.
 * Text with a detached signature beside it, as catalogues have:
 *
 *   # imagate-revoked: 1
 *   # epoch: 3
 *   debian-12-base 7           the lowest epoch that is still good
 *   <64 hex digits>            never proven
 *
 * The two first lines are fixed: nothing that was signed for another purpose is taken for a list. Other comments
 * and empty lines may stand anywhere. */
#ifndef IMAGATE_CORE_REVOKED_H
#define IMAGATE_CORE_REVOKED_H

#include "core/catalogue.h"

#define REVOKED_NAME "revoked"
#define REVOKED_MAX (4 * 1024 * 1024)

struct revoked {
	unsigned epoch;         /* of the list */
	const char *next, *end; /* what is still to come; copy the whole to begin again */
};

struct revoked_entry {
	const char *name; /* NULL: a digest; not terminated */
	size_t name_len;
	unsigned lowest;
	uint8_t digest[32];
};

bool revoked_is(const char *text, size_t len);
/* The whole is looked at. */
bool revoked_parse(const char *text, size_t len, struct revoked *ret, struct catalogue_error *error);
/* False at the end. */
bool revoked_next(struct revoked *r, struct revoked_entry *ret);
/* The lowest good epoch of a name; 0: all are. */
unsigned revoked_lowest(const struct revoked *r, const char *name, size_t len);

#endif
