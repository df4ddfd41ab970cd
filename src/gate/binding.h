/* What a seal is bound to besides the TPM: this command line, this root. */
#ifndef IMAGATE_GATE_BINDING_H
#define IMAGATE_GATE_BINDING_H

#include "core/seal.h"
#include "core/why.h"

/* The digest of /proc/cmdline's normal form. words: names that may change. */
enum outcome binding_cmdline(int root, const char *words, uint8_t ret[static CMDLINE_DIGEST_LEN], struct why *why);
/* The identity of the file system at this path; ABSENT where it has none. */
enum outcome binding_root(const char *mounted, uint8_t ret[static ROOT_ID_LEN], struct why *why);
bool binding_is_zero(const uint8_t *bytes, size_t len);

#endif
