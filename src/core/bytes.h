/* Little-endian numbers out of a caller's buffer, by a reader that cannot leave it. */
#ifndef IMAGATE_CORE_BYTES_H
#define IMAGATE_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *next;
	size_t left;
};

/* size: 1, 2, 4 or 8. False, and nothing is taken, where it is shorter. */
static inline bool bytes_number(struct bytes *b, size_t size, uint64_t *ret)
{
	uint64_t n = 0;

	if (b->left < size)
		return false;
	for (size_t i = size; i-- > 0;)
		n = n << 8 | b->next[i];
	b->next += size;
	b->left -= size;
	*ret = n;
	return true;
}

static inline bool bytes_u16(struct bytes *b, uint16_t *ret)
{
	uint64_t n;

	if (!bytes_number(b, 2, &n))
		return false;
	*ret = (uint16_t)n;
	return true;
}

static inline bool bytes_u32(struct bytes *b, uint32_t *ret)
{
	uint64_t n;

	if (!bytes_number(b, 4, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

static inline bool bytes_take(struct bytes *b, uint64_t len, const uint8_t **ret)
{
	if (len > b->left)
		return false;
	*ret = b->next;
	b->next += len;
	b->left -= (size_t)len;
	return true;
}

#endif
