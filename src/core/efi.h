/* What EFI puts into the data of event records: variables, images and where they came from, tagged events.
 * Sources: TCG PC Client Platform Firmware Profile 1.05, UEFI_VARIABLE_DATA 10.2.6, UEFI_IMAGE_LOAD_EVENT 10.2.3,
 * TCG_PCClientTaggedEvent 10.4.2.1; UEFI 2.10, chapter 10 (device paths, tables 10.2 to 10.60), EFI_SIGNATURE_LIST
 * 32.4.1, EFI_LOAD_OPTION 3.1.3. */
#ifndef IMAGATE_CORE_EFI_H
#define IMAGATE_CORE_EFI_H

#include "core/bank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFI_GUID_LEN 16
#define EFI_GUID_TEXT 37
#define EFI_NAME_MAX 128
#define EFI_PATH_MAX 512

/* UTF-16LE to UTF-8, up to a NUL or the end; newlines and tabs become blanks, other control characters and broken
 * pairs '?'. Cut to fit, whole
 * characters only, NUL-terminated. Returns the length. */
size_t efi_utf16_text(const uint8_t *utf16, size_t bytes, char *ret, size_t size);
/* Bytes as text in the same way: printable ASCII and valid UTF-8 as they are. */
size_t efi_text(const uint8_t *text, size_t len, char *ret, size_t size);
/* Is it UTF-16 text with nothing but printable characters, NUL-terminated or not? */
bool efi_is_utf16(const uint8_t *bytes, size_t len);
void efi_guid_text(const uint8_t guid[static EFI_GUID_LEN], char ret[static EFI_GUID_TEXT]);

struct efi_variable {
	const uint8_t *guid, *utf16; /* into the record */
	size_t utf16_len;            /* bytes */
	char name[EFI_NAME_MAX];
	const uint8_t *data;
	size_t len;
};
bool efi_variable_parse(const uint8_t *bytes, size_t len, struct efi_variable *ret);
/* What is hashed for this variable with other data: parts for a hash_fn. store: 16 bytes that must live as
 * long as the parts. */
#define EFI_VARIABLE_PARTS 4
void efi_variable_parts(const struct efi_variable *v, const void *data, size_t len, uint8_t store[static 16],
                        struct part ret[static EFI_VARIABLE_PARTS]);

enum efi_source {
	EFI_SOURCE_UNKNOWN = 0,
	EFI_SOURCE_FIRMWARE, /* a firmware volume, a mapped range of memory */
	EFI_SOURCE_ROM,      /* a device's option ROM */
	EFI_SOURCE_DISK,
	EFI_SOURCE_NETWORK,
};
struct efi_path {
	enum efi_source source;
	char file[EFI_PATH_MAX]; /* file path nodes joined, backslashes as slashes; empty: none */
	char text[EFI_PATH_MAX]; /* all of it: "PciRoot(0x0)/Pci(0x1,0x0)/HD(1,GPT,...)/EFI/debian/grubx64.efi" */
};
/* systemd-stub has the firmware load the kernel in the UKI from this path: STUB_PAYLOAD_GUID in its linux.c */
#define EFI_PATH_STUB_PAYLOAD "VenMedia(55c5d1f8-04cd-46b5-8a20-e56cbb3052d0)"
/* False: a node is malformed. An unknown kind of node is no error: Path(type,subtype). */
bool efi_path_parse(const uint8_t *bytes, size_t len, struct efi_path *ret);

struct efi_image {
	uint64_t address, length;
	struct efi_path path;
};
/* uintn: 4 or 8. */
bool efi_image_parse(const uint8_t *bytes, size_t len, unsigned uintn, struct efi_image *ret);

/* A piece of firmware: base, length, and in the second form a name in front. PFP 10.2.4. */
struct efi_blob {
	uint64_t base, length;
	char name[EFI_NAME_MAX];
};
bool efi_blob_parse(const uint8_t *bytes, size_t len, bool second, struct efi_blob *ret);

struct efi_tagged {
	uint32_t tag;
	const uint8_t *data;
	size_t len;
};
bool efi_tagged_parse(const uint8_t *bytes, size_t len, struct efi_tagged *ret);

/* The name a person gave to a boot entry, and its path: EFI_LOAD_OPTION. */
bool efi_load_option_parse(const uint8_t *bytes, size_t len, char *ret_name, size_t size, struct efi_path *ret_path);

/* Does a variable of signatures (db, dbx) hold this entry: owner and certificate or hash, as in an
 * EV_EFI_VARIABLE_AUTHORITY record, or without the owner, as shim measures it (tpm.c)? Malformed lists hold nothing. */
bool efi_signatures_hold(const uint8_t *lists, size_t len, const uint8_t *entry, size_t entry_len);
/* How many entries; -1: malformed. */
int efi_signatures_count(const uint8_t *lists, size_t len);

#endif
