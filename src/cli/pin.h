/* The PIN of a token, asked of whoever sits there. */
#ifndef IMAGATE_CLI_PIN_H
#define IMAGATE_CLI_PIN_H

#include "base/secret.h"

#include <stdbool.h>

/* For struct signer_wish. token: the URI, of which only the token's name is shown. */
bool pin_ask(const char *token, struct secret *ret);

#endif
