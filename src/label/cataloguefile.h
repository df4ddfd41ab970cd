/* A catalogue from its file: read, verified and taken apart, the two latter at the same time. The text is a copy of
 * our own: nobody changes it after it was verified. */
#ifndef IMAGATE_LABEL_CATALOGUEFILE_H
#define IMAGATE_LABEL_CATALOGUEFILE_H

#include "core/catalogue.h"
#include "core/verifier.h"

struct catalogue_file {
	struct catalogue catalogue;
	/* its memory */
	void *text, *index;
	size_t text_size, index_size;
};

/* v: NULL takes it without a signature; otherwise the one beside it (CATALOGUE_SIGNATURE) is wanted. ABSENT: there
 * is no such file. REFUSED: not signed, or malformed: why has the line. BROKEN: it cannot be read, no memory. */
enum outcome catalogue_file_load(int root, const char *path, const struct verifier *v, struct catalogue_file *ret,
                                 struct why *why);
void catalogue_file_free(struct catalogue_file *f);

#endif
