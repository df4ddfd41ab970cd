/* The PCR values of the next boot: this boot's event log, replayed with the changed records replaced. Whoever asks says
 * which records change into what; what follows from a change but cannot be known is said, and the PCR is then not
 * to be sealed to.
 *
 * Not a prediction of what the system measures after the log ends: a PCR whose value in the TPM is not what the
 * log replays to (IMA's, systemd's phases) cannot be predicted by this. That is for the caller to compare. */
#ifndef IMAGATE_CORE_PREDICT_H
#define IMAGATE_CORE_PREDICT_H

#include "core/eventlog.h"

enum change_kind {
	CHANGE_DIGEST,   /* the record's digest becomes this: an image's Authenticode digest, a file's hash */
	CHANGE_VARIABLE, /* an EFI variable's data becomes this; the digest is computed as the firmware did */
	CHANGE_STRING,   /* GRUB's command or kernel command line becomes this, without prefix and NUL */
	CHANGE_DROP,     /* the record will not come */
	CHANGE_INSERT,   /* before this record comes one more with this digest; a number past the last: at the end */
};
struct change {
	enum change_kind kind;
	unsigned event; /* the record's number */
	uint32_t pcr;   /* CHANGE_INSERT */
	const void *bytes;
	size_t len;
};

struct doubt {
	bool blocks;    /* this PCR's value must not be relied on; otherwise: good to know */
	unsigned event;
	uint32_t pcr;
	const char *reason; /* constant */
};
typedef void (*doubt_fn)(const struct doubt *d, void *arg);

struct forecast {
	const struct eventlog *log;
	uint16_t alg;
	uint32_t mask; /* of which PCRs doubts are told */
	const struct change *changes;
	size_t count;
	hash_fn hash;
	void *hash_arg;
	doubt_fn emit;
	void *emit_arg;
};
struct prediction {
	struct pcr_values values;
	uint32_t blocked; /* bit n: PCR n cannot be predicted */
	unsigned applied; /* changes that found their record */
};
/* False: the log is malformed or has not this bank, or a change does not fit: *error says at which record. */
bool predict(const struct forecast *f, struct prediction *ret, struct eventlog_error *error);

/* Finds what to change. The first record from number `from` on that fits; false: there is none. */
bool predict_find_image(const struct eventlog *log, const char *path, unsigned from, struct event *ret);
bool predict_find_variable(const struct eventlog *log, uint32_t pcr, const char *name, unsigned from, struct event *ret);
/* A file that GRUB read, by its path with or without the device in front: "/boot/grub/grub.cfg". */
bool predict_find_file(const struct eventlog *log, const char *path, unsigned from, struct event *ret);
/* A string of GRUB's, exactly. */
bool predict_find_string(const struct eventlog *log, bool cmdline, const char *string, unsigned from, struct event *ret);

#endif
