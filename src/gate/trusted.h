/* The catalogues that the configuration trusts: for the gate, and for the verbs that label and check. */
#ifndef IMAGATE_GATE_TRUSTED_H
#define IMAGATE_GATE_TRUSTED_H

#include "core/config.h"
#include "label/catalogues.h"

/* root: where [catalogue] dir lies. Nothing of it is believed before it is verified: it may be /sysroot.
 * trust: where [catalogue] x509 lies: the initramfs, or the running system. For the rest see catalogues_load(). */
enum outcome trusted_catalogues(int root, int trust, const struct config *c, struct catalogues **ret, struct why *why);
/* Warns of each that was signed for this system and proves nothing now, and of each that is bad; not of those that
 * another has superseded. */
void trusted_warn(const struct catalogues *c);

#endif
