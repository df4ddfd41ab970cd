/* Requests to the next boot's gate: which one counts as pending. */
#include "test.h"

#include "base/file.h"
#include "base/secret.h"
#include "cli/asking.h"
#include "cli/sealing.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "kernel/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char on_disk[REQUEST_MAX];

int __wrap_file_read(int dir, const char *path, size_t max, char **ret, size_t *ret_len);
int __wrap_file_read(int dir, const char *path, size_t max, char **ret, size_t *ret_len)
{
	(void)dir;
	(void)max;
	assert_string_equal(path, "/etc/imagate/request");
	if (!*on_disk)
		return -ENOENT;
	*ret = strdup(on_disk);
	*ret_len = strlen(on_disk);
	return 0;
}

/* As the gate leaves it: generation 7, and the key. */
static struct secret offer = { .len = 8 + REQUEST_KEY_LEN };

enum outcome __wrap_keyring_fetch(const char *name, struct secret *ret, struct why *why);
enum outcome __wrap_keyring_fetch(const char *name, struct secret *ret, struct why *why)
{
	(void)name;
	(void)why;
	return secret_set(ret, offer.bytes, offer.len) ? OUTCOME_OK : OUTCOME_BROKEN;
}

int sealing_failed(const char *doing, const struct why *why)
{
	(void)doing;
	(void)why;
	return 3;
}

static void put(enum stage permit, enum stage floor, uint8_t key)
{
	struct request r = { .generation = 7, .permit = permit, .floor = floor };
	struct secret by = { .len = REQUEST_KEY_LEN };
	char hex[65];
	size_t n;

	memset(by.bytes, key, REQUEST_KEY_LEN);
	n = request_format(&r, on_disk, sizeof(on_disk) - 80);
	assert_int_equal(request_mac(&by, on_disk, n, r.mac, NULL), OUTCOME_OK);
	hex_encode(r.mac, sizeof(r.mac), hex);
	(void)snprintf(on_disk + n, sizeof(on_disk) - n, "Mac: %s\n", hex);
}

/* Whoever has the disk can put a file there, that the gate will not heed: it must not keep what is asked for from being asked. */
static void test_pending(void **state)
{
	bool rises = true;

	(void)state;
	offer.bytes[7] = 7;
	memset(offer.bytes + 8, 'k', REQUEST_KEY_LEN);
	assert_false(asking_pending(&rises));
	assert_false(rises);
	put(STAGE_UNSET, STAGE_FIX, 'k');
	assert_true(asking_pending(&rises));
	assert_true(rises);
	put(STAGE_FIX, STAGE_UNSET, 'k');
	assert_true(asking_pending(&rises));
	assert_false(rises);
	put(STAGE_UNSET, STAGE_FIX, 'x');
	assert_false(asking_pending(&rises));
	assert_false(rises);
	offer.bytes[7] = 8; /* counted up since */
	put(STAGE_UNSET, STAGE_FIX, 'k');
	assert_false(asking_pending(&rises));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pending) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
