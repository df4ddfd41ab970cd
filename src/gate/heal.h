/* Self-heal: a boot-critical file whose label is missing or wrong, but whose content a signed catalogue proves, gets its
 * label back before the real root is started. */
#ifndef IMAGATE_GATE_HEAL_H
#define IMAGATE_GATE_HEAL_H

#include "gate/boot.h"

/* Are there certificates for catalogues in this initramfs? Only then is anything healed; and then content is looked at
 * before the policy counts, since afterwards it is too late. */
bool heal_is_on(const struct boot *b);

/* Those of b->preflight's bad files that can be; what is not proven stays as it is. True: some were, look again. Only
 * where this boot would use the key but for these files. */
bool heal(struct boot *b, int root);

#endif
