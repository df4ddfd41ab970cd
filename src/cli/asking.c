#include "cli/asking.h"

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "gate/boot.h"
#include "kernel/keyring.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Generation and key, as conclude.c left them. */
static enum outcome fetch(struct request *r, struct secret *key, struct why *why)
{
	SECRET offer = { 0 };
	enum outcome o = keyring_fetch(REQUEST_KEY_NAME, &offer, why);

	if (o != OUTCOME_OK || offer.len != 8 + REQUEST_KEY_LEN) {
		why_detail(why, "this boot's gate left none: it was not admitted with the key from the TPM");
		return OUTCOME_ABSENT;
	}
	for (int i = 0; i < 8; i++)
		r->generation = r->generation << 8 | offer.bytes[i];
	return secret_set(key, offer.bytes + 8, REQUEST_KEY_LEN) ? OUTCOME_OK : OUTCOME_BROKEN;
}

int asking_store(enum stage permit, enum stage floor)
{
	SECRET key = { 0 };
	struct request r = { .permit = permit, .floor = floor };
	struct why why = { 0 };
	char text[REQUEST_MAX], hex[65];
	size_t n;
	int e;

	if (fetch(&r, &key, &why) != OUTCOME_OK)
		return sealing_failed("nothing was asked for", &why);
	n = request_format(&r, text, sizeof(text) - 80);
	if (request_mac(&key, text, n, r.mac, &why) != OUTCOME_OK)
		return sealing_failed("nothing was asked for", &why);
	hex_encode(r.mac, sizeof(r.mac), hex);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "Mac: %s\n", hex); /* room was left */
	e = file_write_atomic(AT_FDCWD, BOOT_REQUEST_PATH, text, n, 0600);
	if (e == 0)
		return IMAGATE_OK;
	why_set(&why, WHY_ERRNO, -e, "write", BOOT_REQUEST_PATH);
	return sealing_failed("nothing was asked for", &why);
}
