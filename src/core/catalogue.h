/* A catalogue: which content belongs to which path, for a whole tree, as text that 'sha256sum -c' reads:
 *
 *   # imagate-catalogue: 1
 *   # name: debian-12-base
 *   # epoch: 7
 *   <64 hex digits>  /usr/bin/true
 *   \<64 hex digits>  /a path with a\nnewline
 *
 * The first line is fixed; name and epoch follow, once each, other comments only before the first entry. Paths are
 * absolute, without empty components, "." and "..", sorted by their bytes as they stand here, none twice. As GNU
 * tools do, backslash, newline and carriage return are written \\, \n and \r, and then the line begins with a
 * backslash. Nothing is copied: all that is found points into the text. */
#ifndef IMAGATE_CORE_CATALOGUE_H
#define IMAGATE_CORE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATALOGUE_TEXT_MAX (1024 * 1024 * 1024)
#define CATALOGUE_SIGNATURE_MAX (64 * 1024)
#define CATALOGUE_NAME_MAX 64
#define CATALOGUE_EPOCH_MAX 999999999
#define CATALOGUE_PATH_LEN 4096       /* with its '\0', not escaped */
#define CATALOGUE_LINE_LEN (2 * CATALOGUE_PATH_LEN + 72)
#define CATALOGUE_HEX 64
#define CATALOGUE_SUFFIX ".catalogue"
#define CATALOGUE_SIGNATURE ".p7s" /* after the whole file name */

/* The caller's memory for what is found. head must be zeroed; line and next need not be, and stay untouched from
 * the number of entries on. */
struct catalogue_memory {
	uint32_t *line, *next;
	size_t room;
	uint32_t *head;
	size_t heads; /* a power of two */
};
/* Enough for any text of that length. */
size_t catalogue_room(size_t len);
/* A good number for it. */
size_t catalogue_heads(size_t len);

struct catalogue {
	const char *text; /* the caller's, to stay */
	size_t len;
	const char *name; /* not terminated */
	size_t name_len;
	unsigned epoch;   /* from 1 */
	size_t count;
	struct catalogue_memory memory;
};

struct catalogue_error {
	unsigned line;      /* from 1 */
	const char *reason; /* a constant */
};

struct catalogue_entry {
	const char *hex;  /* CATALOGUE_HEX lower-case digits */
	const char *path; /* as it stands in the text */
	size_t path_len;
	bool escaped;
};

/* True if this text says that it is a catalogue; no more. */
bool catalogue_is(const char *text, size_t len);
/* The whole text. Whether it is signed is another question: ask it before anything found here is used. */
bool catalogue_parse(const char *text, size_t len, const struct catalogue_memory *memory, struct catalogue *ret,
                     struct catalogue_error *error);
/* "# imagate-catalogue: 1" and so on; 0 if it does not fit. The name must be good. */
size_t catalogue_format_head(const char *name, unsigned epoch, char *ret, size_t size);
bool catalogue_name_ok(const char *name, size_t len);
/* One line with its newline; 0: the path cannot stand in a catalogue. */
size_t catalogue_format(const uint8_t digest[static 32], const char *path, char ret[static CATALOGUE_LINE_LEN]);
/* As lines are sorted: paths as the file system has them; < 0, 0, > 0. */
int catalogue_compare(const char *a, const char *b);

/* i < count */
void catalogue_at(const struct catalogue *c, size_t i, struct catalogue_entry *ret);
void catalogue_digest(const struct catalogue_entry *e, uint8_t ret[static 32]);
/* The path as the file system has it. */
void catalogue_path(const struct catalogue_entry *e, char ret[static CATALOGUE_PATH_LEN]);
bool catalogue_has(const struct catalogue_entry *e, const uint8_t digest[static 32]);

#define CATALOGUE_NONE SIZE_MAX
/* The entry of a path, as the file system has it. */
size_t catalogue_by_path(const struct catalogue *c, const char *path);
/* An entry with this content, and the one after it: first CATALOGUE_NONE, then what was returned. */
size_t catalogue_by_digest(const struct catalogue *c, const uint8_t digest[static 32], size_t after);

#endif
