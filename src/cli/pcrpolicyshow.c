/* 'imagate pcr-policy show' and 'verify' */
#include "base/file.h"
#include "base/log.h"
#include "cli/pcrpolicy.h"
#include "core/advice.h"
#include "core/pe.h"
#include "core/seal.h"
#include "crypto/policykey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UKI_SECTION ".pcrsig"

/* The section takes the place of the file. */
static int take_section(const char *path, char **bytes, size_t *len)
{
	const struct pe_section *s;
	const uint8_t *section;
	const char *reason = "it has no " UKI_SECTION " section";
	struct pe pe;
	size_t offset, n;

	if (pe_parse((const uint8_t *)*bytes, *len, &pe, &offset, &reason)) {
		s = pe_section_find(&pe, UKI_SECTION);
		reason = "it has no " UKI_SECTION " section";
		if (s && pe_section_bytes((const uint8_t *)*bytes, *len, s, &section, &n) && n <= PCRSIG_FILE_MAX) {
			memmove(*bytes, section, n);
			(*bytes)[n] = '\0';
			*len = n;
			return IMAGATE_OK;
		}
	}
	log_error("%s: %s", path, reason);
	free(*bytes);
	*bytes = NULL;
	return IMAGATE_USAGE;
}

int pcrpolicy_read(const char *path, char **ret, size_t *ret_len)
{
	int e = file_read(AT_FDCWD, path, PCRPOLICY_UKI_MAX, ret, ret_len);

	if (e < 0) {
		log_error("%s: %s", path, strerror(-e));
		return IMAGATE_USAGE;
	}
	if (*ret_len > 1 && (*ret)[0] == 'M' && (*ret)[1] == 'Z')
		return take_section(path, ret, ret_len);
	return IMAGATE_OK;
}

int pcrpolicy_each(const char *path, const char *text, size_t len, pcrsig_fn each, void *arg)
{
	const char *error;
	unsigned line;

	if (pcrsig_each(text, len, each, arg, &line, &error))
		return IMAGATE_OK;
	log_error("%s:%u: %s", path, line, error);
	return IMAGATE_USAGE;
}

/* -- show ----------------------------------------------------------------------------------- */

static void show_one(const struct pcrsig *s, void *arg)
{
	char pcrs[96], key[2 * PCRSIG_DIGEST_LEN + 1], policy[2 * PCRSIG_DIGEST_LEN + 1], epoch[32] = "";
	unsigned *count = arg;

	(*count)++;
	if (!pcr_selection_format(&s->pcrs, pcrs, sizeof(pcrs)))
		pcrs[0] = '\0';
	hex_encode(s->key, PCRSIG_DIGEST_LEN, key);
	hex_encode(s->policy, PCRSIG_DIGEST_LEN, policy);
	if (s->epoch)
		(void)snprintf(epoch, sizeof(epoch), "epoch %u%s", s->epoch, s->plain.len ? " and of " : "");
	(void)printf("%s: policy %s\n  by key %s\n  for seals of %s%s\n", pcrs, policy, key, epoch, s->plain.len ? "no epoch" : "");
}

int pcrpolicy_show(const struct pcrpolicy_wish *w)
{
	CLEAN_FREE char *text = NULL;
	unsigned count = 0;
	size_t len;
	int code = pcrpolicy_read(w->file, &text, &len);

	if (code == IMAGATE_OK)
		code = pcrpolicy_each(w->file, text, len, show_one, &count);
	if (code == IMAGATE_OK && count == 0)
		(void)printf("%s: no signature\n", w->file);
	return code;
}

/* -- verify --------------------------------------------------------------------------------- */

struct verifying {
	const struct pcrpolicy_wish *w;
	const struct policykey *key;
	const char *bytes; /* of the key's file */
	size_t len;
	unsigned good, bad, others;
	const struct pcrpolicy_values *values; /* NULL: any */
	uint8_t policy[PCRSIG_DIGEST_LEN];
	bool found;
};

static bool good(const struct verifying *v, const struct pcrsig *s, unsigned epoch, const struct signature *sig)
{
	struct why why = { 0 };
	char text[512];

	if (sig->len == 0 || policykey_verify(v->w->pub, v->bytes, v->len, s->policy, epoch, sig, &why) == OUTCOME_OK)
		return true;
	why_format(&why, text, sizeof(text));
	log_error("%s: %s%s", v->w->file, epoch ? "the epoch's: " : "", text);
	if (s->pcrs.bank != PCR_BANK_SHA256)
		log_error("systemd-measure signs for other banks than sha256 by their own hash, which no TPM takes for such a key: sign it "
		          "with 'imagate pcr-policy sign'");
	return false;
}

static void verify_one(const struct pcrsig *s, void *arg)
{
	struct verifying *v = arg;
	bool ok;

	if (memcmp(s->key, v->key->fingerprint, PCRSIG_DIGEST_LEN) != 0) {
		v->others++;
		return;
	}
	ok = good(v, s, 0, &s->plain) && good(v, s, s->epoch, &s->epochal);
	v->good += ok;
	v->bad += !ok;
	if (ok && v->values && s->pcrs.bank == v->values->pcrs.bank && s->pcrs.mask == v->values->pcrs.mask &&
	    !memcmp(s->policy, v->policy, PCRSIG_DIGEST_LEN) && (v->w->epoch == 0 || v->w->epoch == s->epoch))
		v->found = true;
}

static int judge(const struct verifying *v)
{
	(void)printf("%s: %u by this key%s, %u by others\n", v->w->file, v->good, v->bad ? ", some of them not good" : "", v->others);
	if (v->bad)
		return IMAGATE_NOT_ADMITTED;
	if (v->good == 0) {
		log_error("%s: nothing in it is signed by %s", v->w->file, v->w->pub);
		return IMAGATE_NOT_ADMITTED;
	}
	if (v->values && !v->found) {
		log_error("%s: no signature for these PCR values%s: sign them with 'imagate pcr-policy sign'", v->w->file,
		          v->w->epoch ? " and this epoch" : "");
		return IMAGATE_NOT_ADMITTED;
	}
	return IMAGATE_OK;
}

int pcrpolicy_verify(const struct pcrpolicy_wish *w)
{
	CLEAN_FREE char *text = NULL, *bytes = NULL;
	struct pcrpolicy_values values;
	struct policykey key;
	struct verifying v = { .w = w, .key = &key };
	struct why why = { 0 };
	size_t len;
	int code, e;

	if (!w->pub) {
		log_error("pcr-policy verify: --pub KEY is wanted");
		return IMAGATE_USAGE;
	}
	e = file_read(AT_FDCWD, w->pub, POLICYKEY_FILE_MAX, &bytes, &v.len);
	if (e < 0) {
		log_error("%s: %s", w->pub, strerror(-e));
		return IMAGATE_USAGE;
	}
	v.bytes = bytes;
	if (policykey_read(w->pub, bytes, v.len, &key, &why) != OUTCOME_OK)
		return pcrpolicy_said(&why, IMAGATE_USAGE);
	if (w->current || w->log || w->uki || w->values) {
		code = pcrpolicy_gather(w, &values);
		if (code != IMAGATE_OK)
			return code;
		v.values = &values;
		if (!pcrpolicy_digest(&values, w->uki ? w->phases ? w->phase[0] : PCRPOLICY_PHASE : NULL, v.policy))
			return IMAGATE_FAILED;
	}
	code = pcrpolicy_read(w->file, &text, &len);
	if (code == IMAGATE_OK)
		code = pcrpolicy_each(w->file, text, len, verify_one, &v);
	return code == IMAGATE_OK ? judge(&v) : code;
}
