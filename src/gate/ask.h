/* Asking a person at the console for the recovery key. */
#ifndef IMAGATE_GATE_ASK_H
#define IMAGATE_GATE_ASK_H

#include "base/secret.h"
#include "core/seal.h"

#include <stdbool.h>

/* False: nobody could be asked. ret->len 0: what was typed is no recovery key at all. */
bool ask_recovery_key(const char *question, struct secret *ret);
/* Five tries with growing delays. key_id: the one that counts. */
bool ask_until_right(const struct seal *s, const uint8_t key_id[static KEY_ID_LEN], struct secret *ret_master,
                     unsigned *ret_wrong);

#endif
