/* The catalogues that a system trusts: every *.catalogue of a directory that is signed, less what is revoked.
 *
 *   base.catalogue, base.catalogue.p7s      any number; of one name only the highest epoch counts
 *   revoked, revoked.p7s                    core/revoked.h; may be missing
 *
 * A bad catalogue proves nothing and does not stop the others. A bad revocation list stops all: nobody knows what it
 * said. Who can delete files can delete the list, too: revoked_least says which one must be there. */
#ifndef IMAGATE_LABEL_CATALOGUES_H
#define IMAGATE_LABEL_CATALOGUES_H

#include "label/cataloguefile.h"

struct catalogues; /* not changed once loaded: of several threads at once */

enum catalogue_state {
	CATALOGUE_BAD = 0,    /* not signed, forged, malformed, unreadable: why says which */
	CATALOGUE_ACTIVE,
	CATALOGUE_SUPERSEDED, /* another of its name has a higher epoch; or the same, and comes first */
	CATALOGUE_REVOKED,
	CATALOGUE_STATE_COUNT
};
const char *catalogue_state_name(enum catalogue_state s);

struct catalogues_about {
	int root;
	const char *dir;
	const struct verifier *verifier;
	unsigned revoked_least; /* the lowest epoch of a revocation list that will do; 0: there need be none */
};

/* OK: at least one is active. ABSENT: none, or no such directory. REFUSED: the revocation list is not signed,
 * malformed, older than wanted or missing. BROKEN: cannot be read, no memory. *ret is there in all cases but the
 * last, to look at; only after OK does it prove anything. */
enum outcome catalogues_load(const struct catalogues_about *about, struct catalogues **ret, struct why *why);
void catalogues_free(struct catalogues **c);

/* Is this the content that an active catalogue has for this path? The path is absolute, below the root that the
 * catalogue was made for, with links resolved (/usr/bin/sh, where /bin is a link).
 *
 *   OK       yes
 *   REFUSED  the path is in a catalogue, with other content only; or this content is revoked
 *   ABSENT   no active catalogue has the path
 *   BLOCKED  no catalogues: c is NULL, or they did not load OK
 *
 * Where two active catalogues have a path, either content is good. Nothing but OK is a proof. */
enum outcome catalogue_proves(const struct catalogues *c, const char *path, const uint8_t digest[static 32]);
/* The same; and OK, too, where it is the content of a path that leads there in this root, by links in its directory's
 * name: packages may be built for /bin/sh. */
enum outcome catalogue_proves_at(const struct catalogues *c, int root, const char *path, const uint8_t digest[static 32]);
/* Is it the content of any path? Weaker: a file may lie where it does not belong. OK, REFUSED (revoked), ABSENT,
 * BLOCKED. */
enum outcome catalogue_proves_content(const struct catalogues *c, const uint8_t digest[static 32]);
/* Told of each path that active catalogues have this content under; revoked or not. */
void catalogue_paths(const struct catalogues *c, const uint8_t digest[static 32],
                     void (*each)(const char *path, void *arg), void *arg);

/* For lists. */
struct catalogues_item {
	char file[256];          /* its name in the directory */
	char name[CATALOGUE_NAME_MAX + 1];
	unsigned epoch;
	size_t entries, bytes;   /* bytes: memory, text and all */
	enum catalogue_state state;
	struct why why;          /* where it is not active */
	struct catalogue_file loaded; /* where it is active */
};
size_t catalogues_count(const struct catalogues *c);
const struct catalogues_item *catalogues_at(const struct catalogues *c, size_t i);
/* The revocation list's epoch, 0 if there is none; how many digests it has. */
unsigned catalogues_revoked(const struct catalogues *c, size_t *ret_digests);

#endif
