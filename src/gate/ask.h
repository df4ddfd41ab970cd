/* Asking a person at the console for the recovery key. */
#ifndef IMAGATE_GATE_ASK_H
#define IMAGATE_GATE_ASK_H

#include "base/secret.h"
#include "core/seal.h"

#include <stdbool.h>

enum asked { ASKED_NOBODY = 0, ASKED_WRONG, ASKED_RIGHT };

/* Five tries with growing delays. tty: a terminal of our own; NULL: systemd's ask-password protocol (console,
 * plymouth, whatever agent there is), or /dev/console where there is no systemd. key_id: the one that
 * counts. NOBODY: nobody could be asked, or whoever was asked gave up; *ret_wrong counts wrong keys in any case. */
enum asked ask_until_right(const char *tty, const struct seal *s, const uint8_t key_id[static KEY_ID_LEN],
                     struct secret *ret_master, unsigned *ret_wrong);

/* Anything else that must not be seen, by systemd's ask-password, or at the terminal. id: "--id=NAME". */
bool ask_secret(const char *question, const char *id, struct secret *ret);

#endif
