/* Asking a person at the console for the recovery key. */
#ifndef IMAGATE_GATE_ASK_H
#define IMAGATE_GATE_ASK_H

#include "base/secret.h"
#include "core/seal.h"

#include <stdbool.h>

/* Five tries with growing delays. tty: a terminal of our own; NULL: systemd's ask-password protocol (console,
 * plymouth, whatever agent there is), or /dev/console where there is no systemd. key_id: the one that
 * counts. False: nobody could be asked (*ret_wrong is 0), or all were wrong. */
bool ask_until_right(const char *tty, const struct seal *s, const uint8_t key_id[static KEY_ID_LEN],
                     struct secret *ret_master, unsigned *ret_wrong);

#endif
