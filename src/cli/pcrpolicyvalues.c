/* 'imagate pcr-policy': where PCR values come from. */
#include "base/file.h"
#include "base/log.h"
#include "cli/pcr.h"
#include "cli/pcrpolicy.h"
#include "core/ukipcr.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int from_tpm(const struct pcrpolicy_wish *w, struct pcrpolicy_values *v)
{
	uint8_t values[PCRPOLICY_VALUES * BANK_DIGEST_MAX], *p = values;
	struct tpm *t = NULL;
	struct why why = { 0 };
	size_t len;
	enum outcome o = tpm_open(w->tcti, 0, &t, &why);

	if (o == OUTCOME_OK)
		o = tpm_pcr_read(t, &w->pcrs, values, sizeof(values), &len, &why);
	tpm_close(&t);
	if (o != OUTCOME_OK)
		return pcrpolicy_said(&why, IMAGATE_FAILED);
	for (int n = 0; n < PCRPOLICY_VALUES; n++) {
		if (!(w->pcrs.mask & UINT32_C(1) << n))
			continue;
		memcpy(v->values.value[n], p, v->values.size);
		p += v->values.size;
	}
	return IMAGATE_OK;
}

static int from_log(const struct pcrpolicy_wish *w, struct pcrpolicy_values *v)
{
	const struct pcr_wish of_log = { .pcrs = w->pcrs, .pcrs_given = true };
	struct pcr_log l;
	int code = pcr_log_read(&of_log, w->log, &l);

	if (code != IMAGATE_OK)
		return code;
	free(l.bytes);
	if (l.alg != v->values.alg) {
		log_error("%s: it has no values of the bank %s", w->log, pcr_bank_name(w->pcrs.bank));
		return IMAGATE_USAGE;
	}
	for (int n = 0; n < PCRPOLICY_VALUES; n++) {
		if (w->pcrs.mask & UINT32_C(1) << n && !(l.values.extended & UINT32_C(1) << n)) {
			log_error("%s: nothing was measured into PCR %d: signing its first value binds to nothing", w->log, n);
			return IMAGATE_USAGE;
		}
		if (w->pcrs.mask & UINT32_C(1) << n)
			memcpy(v->values.value[n], l.values.value[n], v->values.size);
	}
	return IMAGATE_OK;
}

static int from_uki(const struct pcrpolicy_wish *w, struct pcrpolicy_values *v)
{
	CLEAN_FREE char *bytes = NULL;
	const char *reason;
	struct pe pe;
	size_t len, offset;
	int e = file_read(AT_FDCWD, w->uki, PCRPOLICY_UKI_MAX, &bytes, &len);

	if (e < 0) {
		log_error("%s: %s", w->uki, strerror(-e));
		return IMAGATE_USAGE;
	}
	if (!pe_parse((const uint8_t *)bytes, len, &pe, &offset, &reason)) {
		log_error("%s: byte %zu: %s", w->uki, offset, reason);
		return IMAGATE_USAGE;
	}
	memset(v->values.value[UKIPCR], 0, BANK_DIGEST_MAX);
	if (ukipcr_image(&pe, (const uint8_t *)bytes, len, &v->values, digest_hash, NULL, &reason))
		return IMAGATE_OK;
	log_error("%s: %s", w->uki, reason);
	return IMAGATE_USAGE;
}

/* "sha256:11=HEX"; the bank may be left out. */
static int from_text(const char *text, struct pcrpolicy_values *v, uint32_t *mask)
{
	const char *equals = strchr(text, '='), *error = "write BANK:PCR=HEX";
	struct pcr_selection s = { 0 };
	char left[64];
	size_t len;

	(void)snprintf(left, sizeof(left), "%s%.*s", strchr(text, ':') ? "" : "sha256:", equals ? (int)(equals - text) : 0, text); /* cut: wrong, too */
	if (!equals || !pcr_selection_parse(left, &s, &error) || __builtin_popcount(s.mask) != 1) {
		log_error("--value: %s", error);
		return IMAGATE_USAGE;
	}
	if (s.bank != v->pcrs.bank) {
		log_error("--value: all values are of one bank: sign another with --append");
		return IMAGATE_USAGE;
	}
	if (!hex_decode(equals + 1, strlen(equals + 1), v->values.value[__builtin_ctz(s.mask)], v->values.size, &len) ||
	    len != v->values.size) {
		log_error("--value: PCR %d: not %zu hexadecimal digits", __builtin_ctz(s.mask), 2 * v->values.size);
		return IMAGATE_USAGE;
	}
	*mask |= s.mask;
	return IMAGATE_OK;
}

static enum pcr_bank bank_of(const struct pcrpolicy_wish *w)
{
	const char *colon = w->values ? strchr(w->value[0], ':') : NULL;

	if (w->pcrs.mask)
		return w->pcrs.bank;
	for (int b = PCR_BANK_SHA256; colon && b <= PCR_BANK_SHA512; b++)
		if (strlen(pcr_bank_name((enum pcr_bank)b)) == (size_t)(colon - w->value[0]) &&
		    !strncmp(pcr_bank_name((enum pcr_bank)b), w->value[0], (size_t)(colon - w->value[0])))
			return (enum pcr_bank)b;
	return PCR_BANK_SHA256;
}

int pcrpolicy_gather(const struct pcrpolicy_wish *w, struct pcrpolicy_values *ret)
{
	bool all = w->current || w->log;
	uint32_t mask = all ? w->pcrs.mask : 0;
	int code = IMAGATE_OK;

	*ret = (struct pcrpolicy_values){ .pcrs.bank = bank_of(w) };
	pcr_values_reset(&ret->values, bank_from_name(pcr_bank_name(ret->pcrs.bank)));
	if (all && !w->pcrs.mask) {
		log_error("--current and --from-log: which PCRs? Give --pcrs, as in sha256:0,2,4,7");
		return IMAGATE_USAGE;
	}
	if (w->current)
		code = from_tpm(w, ret);
	if (code == IMAGATE_OK && w->log)
		code = from_log(w, ret);
	if (code == IMAGATE_OK && w->uki) {
		code = from_uki(w, ret);
		mask |= UINT32_C(1) << UKIPCR;
	}
	for (size_t i = 0; code == IMAGATE_OK && i < w->values; i++)
		code = from_text(w->value[i], ret, &mask);
	if (code != IMAGATE_OK)
		return code;
	if (mask == 0 || (w->pcrs.mask & ~mask)) {
		log_error("pcr-policy: no value for %s: give --current, --from-log, --uki or --value",
		          mask ? "each of --pcrs" : "any PCR");
		return IMAGATE_USAGE;
	}
	ret->pcrs.mask = mask;
	return IMAGATE_OK;
}

bool pcrpolicy_digest(const struct pcrpolicy_values *v, const char *phase, uint8_t ret[static PCRSIG_DIGEST_LEN])
{
	struct pcr_values now = v->values;
	uint8_t values[PCRPOLICY_VALUES * BANK_DIGEST_MAX], *p = values, digest[PCRSIG_DIGEST_LEN];
	struct part all = { values, 0 };

	if (phase && !ukipcr_phase(phase, &now, digest_hash, NULL))
		return false;
	for (int n = 0; n < PCRPOLICY_VALUES; n++) {
		if (!(v->pcrs.mask & UINT32_C(1) << n))
			continue;
		memcpy(p, now.value[n], now.size);
		p += now.size;
	}
	all.len = (size_t)(p - values);
	return digest_parts(&all, 1, digest, NULL) == OUTCOME_OK && pcrsig_policy(&v->pcrs, digest, digest_hash, NULL, ret);
}
