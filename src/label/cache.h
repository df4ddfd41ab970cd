/* What was found out about files, kept for the next run in the same boot: on a tmpfs, so that nothing that was
 * changed while the system was down can hide behind it. An entry counts for the same mount, inode, size, ctime
 * and birth time only (a content or label cannot change without its ctime), and is not made for files that
 * changed within two seconds of being read. */
#ifndef IMAGATE_LABEL_CACHE_H
#define IMAGATE_LABEL_CACHE_H

#include "label/examine.h"

struct cache_entry {
	uint64_t mount, dev, ino, size;
	int64_t ctime, btime;
	uint32_t ctime_ns, btime_ns;
	struct evidence_file found;
};

struct cache {
	struct cache_entry *entry; /* malloc'ed */
	size_t count;
	uint32_t *slot;            /* hash table over entry: index + 1 */
	size_t slots;
};

/* fingerprint: of all that evidence depends on besides the file. A cache that is not there, or another's, is empty. */
void cache_load(int dir, const char *name, const uint8_t fingerprint[static 32], struct cache *ret);
const struct evidence_file *cache_find(const struct cache *c, const struct inode *i);
void cache_entry_of(const struct inode *i, const struct evidence_file *found, struct cache_entry *ret);
/* 0 or -errno. */
int cache_save(int dir, const char *name, const uint8_t fingerprint[static 32], const struct cache_entry *entries, size_t count);
void cache_free(struct cache *c);

#endif
