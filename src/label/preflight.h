/* Would the system we are about to start survive? Here: init, its interpreter and all the
 * libraries they need exist and carry labels that match. Bytes below root are read, never
 * executed. */
#ifndef IMAGATE_LABEL_PREFLIGHT_H
#define IMAGATE_LABEL_PREFLIGHT_H

#include "core/config.h"
#include "core/label.h"
#include "core/outcome.h"
#include "core/why.h"

#include <stdbool.h>

#define PREFLIGHT_FILES_MAX 128

/* The content's digest, given by the caller (the crypto room's digest_fd; rooms do not see
 * each other). Same contract as digest_fd. */
typedef enum outcome (*preflight_digest_fn)(int fd, int algo, uint8_t *ret, size_t size,
                                            size_t *ret_len, struct why *why);

struct preflight_file {
	char path[256]; /* as resolved below root */
	enum label_state state;
};

struct preflight {
	struct preflight_file file[PREFLIGHT_FILES_MAX];
	size_t count;
	size_t bad; /* how many are neither GOOD nor UNVERIFIED */
};

/* Are the modules of this kernel release below root compressed (.ko.xz, .ko.zst, .ko.gz)? */
bool preflight_modules_compressed(int root, const char *release);

/* root: fd of /sysroot (or of / when rehearsed). init: the init= path or "" for the usual
 * ones. want_evm: security.evm must be there too. full: compare content with the hash.
 * OK; REFUSED with WHY_LABEL naming the first bad file; BROKEN if it could not be judged. */
enum outcome preflight_run(int root, const char *init, bool full, bool want_evm,
                           preflight_digest_fn digest, struct preflight *ret, struct why *why);

/* Once the policy counts: has the kernel appraise each of the files by mapping it for execution, as
 * the loader will; what passes is not hashed again. On a denial digest only serves to say why.
 * OK; REFUSED with the first file that was denied. */
enum outcome preflight_prove(int root, preflight_digest_fn digest, struct preflight *p, struct why *why);

#endif
