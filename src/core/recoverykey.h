/* The recovery key as a person reads and types it: 32 bytes in modhex (16 letters that sit in
 * the same place on most keyboards), eight groups of eight, joined by '-'. Source: Yubico modhex, as
 * systemd-cryptenroll(1) uses it. */
#ifndef IMAGATE_CORE_RECOVERYKEY_H
#define IMAGATE_CORE_RECOVERYKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECOVERY_TEXT_LEN (64 + 7)

void recovery_key_format(const uint8_t key[static 32], char ret[static RECOVERY_TEXT_LEN + 1]);
/* Case, blanks and dashes do not matter. False: another letter, or not 64 of them. */
bool recovery_key_parse(const char *text, size_t len, uint8_t ret[static 32]);

#endif
