/* Which programs systemd starts on its way to default.target and boot-complete.target, by its unit files.
 * Bytes only: nothing is run, links stay below the root. What an ExecStart= hands to a shell is not seen.
 * Source: systemd.unit(5), systemd.service(5), systemd.special(7). */
#ifndef IMAGATE_LABEL_UNITS_H
#define IMAGATE_LABEL_UNITS_H

#include <stdbool.h>

/* Absolute paths below the root, as the unit names them or as found in the usual directories; the same may be
 * told more than once. */
typedef void (*units_program_fn)(const char *path, void *arg);
/* False: no memory, or no unit directory at all. */
bool units_programs(int root, units_program_fn program, void *arg);

#endif
