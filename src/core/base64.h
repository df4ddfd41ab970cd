/* Base64 as in JSON: one line, padded. RFC 4648, section 4. */
#ifndef IMAGATE_CORE_BASE64_H
#define IMAGATE_CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(len) + 1 characters. */
void base64_encode(const uint8_t *bytes, size_t len, char *ret);
/* False: not Base64, bits left over that are not zero, or more than size. */
bool base64_decode(const char *text, size_t text_len, uint8_t *ret, size_t size, size_t *ret_len);

#endif
