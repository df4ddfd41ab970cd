/* Labels that were made elsewhere, with the files: what 'getfattr -R -h -d -m "^security\.(ima|evm)$" -e hex .' writes
 * in the root of the tree, and 'setfattr --restore' reads:
 *
 *   # file: usr/bin/hello
 *   security.evm=0x0502...
 *   security.ima=0x0302...
 *
 * Paths as getfattr escapes them (\ooo, octal). Other attributes are passed over. Pure; nothing here is believed:
 * whoever writes a label proves it before. */
#ifndef IMAGATE_CORE_LABELDUMP_H
#define IMAGATE_CORE_LABELDUMP_H

#include "core/label.h"
#include "core/text.h"

#define LABELDUMP_MAX (256 * 1024 * 1024)
#define LABELDUMP_PATH_LEN 4096
#define LABELDUMP_SUFFIX ".labels"

struct labeldump {
	struct text text;
	unsigned line; /* of the last line that was read, from 1 */
};

struct labeldump_entry {
	char path[LABELDUMP_PATH_LEN]; /* absolute, no empty component, no "." and ".." */
	uint8_t ima[LABEL_MAX], evm[LABEL_MAX];
	size_t ima_len, evm_len;       /* 0: none */
};

/* The next file. False: the end, or *ret_error is a constant that says what is wrong in d->line. */
bool labeldump_next(struct labeldump *d, struct labeldump_entry *ret, const char **ret_error);

#endif
