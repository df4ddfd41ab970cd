#include "core/efi.h"
#include "core/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* UEFI 2.10, 10.3: type, subtype, length of the whole node, data. */
struct node {
	uint8_t type, subtype;
	const uint8_t *data;
	size_t len;
};
#define KIND(type, subtype) ((unsigned)(type) << 8 | (subtype))
#define NODE_HEADER 4
#define END_OF_ALL 0xff

/* Appends to a NUL-terminated text; cut to fit. */
__attribute__((format(printf, 3, 4)))
static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + used, size - used, format, args); /* cut */
	va_end(args);
}

static uint32_t number(const struct node *n, size_t at, size_t size)
{
	struct bytes b = { n->data + at, at <= n->len ? n->len - at : 0 };
	uint64_t v = 0;

	(void)bytes_number(&b, size, &v); /* zero where the node is too short: it is for reading only */
	return (uint32_t)v;
}

static void guid(const struct node *n, const char *name, struct efi_path *ret)
{
	char text[EFI_GUID_TEXT] = "?";

	if (n->len >= EFI_GUID_LEN)
		efi_guid_text(n->data, text);
	add(ret->text, sizeof(ret->text), "%s(%s)", name, text);
}

/* Partition: number (4), start (8), size (8), signature (16), format, kind of signature (2 = GUID). */
static void partition(const struct node *n, struct efi_path *ret)
{
	char id[EFI_GUID_TEXT] = "?";

	if (n->len >= 38 && n->data[37] == 2)
		efi_guid_text(n->data + 20, id);
	add(ret->text, sizeof(ret->text), "HD(%u,%s)", (unsigned)number(n, 0, 4), id);
	ret->source = EFI_SOURCE_DISK;
}

static void file(const struct node *n, struct efi_path *ret)
{
	char name[EFI_PATH_MAX];
	size_t used;

	(void)efi_utf16_text(n->data, n->len, name, sizeof(name)); /* cut */
	for (char *p = name; *p; p++)
		if (*p == '\\')
			*p = '/';
	used = strlen(ret->file);
	if (used && ret->file[used - 1] == '/' && *name == '/')
		ret->file[used - 1] = '\0';
	else if (*name != '/' && (!used || ret->file[used - 1] != '/'))
		add(ret->file, sizeof(ret->file), "/");
	add(ret->file, sizeof(ret->file), "%s", name);
	add(ret->text, sizeof(ret->text), "%s", *name == '/' ? name + 1 : name);
	if (ret->source == EFI_SOURCE_UNKNOWN)
		ret->source = EFI_SOURCE_DISK;
}

static void hardware(const struct node *n, struct efi_path *ret)
{
	char *t = ret->text;

	switch (KIND(n->type, n->subtype)) {
	case KIND(1, 1): add(t, EFI_PATH_MAX, "Pci(0x%x,0x%x)", (unsigned)number(n, 1, 1), (unsigned)number(n, 0, 1)); break;
	case KIND(1, 4): guid(n, "VenHw", ret); break;
	case KIND(2, 1):
		/* EISA's PNP0A03: the root of a PCI tree */
		if (number(n, 0, 4) == 0x0a0341d0)
			add(t, EFI_PATH_MAX, "PciRoot(0x%x)", (unsigned)number(n, 4, 4));
		else
			add(t, EFI_PATH_MAX, "Acpi(0x%x,0x%x)", (unsigned)number(n, 0, 4), (unsigned)number(n, 4, 4));
		break;
	case KIND(3, 2): add(t, EFI_PATH_MAX, "Scsi(0x%x,0x%x)", (unsigned)number(n, 0, 2), (unsigned)number(n, 2, 2)); break;
	case KIND(3, 5): add(t, EFI_PATH_MAX, "USB(0x%x,0x%x)", (unsigned)number(n, 0, 1), (unsigned)number(n, 1, 1)); break;
	case KIND(3, 10): guid(n, "VenMsg", ret); break;
	case KIND(3, 18): add(t, EFI_PATH_MAX, "Sata(0x%x,0x%x)", (unsigned)number(n, 0, 2), (unsigned)number(n, 2, 2)); break;
	case KIND(3, 23): add(t, EFI_PATH_MAX, "NVMe(0x%x)", (unsigned)number(n, 0, 4)); break;
	case KIND(4, 3): guid(n, "VenMedia", ret); break;
	case KIND(5, 1): add(t, EFI_PATH_MAX, "BBS(0x%x)", (unsigned)number(n, 0, 2)); break;
	default: add(t, EFI_PATH_MAX, "Path(%u,%u)", n->type, n->subtype); break;
	}
}

static void take(const struct node *n, struct efi_path *ret)
{
	if (*ret->text)
		add(ret->text, sizeof(ret->text), "/");
	switch (KIND(n->type, n->subtype)) {
	case KIND(1, 3): /* memory mapped: start and end */
		add(ret->text, sizeof(ret->text), "MemoryMapped(0x%x)", (unsigned)number(n, 0, 4));
		ret->source = EFI_SOURCE_FIRMWARE;
		break;
	case KIND(3, 11): /* MAC */
	case KIND(3, 12): /* IPv4 */
	case KIND(3, 13): /* IPv6 */
	case KIND(3, 24): /* URI */
		add(ret->text, sizeof(ret->text), "%s", n->subtype == 11 ? "MAC" : n->subtype == 24 ? "Uri" : "IP");
		ret->source = EFI_SOURCE_NETWORK;
		break;
	case KIND(4, 1): partition(n, ret); break;
	case KIND(4, 2):
		add(ret->text, sizeof(ret->text), "CDROM(0x%x)", (unsigned)number(n, 0, 4));
		ret->source = EFI_SOURCE_DISK;
		break;
	case KIND(4, 3): guid(n, "VenMedia", ret); break;
	case KIND(4, 4): file(n, ret); break;
	case KIND(4, 6):
	case KIND(4, 7):
		guid(n, n->subtype == 6 ? "FvFile" : "Fv", ret);
		ret->source = EFI_SOURCE_FIRMWARE;
		break;
	case KIND(4, 8): /* a range of a device's ROM */
		add(ret->text, sizeof(ret->text), "Offset(0x%x,0x%x)", (unsigned)number(n, 4, 4), (unsigned)number(n, 12, 4));
		ret->source = EFI_SOURCE_ROM;
		break;
	default: hardware(n, ret); break;
	}
}

bool efi_path_parse(const uint8_t *bytes, size_t len, struct efi_path *ret)
{
	struct bytes b = { bytes, len };

	memset(ret, 0, sizeof(*ret));
	while (b.left) {
		struct node n = { 0 };
		uint64_t type, subtype;
		uint16_t size;

		if (!bytes_number(&b, 1, &type) || !bytes_number(&b, 1, &subtype) || !bytes_u16(&b, &size) || size < NODE_HEADER ||
		    !bytes_take(&b, size - NODE_HEADER, &n.data))
			return false;
		if (type == 0x7f && subtype == END_OF_ALL)
			return true;
		n.type = (uint8_t)type;
		n.subtype = (uint8_t)subtype;
		n.len = size - NODE_HEADER;
		if (n.type != 0x7f)
			take(&n, ret);
	}
	return true; /* some firmware leaves the end away */
}
