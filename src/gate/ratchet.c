/* Counting up: what a verified system asked for is done here, in the power-safe order: the seal with old
 * and new slots is on the disk, synced, before the counter moves; at any moment one generation unseals. */
#include "gate/boot.h"

#include "base/file.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/binding.h"
#include "gate/rootstate.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The request on the root, into b->request if it is this generation's and its Mac is right. A stale one
 * is what a power cut leaves behind: it stays, and says nothing. */
void request_take(struct boot *b, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD fd = -1;
	SECRET key = { 0 };
	struct request r;
	const char *error;
	unsigned line;
	size_t len;

	memset(&b->request, 0, sizeof(b->request));
	if (b->master.len == 0 || root < 0 || file_open_in_root(root, BOOT_REQUEST_PATH, &fd) < 0 ||
	    file_read_fd(fd, REQUEST_MAX, &text, &len) < 0)
		return;
	if (!request_parse(text, len, &r, &line, &error)) {
		why_set(why, WHY_TEXT, line, "request", BOOT_REQUEST_PATH);
		why_detail(why, error);
	} else if (r.generation != b->generation) {
		why_set(why, WHY_TEXT, 0, "request", BOOT_REQUEST_PATH);
		why_detail(why, "it belongs to another generation: it was done already, or is a replay");
	} else if (request_key(&b->master, b->generation, &key, why) == OUTCOME_OK &&
	           request_verify(&key, text, &r, why) == OUTCOME_OK) {
		b->request = r;
	}
}

/* Its PCRs and its command line will be sealed to again: only where somebody who was allowed to wrote them. The file
 * can be edited; the slot that was used has proven itself. */
static bool may_live(const struct boot *b, const struct seal_slot *s)
{
	if (s->object.generation != b->generation || s->once || s->object.resets)
		return false;
	if (seal_slot_same(s, &b->used))
		return true;
	return slot_mac_verify(&b->master, s, NULL) == OUTCOME_OK &&
	       (!s->object.approval.signature_len || b->config.reseal_online == ANSWER_YES);
}

/* The one that opened and the newest others, which are the last, in their order; returns how many. Behind them the one that
 * opened, where it is not to live: till the counter has moved it is the only one that is known to open. */
static size_t live_slots(const struct boot *b, struct seal *ret)
{
	size_t place[SEAL_SLOTS_LIVE], n = 0, live;
	bool has_used = false;

	for (size_t i = b->seal.slots; i > 0; i--) {
		const struct seal_slot *s = &b->seal.slot[i - 1];
		bool is_used = !has_used && seal_slot_same(s, &b->used);

		if (!may_live(b, s) || (!is_used && n - has_used == SEAL_SLOTS_LIVE - 1))
			continue;
		has_used = has_used || is_used;
		place[n++] = i - 1;
	}
	live = n;
	*ret = b->seal;
	ret->slots = 0;
	while (n > 0)
		ret->slot[ret->slots++] = b->seal.slot[place[--n]];
	if (!has_used)
		ret->slot[ret->slots++] = b->used;
	return live;
}

/* Started without PCRs, for one boot: what the machine is now is what it will be. BLOCKED: a slot is for that already. */
static enum outcome slot_of_now(struct boot *b, const struct seal *s, size_t live, struct seal_slot *ret, struct why *why)
{
	enum outcome o;

	*ret = b->used;
	ret->once = false;
	ret->object.resets = 0;
	ret->object.pcrs = live ? s->slot[live - 1].object.pcrs : b->config.pcrs;
	o = tpm_pcr_digest(b->tpm, &ret->object.pcrs, ret->object.pcr_digest, &ret->object.pcr_digest_len, why);
	for (size_t i = 0; o == OUTCOME_OK && i < live; i++)
		if (seal_slot_same(ret, &s->slot[i]))
			o = OUTCOME_BLOCKED;
	return o;
}

/* A slot of this generation once more for the next, with this floor and command line: sealed, where it was approved.
 * fleet: whose signatures open it; NULL: nobody's. */
static enum outcome renew(struct boot *b, const struct seal_slot *old, const uint8_t *cmdline, enum stage floor,
                          const struct seal_signer *fleet, struct seal_slot *ret, struct why *why)
{
	SECRET payload = { .len = PAYLOAD_LEN };
	struct seal_record r = { .generation = b->generation + 1, .floor = floor, .stage = old->stage,
		.epoch = b->policy_epoch > b->sealed_epoch ? b->policy_epoch : b->sealed_epoch };
	struct seal_signer signers[SEAL_SIGNERS_MAX];
	size_t count;
	enum outcome o = approvers_of(&b->config, &b->master, r.generation, fleet, signers, &count, why);

	if (o != OUTCOME_OK)
		return o;
	*ret = *old;
	ret->floor = floor;
	ret->cmdline_bound = !binding_is_zero(cmdline, CMDLINE_DIGEST_LEN);
	memcpy(ret->cmdline, cmdline, CMDLINE_DIGEST_LEN);
	ret->object.generation = r.generation;
	memcpy(r.master, b->master.bytes, MASTER_KEY_LEN);
	memcpy(r.root, b->sealed_root, ROOT_ID_LEN);
	memcpy(r.cmdline, cmdline, CMDLINE_DIGEST_LEN);
	payload_build(&r, payload.bytes);
	explicit_bzero(&r, sizeof(r));
	o = tpm_seal(b->tpm, &payload, &ret->object, signers, count, why);
	return o == OUTCOME_OK ? slot_mac(&b->master, ret, why) : o;
}

/* Below enforce another command line only warned; from the rise on it will count: that of the boot that asked for it,
 * which was blessed, not whatever this one was started with. But a slot that was started as it says keeps its own, and so does one
 * that was made for another line than the one in use: a second unified kernel image brings its own. */
static const uint8_t *cmdline_for(const struct boot *b, const struct seal_slot *old, enum stage floor)
{
	bool used = seal_slot_same(old, &b->used);

	if (binding_is_zero(b->sealed_cmdline, CMDLINE_DIGEST_LEN))
		return b->sealed_cmdline; /* it was sealed to PCRs that cover it */
	if (!used && old->has_mac && old->object.generation == b->generation && memcmp(old->cmdline, b->sealed_cmdline, CMDLINE_DIGEST_LEN) != 0)
		return old->cmdline;
	if (BOOT_EVIDENCE(b)->key.floor < STAGE_ENFORCE && floor >= STAGE_ENFORCE &&
	    !(used && !memcmp(b->sealed_cmdline, b->cmdline_digest, CMDLINE_DIGEST_LEN)))
		return b->request.cmdline;
	return b->sealed_cmdline;
}

/* The successors of the live slots. */
static enum outcome renew_all(struct boot *b, enum stage floor, const struct seal_signer *fleet, struct seal *ret, size_t live,
                              struct why *why)
{
	enum outcome o = OUTCOME_OK;

	for (size_t i = 0; o == OUTCOME_OK && i < live; i++) {
		/* a slot for a stage that the new floor forbids is not renewed */
		if (ret->slot[i].stage != STAGE_UNSET && ret->slot[i].stage < floor)
			continue;
		o = renew(b, &ret->slot[i], cmdline_for(b, &ret->slot[i], floor), floor, fleet, &ret->slot[ret->slots], why);
		ret->slots += o == OUTCOME_OK;
	}
	return o;
}

/* Without it the next boot would have none: then it is not counted up. */
static enum outcome renew_now(struct boot *b, enum stage floor, const struct seal_signer *fleet, struct seal *ret, size_t live,
                              struct why *why)
{
	struct seal_slot now;
	enum outcome o = slot_of_now(b, ret, live, &now, why);

	if (o != OUTCOME_OK || ret->slots == SEAL_SLOTS_MAX)
		return o == OUTCOME_BLOCKED ? OUTCOME_OK : o;
	o = renew(b, &now, cmdline_for(b, &b->used, floor), floor, fleet, &ret->slot[ret->slots], why);
	ret->slots += o == OUTCOME_OK;
	return o;
}

/* The live slots, and their successors behind them. */
static enum outcome next_seal(struct boot *b, enum stage floor, struct seal *ret, struct why *why)
{
	struct seal_signer signer;
	bool moves, has_fleet = fleet_next(&b->fleet, b->tpm, &b->used.object, &signer, &moves);
	const struct seal_signer *fleet = has_fleet ? &signer : NULL;
	size_t live = live_slots(b, ret), kept = ret->slots;
	struct seal_slot now;
	enum outcome o;

	/* to another key or epoch: only this boot's values go along, which it has signed. A slot for those of an image that
	 * was revoked would outlive it */
	if (moves && !b->used.once && !b->used.object.resets) {
		now = b->used;
		now.stage = STAGE_UNSET; /* each stage's values may be signed */
		o = renew(b, &now, cmdline_for(b, &b->used, floor), floor, fleet, &ret->slot[ret->slots], why);
		ret->slots += o == OUTCOME_OK;
	} else {
		o = renew_all(b, floor, fleet, ret, live, why);
	}
	if (o == OUTCOME_OK && b->used.object.resets)
		o = renew_now(b, floor, fleet, ret, live, why);
	if (o == OUTCOME_OK && ret->slots == kept) {
		why_set(why, WHY_TEXT, 0, "renew", b->config.seal);
		why_detail(why, "no slot would be left");
		o = OUTCOME_REFUSED;
	}
	return o;
}

static enum outcome store_seal(struct boot *b, const struct seal *s, struct why *why)
{
	static char text[SEAL_FILE_MAX];
	size_t len;
	enum outcome o = seal_file_format(s, text, sizeof(text), &len, why);

	return o == OUTCOME_OK ? root_store(b, b->config.seal, text, len, why) : o;
}

static bool has_generation(const struct seal *s, uint64_t generation)
{
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation == generation)
			return true;
	return false;
}

static enum outcome count_up(struct boot *b, enum stage floor, struct why *why)
{
	static struct seal next, other;
	SECRET auth = { 0 };
	enum outcome o = counter_auth_of(&b->master, &auth, why);

	/* slots may have been added on the root since this initramfs was built */
	if (root_seal(b, &other) && has_generation(&other, b->generation))
		b->seal = other;
	if (o == OUTCOME_OK)
		o = next_seal(b, floor, &next, why);
	if (o == OUTCOME_OK)
		o = tpm_counter_outrun(b->tpm, b->generation + 1, &auth, why);
	if (o == OUTCOME_OK)
		o = store_seal(b, &next, why);
	if (o == OUTCOME_OK)
		o = tpm_counter_increment(b->tpm, next.slot[0].object.counter, &auth, why);
	if (o != OUTCOME_OK)
		return o;
	b->generation++;
	b->record.renew = b->record.suspended = false;
	BOOT_EVIDENCE(b)->key.floor = floor;
	return OUTCOME_OK;
}

/* For the system that this boot admits: what requests are signed with. */
static void make_request_key(struct boot *b)
{
	SECRET key = { 0 };

	if (request_key(&b->master, b->generation, &key, NULL) != OUTCOME_OK)
		return;
	for (int i = 0; i < 8; i++)
		b->request_key.bytes[i] = (uint8_t)(b->generation >> 8 * (7 - i));
	memcpy(b->request_key.bytes + 8, key.bytes, REQUEST_KEY_LEN);
	b->request_key.len = 8 + REQUEST_KEY_LEN;
}

static enum outcome carry_out(struct boot *b, struct why *why)
{
	const struct decision *d = &b->record.decision;
	const enum stage floor = BOOT_EVIDENCE(b)->key.floor;

	/* the floor of now: a permit was withdrawn, and its copies die with the generation. Before the others: with them the request
	 * dies, too, and nobody asks again */
	if (b->request.floor != STAGE_UNSET && b->request.floor >= floor && b->request.floor <= d->stage)
		return count_up(b, b->request.floor, why);
	if (b->used_permit_slot || b->request.permit == d->stage)
		return count_up(b, floor, why);
	return OUTCOME_BLOCKED;
}

enum outcome step_ratchet(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_RATCHET);
	const struct decision *d = &b->record.decision;
	struct why ignored = { 0 };
	enum outcome o;

	if (d->verdict == VERDICT_STOP || !d->use_key || !b->tpm || b->generation == 0)
		return OUTCOME_BLOCKED;
	o = carry_out(b, why);
	if (o == OUTCOME_OK)
		/* what is left behind is of a dead generation */
		(void)root_store(b, BOOT_REQUEST_PATH, NULL, 0, &ignored);
	make_request_key(b);
	return o;
}
