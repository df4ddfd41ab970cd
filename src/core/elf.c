#include "core/elf.h"

#include <elf.h>
#include <string.h>

struct image {
	const uint8_t *bytes;
	size_t len;
	bool wide; /* 64 bit */
};

/* Both classes as 64 bit: only what is looked at. */
struct segment {
	uint32_t type;
	uint64_t offset, address, size;
};
struct dyn {
	uint64_t tag, value;
};

static bool copy_at(const struct image *m, uint64_t offset, void *ret, size_t size)
{
	if (offset > m->len || size > m->len - offset)
		return false;
	memcpy(ret, m->bytes + offset, size);
	return true;
}

static bool read_segment(const struct image *m, uint64_t table, size_t entry, unsigned i, struct segment *ret)
{
	uint64_t at = table + (uint64_t)i * entry;
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (m->wide) {
		if (!copy_at(m, at, &p64, sizeof(p64)))
			return false;
		*ret = (struct segment){ p64.p_type, p64.p_offset, p64.p_vaddr, p64.p_filesz };
		return true;
	}
	if (!copy_at(m, at, &p32, sizeof(p32)))
		return false;
	*ret = (struct segment){ p32.p_type, p32.p_offset, p32.p_vaddr, p32.p_filesz };
	return true;
}

static bool read_dyn(const struct image *m, uint64_t at, struct dyn *ret)
{
	Elf64_Dyn d64;
	Elf32_Dyn d32;

	if (m->wide) {
		if (!copy_at(m, at, &d64, sizeof(d64)))
			return false;
		*ret = (struct dyn){ (uint64_t)d64.d_tag, d64.d_un.d_val };
		return true;
	}
	if (!copy_at(m, at, &d32, sizeof(d32)))
		return false;
	*ret = (struct dyn){ (uint64_t)(uint32_t)d32.d_tag, d32.d_un.d_val };
	return true;
}

/* NULL unless a whole string lies within the file. */
static const char *string_at(const struct image *m, uint64_t offset)
{
	if (offset >= m->len || !memchr(m->bytes + offset, '\0', m->len - offset))
		return NULL;
	return (const char *)m->bytes + offset;
}

struct header {
	uint64_t table;
	size_t entry;
	unsigned count;
};

static bool read_header(const struct image *m, struct elf_needs *ret, struct header *h)
{
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;

	if (m->wide) {
		if (!copy_at(m, 0, &e64, sizeof(e64)))
			return false;
		ret->machine = e64.e_machine;
		*h = (struct header){ e64.e_phoff, e64.e_phentsize, e64.e_phnum };
		return h->count == 0 || h->entry == sizeof(Elf64_Phdr);
	}
	if (!copy_at(m, 0, &e32, sizeof(e32)))
		return false;
	ret->machine = e32.e_machine;
	*h = (struct header){ e32.e_phoff, e32.e_phentsize, e32.e_phnum };
	return h->count == 0 || h->entry == sizeof(Elf32_Phdr);
}

/* Where in the file an address of the loaded image lies. */
static bool to_offset(const struct image *m, const struct header *h, uint64_t address, uint64_t *ret)
{
	struct segment s;

	for (unsigned i = 0; i < h->count; i++) {
		if (!read_segment(m, h->table, h->entry, i, &s))
			return false;
		if (s.type == PT_LOAD && address >= s.address && address - s.address < s.size) {
			*ret = s.offset + (address - s.address);
			return true;
		}
	}
	return false;
}

static bool find_strings(const struct image *m, const struct header *h, const struct segment *dynamic,
                         uint64_t *ret)
{
	size_t step = m->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	struct dyn d;

	for (uint64_t at = 0; at + step <= dynamic->size; at += step) {
		if (!read_dyn(m, dynamic->offset + at, &d))
			return false;
		if (d.tag == DT_NULL)
			return false;
		if (d.tag == DT_STRTAB)
			return to_offset(m, h, d.value, ret);
	}
	return false;
}

static bool take_dyn(const struct image *m, uint64_t strings, const struct dyn *d, struct elf_needs *ret)
{
	const char *s;

	if (d->tag != DT_NEEDED && d->tag != DT_SONAME && d->tag != DT_RUNPATH && d->tag != DT_RPATH)
		return true;
	if (d->value > m->len || strings > m->len)
		return false;
	s = string_at(m, strings + d->value);
	if (!s)
		return false;
	if (d->tag == DT_SONAME)
		ret->soname = s;
	else if (d->tag == DT_RUNPATH || (d->tag == DT_RPATH && !ret->runpath))
		ret->runpath = s;
	else if (d->tag == DT_NEEDED) {
		if (ret->needed_count == sizeof(ret->needed) / sizeof(ret->needed[0]))
			return false;
		ret->needed[ret->needed_count++] = s;
	}
	return true;
}

static bool read_dynamic(const struct image *m, const struct header *h, const struct segment *dynamic,
                         struct elf_needs *ret)
{
	size_t step = m->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	uint64_t strings;
	struct dyn d;

	if (!find_strings(m, h, dynamic, &strings))
		return false;
	for (uint64_t at = 0; at + step <= dynamic->size; at += step) {
		if (!read_dyn(m, dynamic->offset + at, &d))
			return false;
		if (d.tag == DT_NULL)
			return true;
		if (!take_dyn(m, strings, &d, ret))
			return false;
	}
	return true;
}

static bool take_segment(const struct image *m, const struct header *h, const struct segment *s,
                         struct elf_needs *ret)
{
	if (s->type == PT_INTERP) {
		ret->interp = string_at(m, s->offset);
		return ret->interp != NULL;
	}
	return s->type != PT_DYNAMIC || read_dynamic(m, h, s, ret);
}

bool elf_parse(const uint8_t *bytes, size_t len, struct elf_needs *ret)
{
	const uint16_t one = 1;
	const uint8_t host = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;
	struct image m = { bytes, len, false };
	struct header h;
	struct segment s;

	memset(ret, 0, sizeof(*ret));
	if (len < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return true;
	ret->is_elf = true;
	if (len < EI_NIDENT || bytes[EI_DATA] != host ||
	    (bytes[EI_CLASS] != ELFCLASS32 && bytes[EI_CLASS] != ELFCLASS64))
		return false;
	ret->class = bytes[EI_CLASS];
	m.wide = ret->class == ELFCLASS64;
	if (!read_header(&m, ret, &h))
		return false;
	for (unsigned i = 0; i < h.count; i++)
		if (!read_segment(&m, h.table, h.entry, i, &s) || !take_segment(&m, &h, &s, ret))
			return false;
	return true;
}
