#include "core/seal.h"

#include <string.h>

enum { AT_GENERATION = 4, AT_FLOOR = 12, AT_STAGE, AT_FLAGS, AT_ZERO, AT_EPOCH = 16, AT_MASTER = 20,
       AT_SPARE = AT_MASTER + MASTER_KEY_LEN, AT_ROOT = AT_SPARE + 24,
       AT_CMDLINE = AT_ROOT + ROOT_ID_LEN };
_Static_assert(AT_CMDLINE + CMDLINE_DIGEST_LEN == PAYLOAD_LEN, "the payload's layout");
#define FLAG_ONCE 1

static const uint8_t magic[AT_GENERATION] = { 'I', 'M', 'G', 2 };

void payload_build(const struct seal_record *r, uint8_t ret[static PAYLOAD_LEN])
{
	memset(ret, 0, PAYLOAD_LEN);
	memcpy(ret, magic, sizeof(magic));
	for (int i = 0; i < 8; i++)
		ret[AT_GENERATION + i] = (uint8_t)(r->generation >> 8 * (7 - i));
	ret[AT_FLOOR] = (uint8_t)r->floor;
	ret[AT_STAGE] = (uint8_t)r->stage;
	ret[AT_FLAGS] = r->once ? FLAG_ONCE : 0;
	for (int i = 0; i < 4; i++)
		ret[AT_EPOCH + i] = (uint8_t)(r->epoch >> 8 * (3 - i));
	memcpy(ret + AT_MASTER, r->master, MASTER_KEY_LEN);
	memcpy(ret + AT_ROOT, r->root, ROOT_ID_LEN);
	memcpy(ret + AT_CMDLINE, r->cmdline, CMDLINE_DIGEST_LEN);
}

bool payload_parse(const uint8_t *payload, size_t len, struct seal_record *ret)
{
	static const uint8_t zero[AT_ROOT - AT_SPARE];

	memset(ret, 0, sizeof(*ret));
	if (len != PAYLOAD_LEN || memcmp(payload, magic, sizeof(magic)) != 0 || payload[AT_FLAGS] > FLAG_ONCE ||
	    payload[AT_ZERO] ||
	    memcmp(payload + AT_SPARE, zero, sizeof(zero)) != 0 ||
	    payload[AT_FLOOR] <= STAGE_UNSET || payload[AT_FLOOR] >= STAGE_COUNT || payload[AT_STAGE] >= STAGE_COUNT)
		return false;
	for (int i = 0; i < 8; i++)
		ret->generation = ret->generation << 8 | payload[AT_GENERATION + i];
	for (int i = 0; i < 4; i++)
		ret->epoch = ret->epoch << 8 | payload[AT_EPOCH + i];
	ret->floor = (enum stage)payload[AT_FLOOR];
	ret->stage = (enum stage)payload[AT_STAGE];
	ret->once = payload[AT_FLAGS] & FLAG_ONCE;
	memcpy(ret->master, payload + AT_MASTER, MASTER_KEY_LEN);
	memcpy(ret->root, payload + AT_ROOT, ROOT_ID_LEN);
	memcpy(ret->cmdline, payload + AT_CMDLINE, CMDLINE_DIGEST_LEN);
	return true;
}
