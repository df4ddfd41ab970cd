/* imagate.conf into a struct config, through libinih. */
#ifndef IMAGATE_BASE_INI_H
#define IMAGATE_BASE_INI_H

#include "core/config.h"
#include "core/outcome.h"
#include "core/why.h"

/* The text of the file; path only for messages. OK, or BROKEN with WHY_TEXT: file, line,
 * what is wrong, what would be right. *ret is the defaults plus what was read. */
enum outcome ini_config(const char *path, const char *text, struct config *ret, struct why *why);
/* Reads it first (64 KiB cap): ABSENT if it is not there. */
enum outcome ini_config_load(int root, const char *path, struct config *ret, struct why *why);

#endif
