#include "cli/asking.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "gate/binding.h"
#include "gate/boot.h"
#include "kernel/keyring.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* As conclude.c left them. */
enum outcome asking_key(uint64_t *ret_generation, struct secret *ret, struct why *why)
{
	SECRET offer = { 0 };
	enum outcome o = keyring_fetch(REQUEST_KEY_NAME, &offer, why);

	if (o != OUTCOME_OK || offer.len != 8 + REQUEST_KEY_LEN) {
		why_detail(why, "this boot's gate left none: it was not admitted with the key from the TPM");
		return OUTCOME_ABSENT;
	}
	*ret_generation = 0;
	for (int i = 0; i < 8; i++)
		*ret_generation = *ret_generation << 8 | offer.bytes[i];
	return secret_set(ret, offer.bytes + 8, REQUEST_KEY_LEN) ? OUTCOME_OK : OUTCOME_BROKEN;
}

bool asking_pending(bool *ret_floor)
{
	CLEAN_FREE char *text = NULL;
	SECRET key = { 0 };
	struct request r = { .floor = STAGE_UNSET };
	uint64_t generation;
	bool is;
	size_t len;

	/* what the gate will not heed, an attacker's for instance, must not keep anybody from asking */
	is = file_read(AT_FDCWD, BOOT_REQUEST_PATH, REQUEST_MAX, &text, &len) == 0 && asking_key(&generation, &key, NULL) == OUTCOME_OK &&
	     request_is_pending(text, len, generation, &r) && request_verify(&key, text, &r, NULL) == OUTCOME_OK;
	*ret_floor = is && r.floor != STAGE_UNSET;
	return is;
}

static enum outcome cmdline_of_now(uint8_t ret[static CMDLINE_DIGEST_LEN], struct why *why)
{
	static struct config c;
	enum outcome o = ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, why);

	return o == OUTCOME_OK ? binding_cmdline(AT_FDCWD, c.words, ret, why) : o;
}

int asking_count_up(enum stage floor)
{
	bool rises;

	return asking_pending(&rises) ? IMAGATE_OK : asking_store(STAGE_UNSET, floor);
}

int asking_store(enum stage permit, enum stage floor)
{
	SECRET key = { 0 };
	struct request r = { .permit = permit, .floor = floor };
	struct why why = { 0 };
	char text[REQUEST_MAX], hex[65];
	size_t n;
	bool rises;
	int e;

	/* a permit must not take its place: nobody would ask for it again */
	if (permit != STAGE_UNSET && asking_pending(&rises) && rises) {
		log_error("the next boot is to raise the floor, or to end what the seal had before an update, and has not been yet: reboot first");
		return IMAGATE_NOT_ADMITTED;
	}
	if (floor != STAGE_UNSET && cmdline_of_now(r.cmdline, &why) != OUTCOME_OK)
		return sealing_failed("nothing was asked for", &why);
	if (asking_key(&r.generation, &key, &why) != OUTCOME_OK)
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
