/* PCR 11 of a unified kernel image: what systemd-stub measures of it, and the words by which systemd says how far the boot
 * is. Sources: systemd src/fundamental/uki.h and tpm-pcr.c (which sections, in which order), src/boot/measure.c,
 * systemd-pcrphase(8). */
#ifndef IMAGATE_CORE_UKIPCR_H
#define IMAGATE_CORE_UKIPCR_H

#include "core/eventlog.h"
#include "core/pe.h"

#define UKIPCR 11

/* Extends ret's PCR 11. False: *ret_reason (a constant) says why it cannot be known. */
bool ukipcr_image(const struct pe *p, const uint8_t *bytes, size_t len, struct pcr_values *ret, hash_fn hash, void *arg,
                  const char **ret_reason);
/* "enter-initrd:leave-initrd": a word a time. Empty: nothing. */
bool ukipcr_phase(const char *phase, struct pcr_values *ret, hash_fn hash, void *arg);

#endif
