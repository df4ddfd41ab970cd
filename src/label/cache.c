#include "label/cache.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "imagate-cache-3\n"
#define HEAD (sizeof(MAGIC) - 1 + 32)
#define FILE_MAX ((size_t)1 << 30)

static size_t place(const struct cache *c, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino + (dev << 40)) * 0x9e3779b97f4a7c15u;

	return (size_t)(h >> 20) & (c->slots - 1);
}

static void index_entries(struct cache *c)
{
	c->slots = 64;
	while (c->slots < c->count * 2)
		c->slots *= 2;
	c->slot = calloc(c->slots, sizeof(*c->slot));
	for (size_t i = 0; c->slot && i < c->count; i++) {
		size_t at = place(c, c->entry[i].dev, c->entry[i].ino);

		while (c->slot[at])
			at = (at + 1) & (c->slots - 1);
		c->slot[at] = (uint32_t)i + 1;
	}
}

void cache_load(int dir, const char *name, const uint8_t fingerprint[static 32], struct cache *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	if (file_read(dir, name, FILE_MAX, &text, &len) < 0 || len < HEAD || memcmp(text, MAGIC, sizeof(MAGIC) - 1) != 0 ||
	    memcmp(text + sizeof(MAGIC) - 1, fingerprint, 32) != 0 || (len - HEAD) % sizeof(struct cache_entry))
		return;
	ret->count = (len - HEAD) / sizeof(struct cache_entry);
	ret->entry = malloc(len - HEAD + 1);
	if (!ret->entry) {
		ret->count = 0;
		return;
	}
	memcpy(ret->entry, text + HEAD, len - HEAD);
	index_entries(ret);
}

void cache_entry_of(const struct inode *i, const struct evidence_file *found, struct cache_entry *ret)
{
	memset(ret, 0, sizeof(*ret)); /* padding goes to disk, too */
	ret->mount = i->fs->mount;
	ret->dev = i->dev;
	ret->ino = i->ino;
	ret->size = i->size;
	ret->ctime = i->ctime.tv_sec;
	ret->ctime_ns = (uint32_t)i->ctime.tv_nsec;
	ret->btime = i->btime.tv_sec;
	ret->btime_ns = (uint32_t)i->btime.tv_nsec;
	if (found)
		ret->found = *found;
}

const struct evidence_file *cache_find(const struct cache *c, const struct inode *i)
{
	struct cache_entry want;

	if (!c->slot)
		return NULL;
	cache_entry_of(i, NULL, &want);
	for (size_t at = place(c, want.dev, want.ino); c->slot[at]; at = (at + 1) & (c->slots - 1)) {
		const struct cache_entry *e = &c->entry[c->slot[at] - 1];

		if (!memcmp(e, &want, offsetof(struct cache_entry, found)))
			return &e->found;
	}
	return NULL;
}

int cache_save(int dir, const char *name, const uint8_t fingerprint[static 32], const struct cache_entry *entries, size_t count)
{
	size_t len = HEAD + count * sizeof(*entries);
	CLEAN_FREE char *text = malloc(len);

	if (!text)
		return -ENOMEM;
	memcpy(text, MAGIC, sizeof(MAGIC) - 1);
	memcpy(text + sizeof(MAGIC) - 1, fingerprint, 32);
	if (count)
		memcpy(text + HEAD, entries, count * sizeof(*entries));
	return file_write_atomic(dir, name, text, len, 0600);
}

void cache_free(struct cache *c)
{
	free(c->entry);
	free(c->slot);
	memset(c, 0, sizeof(*c));
}
