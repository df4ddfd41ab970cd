/* Would the system we are about to start survive? Init, the boot-critical programs, and all that they need, judged
 * under the policy that is about to be loaded. Bytes below root are read, never executed. */
#ifndef IMAGATE_LABEL_PREFLIGHT_H
#define IMAGATE_LABEL_PREFLIGHT_H

#include "core/label.h"
#include "core/outcome.h"
#include "core/why.h"
#include "label/examine.h"

#include <stdbool.h>

struct preflight_file {
	char *path;        /* as resolved below root; malloc'ed */
	enum label_state state;
	const struct hook *hook; /* the one that it fails at; NULL: good, or not there */
	bool mapped;       /* the policy appraises it when it is mapped: the kernel can be asked */
};

struct preflight {
	struct preflight_file *file;
	size_t count, room;
	size_t bad;        /* how many are neither GOOD nor UNVERIFIED */
	bool has_list, stale; /* of boot-critical programs: there is one; it is older than this root's units */
};
void preflight_free(struct preflight *p);

struct preflight_about {
	const struct examine_about *examine;
	const struct prover *prover;   /* NULL: labels are looked at, their proofs are not */
	const char *init;              /* the init= path, or "" for the usual ones */
	const char *critical;          /* the list's text; NULL: none */
	size_t critical_len;
};

/* root: fd of /sysroot (or of / when rehearsed). OK; REFUSED with WHY_LABEL naming the first bad file; BROKEN if
 * init could not be judged, or the list is none. */
enum outcome preflight_run(int root, const struct preflight_about *about, struct preflight *ret, struct why *why);

/* Once the policy counts: has the kernel appraise each of the files by mapping it for execution, as
 * the loader will; what passes is not hashed again. On a denial about's prover only serves to say why.
 * OK; REFUSED with the first file that was denied. */
enum outcome preflight_prove(int root, const struct preflight_about *about, struct preflight *p, struct why *why);

/* Are the modules of this kernel release below root compressed (.ko.xz, .ko.zst, .ko.gz)? */
bool preflight_modules_compressed(int root, const char *release);

#endif
