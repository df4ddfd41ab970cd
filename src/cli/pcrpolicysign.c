/* 'imagate pcr-policy sign' */
#include "base/file.h"
#include "base/log.h"
#include "cli/pcrpolicy.h"
#include "cli/pin.h"
#include "core/base64.h"
#include "core/seal.h"
#include "crypto/policykey.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static struct json_object *hex_of(const uint8_t bytes[static PCRSIG_DIGEST_LEN])
{
	char text[2 * PCRSIG_DIGEST_LEN + 1];

	hex_encode(bytes, PCRSIG_DIGEST_LEN, text);
	return json_object_new_string(text);
}

static struct json_object *base64_of(const struct signature *s)
{
	char text[BASE64_LEN(PCRSIG_SIGNATURE_MAX) + 1];

	base64_encode(s->bytes, s->len, text);
	return json_object_new_string(text);
}

/* In systemd's order of keys. */
static struct json_object *entry_of(const struct pcrsig *s)
{
	struct json_object *o = json_object_new_object(), *pcrs = json_object_new_array();

	for (int n = 0; n < 24; n++)
		if (s->pcrs.mask & UINT32_C(1) << n)
			json_object_array_add(pcrs, json_object_new_int(n));
	json_object_object_add(o, "pcrs", pcrs);
	json_object_object_add(o, "pkfp", hex_of(s->key));
	json_object_object_add(o, "pol", hex_of(s->policy));
	json_object_object_add(o, "sig", base64_of(&s->plain));
	if (s->epoch) {
		json_object_object_add(o, "imagate-epoch", json_object_new_int((int)s->epoch));
		json_object_object_add(o, "imagate-sig", base64_of(&s->epochal));
	}
	return o;
}

static void ignore(const struct pcrsig *s, void *arg)
{
	(void)s;
	(void)arg;
}

/* What is there already, other banks and keys that are not known here included. */
static int begin(const struct pcrpolicy_wish *w, struct json_object **ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int code;

	*ret = json_object_new_object();
	if (!w->append)
		return IMAGATE_OK;
	code = pcrpolicy_read(w->append, &text, &len);
	if (code == IMAGATE_OK)
		code = pcrpolicy_each(w->append, text, len, ignore, NULL);
	if (code != IMAGATE_OK)
		return code;
	json_object_put(*ret);
	*ret = json_tokener_parse(text);
	if (*ret)
		return IMAGATE_OK;
	log_error("%s: it cannot be read", w->append);
	return IMAGATE_USAGE;
}

static int sign_one(const struct pcrpolicy_wish *w, const struct policysigner *s, const struct pcrpolicy_values *v,
                    struct pcrsig *entry, struct json_object *bank, const char *phase)
{
	struct why why = { 0 };

	entry->pcrs = v->pcrs;
	entry->epoch = w->epoch;
	if (!pcrpolicy_digest(v, phase, entry->policy)) {
		log_error("the policy's digest could not be computed");
		return IMAGATE_FAILED;
	}
	if (policysigner_sign(s, entry->policy, 0, &entry->plain, &why) != OUTCOME_OK ||
	    (w->epoch && policysigner_sign(s, entry->policy, w->epoch, &entry->epochal, &why) != OUTCOME_OK))
		return pcrpolicy_said(&why, IMAGATE_FAILED);
	json_object_array_add(bank, entry_of(entry));
	return IMAGATE_OK;
}

static int sign_all(const struct pcrpolicy_wish *w, const struct pcrpolicy_values *v, struct json_object *o)
{
	const char *name = pcr_bank_name(v->pcrs.bank), *usual[] = { PCRPOLICY_PHASE };
	const char *const *phase = w->phases ? w->phase : usual;
	size_t phases = !w->uki ? 1 : w->phases ? w->phases : 1;
	struct json_object *bank = json_object_object_get(o, name);
	struct policysigner *s = NULL;
	struct policykey public;
	struct pcrsig entry = { 0 };
	struct why why = { 0 };
	int code = IMAGATE_OK;

	if (policysigner_open(&(struct signer_wish){ .key = w->key, .pin = pin_ask }, &s, &public, &why) != OUTCOME_OK)
		return pcrpolicy_said(&why, IMAGATE_USAGE);
	memcpy(entry.key, public.fingerprint, PCRSIG_DIGEST_LEN);
	if (!bank) {
		bank = json_object_new_array();
		json_object_object_add(o, name, bank);
	}
	for (size_t i = 0; code == IMAGATE_OK && i < phases; i++)
		code = sign_one(w, s, v, &entry, bank, w->uki ? phase[i] : NULL);
	policysigner_close(&s);
	return code;
}

static int store(const struct pcrpolicy_wish *w, struct json_object *o)
{
	size_t len;
	const char *text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	int e = len <= PCRSIG_FILE_MAX ? file_write_atomic(AT_FDCWD, w->output, text, len, 0644) : -EFBIG;

	if (e < 0) {
		log_error("%s: %s", w->output, strerror(-e));
		return IMAGATE_FAILED;
	}
	(void)printf("%s\n", w->output);
	return IMAGATE_OK;
}

int pcrpolicy_sign(const struct pcrpolicy_wish *w)
{
	struct pcrpolicy_values v;
	struct json_object *o = NULL;
	int code;

	if (!w->key || !w->output) {
		log_error("pcr-policy sign: --key KEY and --output FILE are wanted");
		return IMAGATE_USAGE;
	}
	if (w->phases && !w->uki) {
		log_error("pcr-policy sign: --phase goes with --uki");
		return IMAGATE_USAGE;
	}
	code = pcrpolicy_gather(w, &v);
	if (code == IMAGATE_OK)
		code = begin(w, &o);
	if (code == IMAGATE_OK)
		code = sign_all(w, &v, o);
	if (code == IMAGATE_OK)
		code = store(w, o);
	json_object_put(o);
	return code;
}
