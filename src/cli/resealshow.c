/* imagate reseal --show: the slots of the seal. */
#include "cli/reseal.h"

#include "tpm/tpm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum fits { FITS_UNKNOWN, FITS_NOT, FITS_NOW };

static enum fits fits(const struct seal_slot *s, struct tpm *t)
{
	uint8_t values[EVENTLOG_PCRS * BANK_DIGEST_MAX], digest[32];
	struct why why = { 0 };
	size_t len;

	if (!s->object.pcrs.mask)
		return FITS_NOW;
	if (!t || s->object.pcr_digest_len != sizeof(digest) ||
	    tpm_pcr_read(t, &s->object.pcrs, values, sizeof(values), &len, &why) != OUTCOME_OK ||
	    reseal_digest(values, len, digest, &why) != OUTCOME_OK)
		return FITS_UNKNOWN;
	return memcmp(digest, s->object.pcr_digest, sizeof(digest)) ? FITS_NOT : FITS_NOW;
}

static const char *kind_of(const struct seal_slot *s)
{
	return s->object.resets ? "suspended" : s->once ? "permit" : s->object.approval.signature_len ? "approved" : "sealed";
}

static struct json_object *slot_json(const struct seal_slot *s, const char *pcrs, enum fits f)
{
	struct json_object *o = json_object_new_object(), *values = json_object_new_object();
	char hex[2 * BANK_DIGEST_MAX + 1], name[16];
	size_t at = 0;

	json_object_object_add(o, "kind", json_object_new_string(kind_of(s)));
	json_object_object_add(o, "generation", json_object_new_int64((int64_t)s->object.generation));
	json_object_object_add(o, "stage", s->stage == STAGE_UNSET ? NULL : json_object_new_string(stage_name(s->stage)));
	json_object_object_add(o, "floor", json_object_new_string(stage_name(s->floor)));
	json_object_object_add(o, "cmdline-bound", json_object_new_boolean(s->cmdline_bound));
	json_object_object_add(o, "pcrs", json_object_new_string(pcrs));
	json_object_object_add(o, "fits", f == FITS_UNKNOWN ? NULL : json_object_new_boolean(f == FITS_NOW));
	for (unsigned n = 0; n < EVENTLOG_PCRS && s->values.size; n++) {
		if (!(s->values.mask >> n & 1) || at + s->values.size > sizeof(s->values.bytes))
			continue;
		(void)snprintf(name, sizeof(name), "%u", n);
		hex_encode(s->values.bytes + at, s->values.size, hex);
		json_object_object_add(values, name, json_object_new_string(hex));
		at += s->values.size;
	}
	json_object_object_add(o, "values", values);
	return o;
}

void reseal_show(const struct resealing *r, struct tpm *t)
{
	struct json_object *list = r->json ? json_object_new_array() : NULL;
	static const char *const words[] = { "", "; not for the PCRs of now", "; for the PCRs of now" };

	for (size_t i = 0; i < r->a.seal.slots; i++) {
		const struct seal_slot *s = &r->a.seal.slot[i];
		enum fits f = fits(s, t);
		char pcrs[160] = "";

		if (s->object.pcrs.mask && !pcr_selection_format(&s->object.pcrs, pcrs, sizeof(pcrs)))
			pcrs[0] = '\0';
		if (list) {
			json_object_array_add(list, slot_json(s, pcrs, f));
			continue;
		}
		(void)printf("slot %zu: %s, generation %" PRIu64 ", stage %s, floor %s, PCRs %s%s\n", i + 1, kind_of(s), s->object.generation,
		             s->stage == STAGE_UNSET ? "any" : stage_name(s->stage), stage_name(s->floor), *pcrs ? pcrs : "none", words[f]);
	}
	if (list)
		json_object_object_add(r->json, "slots", list);
}
