/* What a selection of PCRs covers on this machine, from its own event log: what of the boot is measured, by whom, into
 * which PCR, and who may change what is not. Sources as in story.h; systemd-stub(7) for what is in PCRs 4, 11 and 12. */
#ifndef IMAGATE_CORE_COVERAGE_H
#define IMAGATE_CORE_COVERAGE_H

#include "core/story.h"

enum aspect {
	ASPECT_FIRMWARE = 0,
	ASPECT_DRIVERS,
	ASPECT_SECURE_BOOT,
	ASPECT_LOADER,
	ASPECT_KERNEL,
	ASPECT_INITRD,
	ASPECT_CMDLINE,
	ASPECT_COUNT
};
struct coverage {
	struct {
		uint32_t any;  /* one of these PCRs changes with it; 0: nobody measures it */
		uint32_t also; /* and all of these: another way to the same thing ends there, or they vouch for who measures */
		uint32_t whole; /* one of these sees it as the kernel got it, wherever it came from: no other way to it but 4's is left */
		unsigned by;   /* bit n: enum measurer n */
	} aspect[ASPECT_COUNT];
	bool grub, uki, secure_boot;
};
void coverage_of(const struct eventlog *log, uint16_t alg, hash_fn hash, void *arg, struct coverage *ret);

bool coverage_holds(const struct coverage *c, enum aspect a, uint32_t mask);
/* What to add to mask so that kernel, initramfs and command line are covered, as far as PCRs can. */
uint32_t coverage_recommend(const struct coverage *c, uint32_t mask);

const char *aspect_name(enum aspect a);  /* "initrd": stable, for programs */
const char *aspect_words(enum aspect a); /* "the initramfs" */
/* One sentence: who may change it and still gets the key, where the mask does not cover it. A constant. */
const char *coverage_open_words(const struct coverage *c, enum aspect a, uint32_t mask);
/* "GRUB", "firmware and shim"; cut to fit. */
void measurers_words(unsigned by, char *ret, size_t size);

#endif
