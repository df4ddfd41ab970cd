#include "core/pe.h"
#include "core/bytes.h"

#include <string.h>

#define DOS_NEW_HEADER 0x3c
#define COFF_LEN 20
#define SECTION_LEN 40
#define MAGIC_PE32 0x10b
#define MAGIC_PE32_PLUS 0x20b
/* Within the optional header. */
#define AT_HEADERS_SIZE 60
#define AT_CHECKSUM 64
#define DIRECTORY_CERTIFICATES 4

struct file {
	const uint8_t *bytes;
	size_t len;
	size_t optional, optional_len, table; /* offsets; table: of the sections */
	size_t checksum, certificate_entry;   /* certificate_entry 0: the header has none */
	uint32_t headers_size;
	uint32_t certificates, certificates_len;
	uint16_t section_count;
	size_t at; /* of what is wrong */
};

static bool number(struct file *f, size_t offset, size_t size, uint32_t *ret)
{
	struct bytes b = { f->bytes + offset, offset <= f->len ? f->len - offset : 0 };
	uint64_t n;

	f->at = offset;
	if (offset > f->len || !bytes_number(&b, size, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

static const char *read_directories(struct file *f, size_t at)
{
	uint32_t count;

	if (at + 4 > f->optional_len || !number(f, f->optional + at, 4, &count))
		return "the optional header is cut short";
	if (count <= DIRECTORY_CERTIFICATES)
		return NULL;
	at += 4 + 8 * DIRECTORY_CERTIFICATES;
	if (at + 8 > f->optional_len)
		return "the optional header is cut short";
	f->certificate_entry = f->optional + at;
	if (!number(f, f->certificate_entry, 4, &f->certificates) || !number(f, f->certificate_entry + 4, 4, &f->certificates_len))
		return "the optional header is cut short";
	return NULL;
}

static const char *read_headers(struct file *f, struct pe *ret)
{
	uint32_t new_header, signature, machine, count, optional_len, magic;

	if (f->len < 2 || f->bytes[0] != 'M' || f->bytes[1] != 'Z')
		return "not an EFI program: it does not begin with MZ";
	if (!number(f, DOS_NEW_HEADER, 4, &new_header) || !number(f, new_header, 4, &signature) || signature != 0x4550)
		return "there is no PE header where the DOS header points";
	if (!number(f, (size_t)new_header + 4, 2, &machine) || !number(f, (size_t)new_header + 6, 2, &count) ||
	    !number(f, (size_t)new_header + 20, 2, &optional_len))
		return "the COFF header is cut short";
	ret->machine = (uint16_t)machine;
	f->section_count = (uint16_t)count;
	f->optional = (size_t)new_header + 4 + COFF_LEN;
	f->optional_len = optional_len;
	f->table = f->optional + optional_len;
	if (optional_len < AT_CHECKSUM + 4 || f->table > f->len || !number(f, f->optional, 2, &magic))
		return "the optional header is cut short";
	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		return "neither PE32 nor PE32+";
	ret->wide = magic == MAGIC_PE32_PLUS;
	f->checksum = f->optional + AT_CHECKSUM;
	if (!number(f, f->optional + AT_HEADERS_SIZE, 4, &f->headers_size))
		return "the optional header is cut short";
	return read_directories(f, ret->wide ? 108 : 92);
}

/* Name, size in memory, address, size in the file, offset in the file. */
static const char *read_section(struct file *f, size_t at, struct pe_section *s)
{
	if (!number(f, at + 8, 4, &s->used) || !number(f, at + 16, 4, &s->size) || !number(f, at + 20, 4, &s->offset))
		return "the section table is cut short";
	f->at = at;
	memcpy(s->name, f->bytes + at, PE_NAME);
	for (char *c = s->name; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	if (s->size && (s->offset > f->len || s->size > f->len - s->offset))
		return "a section does not lie within the file";
	if (s->used > s->size)
		s->used = s->size;
	return NULL;
}

static void add(struct pe *p, const uint8_t *from, size_t len)
{
	if (len)
		p->range[p->ranges++] = (struct part){ from, len };
}

/* Headers without the checksum (4 bytes) and the certificate table's entry (8). */
static const char *hash_headers(struct file *f, struct pe *ret)
{
	size_t next = f->checksum + 4;

	f->at = f->optional + AT_HEADERS_SIZE;
	if (f->headers_size > f->len || f->headers_size < f->table + (size_t)f->section_count * SECTION_LEN)
		return "the size of the headers is wrong";
	add(ret, f->bytes, f->checksum);
	if (f->certificate_entry) {
		add(ret, f->bytes + next, f->certificate_entry - next);
		next = f->certificate_entry + 8;
	}
	add(ret, f->bytes + next, f->headers_size - next);
	return NULL;
}

/* The places of the sections that have bytes, by where they are in the file. */
static size_t sorted(const struct pe *p, uint8_t ret[static PE_SECTIONS])
{
	size_t n = 0;

	for (size_t i = 0; i < p->sections; i++) {
		size_t j = n;

		if (!p->section[i].size)
			continue;
		for (; j > 0 && p->section[ret[j - 1]].offset > p->section[i].offset; j--)
			ret[j] = ret[j - 1];
		ret[j] = (uint8_t)i;
		n++;
	}
	return n;
}

/* The sections, then what is behind them, without the certificates. Both are counted, not located: where there are gaps
 * between sections, "behind" begins at the number of bytes that were hashed. EDK2 does so, too. */
static const char *hash_rest(struct file *f, struct pe *ret)
{
	uint8_t order[PE_SECTIONS];
	size_t n = sorted(ret, order), end = f->headers_size, hashed = f->headers_size;

	for (size_t i = 0; i < n; i++) {
		const struct pe_section *s = &ret->section[order[i]];

		f->at = s->offset;
		if (s->offset < end)
			return "sections overlap, or lie in the headers";
		add(ret, f->bytes + s->offset, s->size);
		end = (size_t)s->offset + s->size;
		hashed += s->size;
	}
	f->at = f->certificate_entry;
	ret->is_signed = f->certificates_len != 0;
	if (f->certificates_len && (f->certificates < end || f->certificates > f->len ||
	                            f->certificates_len != f->len - f->certificates))
		return "the certificate table is not the last thing in the file";
	add(ret, f->bytes + hashed, f->len - f->certificates_len - hashed);
	return NULL;
}

static const char *parse(struct file *f, struct pe *ret)
{
	const char *wrong = read_headers(f, ret);

	if (wrong)
		return wrong;
	f->at = f->table;
	if (f->section_count > PE_SECTIONS)
		return "it has more than 96 sections";
	for (uint16_t i = 0; i < f->section_count; i++) {
		wrong = read_section(f, f->table + (size_t)i * SECTION_LEN, &ret->section[i]);
		if (wrong)
			return wrong;
	}
	ret->sections = f->section_count;
	wrong = hash_headers(f, ret);
	return wrong ? wrong : hash_rest(f, ret);
}

bool pe_parse(const uint8_t *bytes, size_t len, struct pe *ret, size_t *ret_offset, const char **ret_reason)
{
	struct file f = { .bytes = bytes, .len = len };

	memset(ret, 0, sizeof(*ret));
	*ret_reason = parse(&f, ret);
	*ret_offset = f.at;
	return !*ret_reason;
}

const struct pe_section *pe_section_find(const struct pe *p, const char *name)
{
	for (size_t i = 0; i < p->sections; i++)
		if (!strcmp(p->section[i].name, name))
			return &p->section[i];
	return NULL;
}

bool pe_section_bytes(const uint8_t *bytes, size_t len, const struct pe_section *s, const uint8_t **ret, size_t *ret_len)
{
	if (s->offset > len || s->used > len - s->offset)
		return false;
	*ret = bytes + s->offset;
	*ret_len = s->used;
	return true;
}

bool pe_is_uki(const struct pe *p)
{
	return pe_section_find(p, ".linux") && (pe_section_find(p, ".initrd") || pe_section_find(p, ".osrel"));
}

bool pe_digest(const struct pe *p, uint16_t alg, hash_fn hash, void *arg, uint8_t ret[static BANK_DIGEST_MAX])
{
	return hash(arg, alg, p->range, p->ranges, ret);
}
