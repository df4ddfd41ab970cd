#include "core/efi.h"
#include "core/bytes.h"

#include <string.h>

bool efi_variable_parse(const uint8_t *bytes, size_t len, struct efi_variable *ret)
{
	struct bytes b = { bytes, len };
	uint64_t name_len, data_len;

	memset(ret, 0, sizeof(*ret));
	if (!bytes_take(&b, EFI_GUID_LEN, &ret->guid) || !bytes_number(&b, 8, &name_len) || !bytes_number(&b, 8, &data_len) ||
	    name_len > b.left / 2 || !bytes_take(&b, name_len * 2, &ret->utf16) || !bytes_take(&b, data_len, &ret->data))
		return false;
	ret->utf16_len = (size_t)name_len * 2;
	ret->len = (size_t)data_len;
	(void)efi_utf16_text(ret->utf16, ret->utf16_len, ret->name, sizeof(ret->name)); /* cut */
	return true;
}

void efi_variable_parts(const struct efi_variable *v, const void *data, size_t len, uint8_t store[static 16],
                        struct part ret[static EFI_VARIABLE_PARTS])
{
	for (size_t i = 0; i < 8; i++) {
		store[i] = (uint8_t)((uint64_t)(v->utf16_len / 2) >> 8 * i);
		store[8 + i] = (uint8_t)((uint64_t)len >> 8 * i);
	}
	ret[0] = (struct part){ v->guid, EFI_GUID_LEN };
	ret[1] = (struct part){ store, 16 };
	ret[2] = (struct part){ v->utf16, v->utf16_len };
	ret[3] = (struct part){ data, len };
}

/* PFP 10.2.3: an address, then three UINTNs, the last of which is the path's length. */
bool efi_image_parse(const uint8_t *bytes, size_t len, unsigned uintn, struct efi_image *ret)
{
	struct bytes b = { bytes, len };
	uint64_t link, path_len;
	const uint8_t *path;

	memset(ret, 0, sizeof(*ret));
	if ((uintn != 4 && uintn != 8) || !bytes_number(&b, 8, &ret->address) || !bytes_number(&b, uintn, &ret->length) ||
	    !bytes_number(&b, uintn, &link) || !bytes_number(&b, uintn, &path_len) || !bytes_take(&b, path_len, &path))
		return false;
	return efi_path_parse(path, (size_t)path_len, &ret->path);
}

bool efi_blob_parse(const uint8_t *bytes, size_t len, bool second, struct efi_blob *ret)
{
	struct bytes b = { bytes, len };
	uint64_t name_len = 0;
	const uint8_t *name = bytes;

	memset(ret, 0, sizeof(*ret));
	if (second && (!bytes_number(&b, 1, &name_len) || !bytes_take(&b, name_len, &name)))
		return false;
	if (efi_is_utf16(name, (size_t)name_len))
		(void)efi_utf16_text(name, (size_t)name_len, ret->name, sizeof(ret->name)); /* cut */
	else
		(void)efi_text(name, (size_t)name_len, ret->name, sizeof(ret->name)); /* cut */
	return bytes_number(&b, 8, &ret->base) && bytes_number(&b, 8, &ret->length);
}

bool efi_tagged_parse(const uint8_t *bytes, size_t len, struct efi_tagged *ret)
{
	struct bytes b = { bytes, len };
	uint32_t n;

	memset(ret, 0, sizeof(*ret));
	if (!bytes_u32(&b, &ret->tag) || !bytes_u32(&b, &n) || !bytes_take(&b, n, &ret->data))
		return false;
	ret->len = n;
	return true;
}

/* Attributes (4), length of the path list (2), description (UTF-16, NUL), path list. */
bool efi_load_option_parse(const uint8_t *bytes, size_t len, char *ret_name, size_t size, struct efi_path *ret_path)
{
	struct bytes b = { bytes, len };
	const uint8_t *name, *path;
	size_t n = 0;
	uint32_t attributes;
	uint16_t path_len;

	if (!bytes_u32(&b, &attributes) || !bytes_u16(&b, &path_len))
		return false;
	while (n + 2 <= b.left && (b.next[n] || b.next[n + 1]))
		n += 2;
	if (n + 2 > b.left || !bytes_take(&b, n + 2, &name) || !bytes_take(&b, path_len, &path))
		return false;
	(void)efi_utf16_text(name, n, ret_name, size); /* cut */
	return efi_path_parse(path, path_len, ret_path);
}

/* -- lists of signatures -------------------------------------------------------------- */

struct signatures {
	const uint8_t *entries;
	size_t size, count;
};

/* EFI_SIGNATURE_LIST: type (16), size of the list, of its header, of an entry; header; entries. */
static bool next_list(struct bytes *b, struct signatures *ret)
{
	uint32_t list, header, entry;
	const uint8_t *type, *skipped;
	size_t left;

	if (!bytes_take(b, EFI_GUID_LEN, &type) || !bytes_u32(b, &list) || !bytes_u32(b, &header) || !bytes_u32(b, &entry))
		return false;
	if (list < EFI_GUID_LEN + 12 || list - (EFI_GUID_LEN + 12) > b->left || entry <= EFI_GUID_LEN)
		return false;
	left = list - (EFI_GUID_LEN + 12);
	if (header > left || !bytes_take(b, header, &skipped))
		return false;
	left -= header;
	*ret = (struct signatures){ .size = entry, .count = left / entry };
	return left % entry == 0 && bytes_take(b, left, &ret->entries);
}

bool efi_signatures_hold(const uint8_t *lists, size_t len, const uint8_t *entry, size_t entry_len)
{
	struct bytes b = { lists, len };
	struct signatures s;

	while (b.left && next_list(&b, &s))
		for (size_t i = 0; entry_len && i < s.count; i++)
			if ((s.size == entry_len || s.size == entry_len + EFI_GUID_LEN) &&
			    memcmp(s.entries + (i + 1) * s.size - entry_len, entry, entry_len) == 0)
				return true;
	return false;
}

int efi_signatures_count(const uint8_t *lists, size_t len)
{
	struct bytes b = { lists, len };
	struct signatures s;
	size_t n = 0;

	while (b.left) {
		if (!next_list(&b, &s))
			return -1;
		n += s.count;
	}
	return (int)n;
}
