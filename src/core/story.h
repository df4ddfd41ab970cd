/* An event record in words: what was measured, by whom, and is the log's word for it proven by the digest?
 * Sources: the conventions of those who measure: PFP 1.05 section 3.3.4 (what goes into PCRs 0 to 7); shim tpm.c and mok.c;
 * GRUB grub-core/commands/tpm.c (PCR 8 strings, PCR 9 files); Linux drivers/firmware/efi/libstub/efi-stub-helper.c
 * (tagged events in PCR 9); systemd src/fundamental/tpm2-pcr.h and src/boot/measure.c (PCRs 5, 11, 12, 13). */
#ifndef IMAGATE_CORE_STORY_H
#define IMAGATE_CORE_STORY_H

#include "core/efi.h"
#include "core/eventlog.h"

enum measurer {
	BY_UNKNOWN = 0,
	BY_FIRMWARE,
	BY_SHIM,
	BY_GRUB,
	BY_KERNEL_STUB,
	BY_SYSTEMD_BOOT,
	BY_SYSTEMD_STUB,
	BY_WINDOWS,
	BY_COUNT
};
enum subject {
	SUBJECT_OTHER = 0, /* not understood: its digest says that it was there, no more */
	SUBJECT_NOTE,      /* EV_NO_ACTION: measures nothing */
	SUBJECT_SEPARATOR,
	SUBJECT_ACTION,
	SUBJECT_FIRMWARE,
	SUBJECT_HARDWARE, /* its configuration and tables */
	SUBJECT_DRIVER,   /* of a device's ROM, or loaded from elsewhere */
	SUBJECT_BOOT_VARIABLE,
	SUBJECT_PARTITIONS,
	SUBJECT_SECURE_BOOT, /* on or off, and the lists of keys */
	SUBJECT_AUTHORITY,   /* the key that vouched for an image */
	SUBJECT_IMAGE,       /* an EFI program: boot loader, kernel, UKI */
	SUBJECT_BOOT_CONFIG, /* the boot loader's commands and settings */
	SUBJECT_CMDLINE,
	SUBJECT_KERNEL,
	SUBJECT_INITRD,
	SUBJECT_FILE,  /* any other that the boot loader read */
	SUBJECT_OWNER_KEYS, /* shim's MOK lists */
	SUBJECT_UKI,   /* a section of a unified kernel image */
	SUBJECT_COUNT
};
const char *measurer_name(enum measurer m);   /* "GRUB" */
const char *subject_name(enum subject s);     /* "initrd": stable, for programs */

#define STORY_NAME_MAX 512
struct story {
	enum measurer by;
	enum subject subject;
	bool proven;                /* what it says hashes to the digest */
	char name[STORY_NAME_MAX];  /* the one thing: a path, a variable's name, a command */
};

/* What must be remembered from record to record. Begin with zeros. */
struct story_teller {
	bool stub; /* systemd-stub has spoken: PCR 11 */
	bool shim; /* shim has: PCR 14. From then on it is shim that loads and measures programs */
};
/* event_story() does this, too; for records that nobody wants the story of. */
void story_hear(struct story_teller *t, const struct event *e);
void event_story(struct story_teller *t, const struct eventlog *log, const struct event *e, uint16_t alg, hash_fn hash,
                 void *arg, struct story *ret);
/* One line: "the boot loader /EFI/debian/grubx64.efi". Cut to fit. */
void story_words(const struct story *s, char *ret, size_t size);

/* What the record's digest is over, where it is something that the log shows. False: it does not. */
bool event_measured(const struct event *e, uint16_t alg, hash_fn hash, void *arg, struct part *ret);
/* GRUB's string without its "kernel_cmdline: " or "grub_cmd: "; false: it is none. */
bool event_grub_string(const struct event *e, bool *ret_cmdline, const char **ret, size_t *ret_len);

/* What a PCR is for, in words. */
const char *pcr_words(unsigned pcr);

/* -- two logs -------------------------------------------------------------------------- */

enum difference_kind { DIFFERENCE_CHANGED, DIFFERENCE_ADDED, DIFFERENCE_REMOVED };
struct difference {
	enum difference_kind kind;
	unsigned pcr, event_a, event_b; /* numbers; of one that was added, only b's counts; of one removed, a's */
	struct story a, b;
};
/* "the EFI program /EFI/debian/grubx64.efi changed", without the PCR. Cut to fit. */
void difference_words(const struct difference *d, char *ret, size_t size);
const char *difference_kind_name(enum difference_kind k); /* "changed": stable, for programs */
typedef void (*difference_fn)(const struct difference *d, void *arg);
struct comparison {
	const struct eventlog *a, *b;
	uint16_t alg; /* a bank that both have */
	uint32_t mask;
	hash_fn hash;
	void *hash_arg;
	difference_fn emit;
	void *emit_arg;
};
/* Returns the number of differences. Malformed records end a log. */
unsigned eventlog_compare(const struct comparison *c);

#endif
