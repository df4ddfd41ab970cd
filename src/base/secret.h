/* One type for secrets: on the stack, locked in memory where allowed, wiped when its scope
 * is left. Never print one, never put one in a string. */
#ifndef IMAGATE_BASE_SECRET_H
#define IMAGATE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 160

struct secret {
	size_t len;
	uint8_t bytes[SECRET_MAX];
};

#define SECRET __attribute__((cleanup(secret_wipe))) struct secret

void secret_wipe(struct secret *s);
bool secret_set(struct secret *s, const void *bytes, size_t len); /* false: too long */
bool secret_random(struct secret *s, size_t len);                 /* getrandom(); false: failed */
bool secret_equal(const struct secret *a, const struct secret *b); /* constant time */
/* No core dumps, not dumpable, memory locked: once, at the start of a program that will
 * hold one. Returns 0 or -errno of the first that failed; the caller says so and goes on. */
int secret_harden_process(void);

#endif
