/* A short text as a QR code on the terminal. */
#ifndef IMAGATE_CLI_QR_H
#define IMAGATE_CLI_QR_H

#include <stdbool.h>
#include <stdio.h>

/* Two rows a line, in UTF-8 half blocks, light on dark; ASCII where the locale is not UTF-8. False: it
 * could not be made; nothing was printed. */
bool qr_print(FILE *to, const char *text);

#endif
