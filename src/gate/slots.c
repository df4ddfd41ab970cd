#include "gate/slots.h"

#include "crypto/crypto.h"
#include "gate/binding.h"
#include "tpm/tpm.h"

#include <string.h>

/* -- what a slot holds ------------------------------------------------------------------ */

static enum outcome bad_payload(struct boot *b, struct why *why, enum outcome o, const char *detail)
{
	why_set(why, WHY_TEXT, 0, "read", b->config.seal);
	why_detail(why, detail);
	return o;
}

/* Is it this machine's? What is approved says its command line itself, under a Mac that only now can be checked. */
static enum outcome check_payload(struct boot *b, const struct seal_slot *slot, struct seal_record *r, struct why *why)
{
	uint8_t id[KEY_ID_LEN];
	enum outcome o;

	if (!secret_set(&b->master, r->master, MASTER_KEY_LEN))
		return OUTCOME_BROKEN;
	o = key_id_of(&b->master, id, why);
	if (o != OUTCOME_OK)
		return o;
	if (memcmp(id, b->key_id, KEY_ID_LEN) != 0)
		return bad_payload(b, why, OUTCOME_REFUSED, "it was sealed by somebody else: this initramfs belongs to another key");
	if (!slot->object.approval.signature_len || !slot->has_mac)
		return OUTCOME_OK;
	o = slot_mac_verify(&b->master, slot, why);
	if (o == OUTCOME_OK && slot->cmdline_bound)
		memcpy(r->cmdline, slot->cmdline, CMDLINE_DIGEST_LEN);
	return o;
}

/* What is unsealed counts, whatever the slot said. */
static enum outcome take_payload(struct boot *b, const struct seal_slot *slot, const struct secret *payload,
                                 struct why *why)
{
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	struct stance s = boot_stance(b);
	struct seal_record r;
	enum outcome o;

	if (payload_parse(payload->bytes, payload->len, &r) && r.generation == slot->object.generation)
		o = check_payload(b, slot, &r, why);
	else
		o = bad_payload(b, why, OUTCOME_BROKEN, "what was unsealed is not a payload of this version: seal again");
	if (o == OUTCOME_OK) {
		b->generation = r.generation;
		b->used = *slot;
		b->record.signed_pcrs = slot->object.approval.signature_len && !slot->has_mac;
		b->record.suspended = slot->object.resets;
		b->record.foreseen = slot->object.approval.signature_len && slot->has_mac && !slot->object.resets;
		b->sealed_epoch = r.epoch;
		memcpy(b->sealed_root, r.root, ROOT_ID_LEN);
		memcpy(b->sealed_cmdline, r.cmdline, CMDLINE_DIGEST_LEN);
		k->floor = r.floor;
		k->cmdline = binding_is_zero(r.cmdline, CMDLINE_DIGEST_LEN) ||
		             !memcmp(r.cmdline, b->cmdline_digest, CMDLINE_DIGEST_LEN) ? TRI_YES : TRI_NO;
		/* without PCRs: for one boot, whatever the file says */
		b->used_permit_slot = r.once || slot->object.resets;
		if (r.once && r.stage == decide_stage(&s))
			k->authority = AUTHORITY_PERMIT;
	} else {
		secret_wipe(&b->master);
	}
	explicit_bzero(&r, sizeof(r));
	return o;
}

/* -- which one ---------------------------------------------------------------------------- */

static enum outcome slot_fits(struct boot *b, const struct seal_object *o, struct chip_state *c, struct why *why)
{
	enum outcome out;

	if (!o->pcrs.mask)
		return OUTCOME_OK; /* bound to none */
	out = chip_ask(b->tpm, &o->pcrs, c, why);
	if (out != OUTCOME_OK)
		return out;
	if (c->digest_len == o->pcr_digest_len && !memcmp(c->digest, o->pcr_digest, c->digest_len))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "compare", "PCRs");
	why_detail(why, "the PCRs are not those that were sealed to");
	return OUTCOME_REFUSED;
}

/* What the TPM has said of all of them. */
struct tries {
	uint64_t superseded; /* a generation */
	bool over;           /* the door is closed */
};

static enum outcome try_one(struct boot *b, const struct seal_slot *slot, struct tries *t, struct why *why)
{
	SECRET payload = { 0 };
	enum outcome o = tpm_unseal(b->tpm, &slot->object, b->seal.srk_name, b->seal.srk_name_len, &payload, why);

	if (o == OUTCOME_OK)
		o = take_payload(b, slot, &payload, why);
	if (o == OUTCOME_OK)
		why_set(why, WHY_NONE, 0, "", ""); /* what did not fit before does not matter */
	else if (tpm_door_is_why(why))
		t->over = true;
	else if (tpm_superseded_is_why(why))
		t->superseded = slot->object.generation;
	return o;
}

/* One object may be in several slots, approved for other values. */
static bool seen_before(const struct boot *b, const size_t *places, size_t i)
{
	const struct seal_object *o = &b->seal.slot[places[i]].object;

	for (size_t j = 0; j < i; j++) {
		const struct seal_object *other = &b->seal.slot[places[j]].object;

		if (other->private_len == o->private_len && !memcmp(other->private_part, o->private_part, o->private_len))
			return true;
	}
	return false;
}

/* The values of now, where the fleet's key has signed them. */
static enum outcome try_signed(struct boot *b, const size_t *places, size_t count, struct chip_state *c, struct tries *t,
                               struct why *why)
{
	enum outcome o = OUTCOME_REFUSED;
	struct why newest = { 0 };

	for (size_t i = 0; o != OUTCOME_OK && !t->over && i < count; i++) {
		struct seal_slot slot = b->seal.slot[places[i]];

		if (slot.object.generation == t->superseded || seen_before(b, places, i))
			continue;
		slot.has_mac = false; /* the Mac was over other values */
		o = fleet_approve(&b->fleet, b->tpm, c, &slot.object, why);
		if (o == OUTCOME_OK)
			o = try_one(b, &slot, t, why);
		if (o != OUTCOME_OK && newest.domain == WHY_NONE)
			newest = *why;
	}
	/* that an older one is dead is not why the newest did not open */
	if (o != OUTCOME_OK && tpm_superseded_is_why(why) && newest.domain != WHY_NONE)
		*why = newest;
	return o;
}

enum outcome slots_try(struct boot *b, const size_t *places, size_t count, struct chip_state *c, struct why *why)
{
	enum outcome o = OUTCOME_REFUSED;
	struct tries t = { 0 };

	for (size_t i = 0; o != OUTCOME_OK && !t.over && i < count; i++) {
		const struct seal_slot *slot = &b->seal.slot[places[i]];

		if (slot->object.generation == t.superseded)
			continue;
		/* one slot: the TPM's own no is the shortest */
		o = count > 1 || b->fleet.keys ? slot_fits(b, &slot->object, c, why) : OUTCOME_OK;
		if (o == OUTCOME_OK)
			o = try_one(b, slot, &t, why);
	}
	if (o != OUTCOME_OK && b->fleet.keys)
		o = try_signed(b, places, count, c, &t, why);
	/* a counter that is gone is no missing TPM: absence is forgiven more easily than a no */
	return o == OUTCOME_ABSENT ? OUTCOME_REFUSED : o;
}

enum outcome slots_rehearse(struct boot *b, const size_t *places, size_t count, struct why *why)
{
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	struct chip_state c = { 0 };
	enum outcome o = OUTCOME_REFUSED;

	for (size_t i = 0; i < count && o != OUTCOME_OK; i++)
		o = slot_fits(b, &b->seal.slot[places[i]].object, &c, why);
	for (size_t i = 0; i < count && o != OUTCOME_OK && b->fleet.keys; i++) {
		struct seal_object signed_for = b->seal.slot[places[i]].object;

		o = fleet_approve(&b->fleet, b->tpm, &c, &signed_for, why);
	}
	if (o == OUTCOME_OK)
		k->cmdline = k->root = TRI_YES;
	return o;
}
