#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

void secret_wipe(struct secret *s)
{
	/* a memset() before the end of a scope is a dead store, and compilers drop it */
	explicit_bzero(s, sizeof(*s));
}

bool secret_set(struct secret *s, const void *bytes, size_t len)
{
	if (len > SECRET_MAX)
		return false;
	memmove(s->bytes, bytes, len);
	explicit_bzero(s->bytes + len, SECRET_MAX - len);
	s->len = len;
	return true;
}

bool secret_random(struct secret *s, size_t len)
{
	size_t got = 0;

	secret_wipe(s);
	if (len > SECRET_MAX)
		return false;
	while (got < len) {
		ssize_t n = getrandom(s->bytes + got, len - got, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			secret_wipe(s);
			return false;
		}
		got += (size_t)n;
	}
	s->len = len;
	return true;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	volatile uint8_t differ = 0;

	if (a->len != b->len || a->len > SECRET_MAX)
		return false;
	for (size_t i = 0; i < a->len; i++)
		differ |= (uint8_t)(a->bytes[i] ^ b->bytes[i]);
	return differ == 0;
}

static int lock_memory(void)
{
	int flags = MCL_CURRENT | MCL_ONFAULT;

	/* without the privilege RLIMIT_MEMLOCK counts, and future mappings beyond it fail */
	if (geteuid() == 0)
		flags |= MCL_FUTURE;
	return mlockall(flags) < 0 ? -errno : 0;
}

int secret_harden_process(void)
{
	const struct rlimit none = {0, 0};
	int core = setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
	int dump = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
	int lock = lock_memory();

	return core ? core : dump ? dump : lock;
}
