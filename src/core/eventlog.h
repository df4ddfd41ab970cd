/* The firmware's event log: what was measured into which PCR before the kernel had the TPM. A cursor over
 * the caller's bytes; nothing is copied.
 *
 * Two forms. The crypto-agile one begins with a SHA-1 form record that holds the "Spec ID Event03" and the list of
 * algorithms; every record after it has a digest for each. The old one is SHA-1 form records throughout.
 *
 * What a record says of itself is not authenticated: only its digests are, once the log replays to the PCRs
 * of the TPM. Of the data, only what hashes to the digest may be believed (event_digest_is()).
 *
 * Sources: TCG PC Client Platform Firmware Profile 1.05 (PFP): TCG_PCR_EVENT section 10.2.1,
 * TCG_PCR_EVENT2 10.2.2, event types table 14 in 10.4.1, EV_NO_ACTION structures 10.4.5
 * (TCG_EfiSpecIDEvent table 15, TCG_EfiStartupLocalityEvent table 17); TPM 2.0 Part 1, "PCR" for the values
 * after a reset. */
#ifndef IMAGATE_CORE_EVENTLOG_H
#define IMAGATE_CORE_EVENTLOG_H

#include "core/bank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTLOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"
#define EVENTLOG_MAX (4u << 20)
#define EVENTLOG_ALGORITHMS 16
#define EVENTLOG_PCRS 24

/* PFP table 14. */
enum event_type {
	EV_PREBOOT_CERT = 0x0,
	EV_POST_CODE = 0x1,
	EV_UNUSED = 0x2,
	EV_NO_ACTION = 0x3,
	EV_SEPARATOR = 0x4,
	EV_ACTION = 0x5,
	EV_EVENT_TAG = 0x6,
	EV_S_CRTM_CONTENTS = 0x7,
	EV_S_CRTM_VERSION = 0x8,
	EV_CPU_MICROCODE = 0x9,
	EV_PLATFORM_CONFIG_FLAGS = 0xa,
	EV_TABLE_OF_DEVICES = 0xb,
	EV_COMPACT_HASH = 0xc,
	EV_IPL = 0xd,
	EV_IPL_PARTITION_DATA = 0xe,
	EV_NONHOST_CODE = 0xf,
	EV_NONHOST_CONFIG = 0x10,
	EV_NONHOST_INFO = 0x11,
	EV_OMIT_BOOT_DEVICE_EVENTS = 0x12,
	EV_POST_CODE2 = 0x13,
	EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
	EV_EFI_VARIABLE_BOOT = 0x80000002,
	EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
	EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004,
	EV_EFI_RUNTIME_SERVICES_DRIVER = 0x80000005,
	EV_EFI_GPT_EVENT = 0x80000006,
	EV_EFI_ACTION = 0x80000007,
	EV_EFI_PLATFORM_FIRMWARE_BLOB = 0x80000008,
	EV_EFI_HANDOFF_TABLES = 0x80000009,
	EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
	EV_EFI_HANDOFF_TABLES2 = 0x8000000b,
	EV_EFI_VARIABLE_BOOT2 = 0x8000000c,
	EV_EFI_GPT_EVENT2 = 0x8000000d,
	EV_EFI_HCRTM_EVENT = 0x80000010,
	EV_EFI_VARIABLE_AUTHORITY = 0x800000e0,
	EV_EFI_SPDM_FIRMWARE_BLOB = 0x800000e1,
	EV_EFI_SPDM_FIRMWARE_CONFIG = 0x800000e2,
	EV_EFI_SPDM_DEVICE_POLICY = 0x800000e3,
	EV_EFI_SPDM_DEVICE_AUTHORITY = 0x800000e4,
};
/* "EV_SEPARATOR"; "?" for a type that the profile does not have. */
const char *event_type_name(uint32_t type);

struct eventlog {
	const uint8_t *bytes;
	size_t len, first; /* first: where the records behind the header begin */
	bool agile;
	uint8_t major, minor, errata, uintn; /* of the spec id; uintn: 4 or 8 bytes */
	size_t algorithms;
	struct {
		uint16_t alg;
		uint16_t size;
	} algorithm[EVENTLOG_ALGORITHMS];
};

struct event {
	size_t offset;   /* of the record in the log */
	unsigned number; /* from 0; the header of an agile log is 0 */
	uint32_t pcr, type;
	size_t digests;
	struct {
		uint16_t alg;
		const uint8_t *bytes;
	} digest[EVENTLOG_ALGORITHMS];
	const uint8_t *data;
	size_t len;
};

/* What is wrong, and where. */
struct eventlog_error {
	size_t offset;
	const char *reason; /* constant */
};

/* Reads the header. False: *error says why. */
bool eventlog_open(const uint8_t *bytes, size_t len, struct eventlog *ret, struct eventlog_error *error);

struct event_cursor {
	const struct eventlog *log;
	size_t next;
	unsigned number;
	struct eventlog_error error; /* reason NULL: none */
};
void event_begin(struct event_cursor *c, const struct eventlog *log);
/* False at the end, or where a record is malformed: c->error.reason then is not NULL. */
bool event_next(struct event_cursor *c, struct event *ret);
/* One pass over all of it. */
bool eventlog_check(const struct eventlog *log, unsigned *ret_events, struct eventlog_error *error);

bool eventlog_has(const struct eventlog *log, uint16_t alg);
/* NULL if it has none of this algorithm. */
const uint8_t *event_digest(const struct event *e, uint16_t alg);
/* Does a record extend its PCR? EV_NO_ACTION does not. */
bool event_extends(const struct event *e);
/* Is the digest that over these parts? Only then does the log's word for them count. */
bool event_digest_is(const struct event *e, uint16_t alg, const struct part *parts, size_t count, hash_fn hash,
                     void *arg);

/* The locality that TPM2_Startup came from, if this is the record that tells. */
bool event_startup_locality(const struct event *e, uint8_t *ret);

struct pcr_values {
	uint16_t alg;
	size_t size;
	uint32_t extended; /* bit n: PCR n was extended by a record */
	uint8_t value[EVENTLOG_PCRS][BANK_DIGEST_MAX];
};
/* As after a reset; PCRs 17 to 22 are ones until a dynamic launch. */
void pcr_values_reset(struct pcr_values *v, uint16_t alg);
bool pcr_values_extend(struct pcr_values *v, uint32_t pcr, const uint8_t *digest, hash_fn hash, void *arg);
/* Takes one record: extends, or sets PCR 0 by the startup locality. False: no digest of this algorithm, or no hash. */
bool pcr_values_take(struct pcr_values *v, const struct event *e, hash_fn hash, void *arg);
/* What the PCRs of a bank must be after all of it. False: *error. */
bool eventlog_replay(const struct eventlog *log, uint16_t alg, hash_fn hash, void *arg, struct pcr_values *ret,
                     struct eventlog_error *error);

#endif
