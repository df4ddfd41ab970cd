/* Just enough of ELF to know what a program needs to start: interpreter, needed libraries,
 * search paths. Source: elf(5), ld.so(8). Every offset is checked against len. */
#ifndef IMAGATE_CORE_ELF_H
#define IMAGATE_CORE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_needs {
	bool is_elf;          /* false: not an ELF file (a script, say); nothing else is set */
	uint16_t machine;     /* e_machine */
	uint8_t class;        /* EI_CLASS: 1 = 32 bit, 2 = 64 bit */
	const char *interp;   /* NULL if static or a library; into the caller's bytes */
	const char *soname;   /* DT_SONAME or NULL */
	const char *runpath;  /* DT_RUNPATH, else DT_RPATH, else NULL; colon-separated */
	const char *needed[96];
	size_t needed_count;
};

/* False: it begins like an ELF file and is damaged, or needs more than fits. Byte order
 * other than the host's is "damaged". */
bool elf_parse(const uint8_t *bytes, size_t len, struct elf_needs *ret);

#endif
