/* The door, closed by the host: a TPM that came after the gate had stopped waiting for it. */
#ifndef IMAGATE_CLI_LATEDOOR_H
#define IMAGATE_CLI_LATEDOOR_H

#include "core/record.h"

#define LATEDOOR_PATH "/run/imagate/door" /* there: it was closed here */

struct latedoor {
	int fd; /* of an inotify watch on /dev; -1: nothing to do (any more) */
};
/* Closes it at once where there is a TPM by now. */
void latedoor_begin(struct latedoor *d, const struct record *r);
/* Something happened in /dev. */
void latedoor_look(struct latedoor *d);

#endif
