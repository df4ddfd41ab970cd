#include "cli/pcr.h"

#include "base/log.h"
#include "core/advice.h"
#include "core/story.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK_DEFAULT 0x395u /* 0, 2, 4, 7, 8, 9 */
#define WORDS 640

struct against_tpm {
	bool asked;     /* a TPM answered: value[n] is what it has */
	uint32_t differ; /* bit n: not what the log replays to */
	uint8_t value[EVENTLOG_PCRS][BANK_DIGEST_MAX];
};

static bool in(uint32_t mask, int n)
{
	return mask & UINT32_C(1) << n;
}

/* -- the TPM ---------------------------------------------------------------------------- */

static bool selection_of(const struct pcr_log *log, uint32_t mask, struct pcr_selection *ret)
{
	for (int b = PCR_BANK_SHA256; b <= PCR_BANK_SHA512; b++) {
		if (bank_from_name(pcr_bank_name((enum pcr_bank)b)) != log->alg)
			continue;
		*ret = (struct pcr_selection){ (enum pcr_bank)b, mask };
		return true;
	}
	return false;
}

static void ask_tpm(const struct pcr_wish *w, const struct pcr_log *log, uint32_t mask, struct against_tpm *ret)
{
	uint8_t values[EVENTLOG_PCRS * BANK_DIGEST_MAX];
	struct pcr_selection s;
	struct tpm *t = NULL;
	struct why why = { 0 };
	char words[512];
	size_t len = 0, at = 0;

	*ret = (struct against_tpm){ 0 };
	if ((w->file && !w->tcti) || !selection_of(log, mask, &s))
		return;
	if (tpm_open(w->tcti, 0, &t, &why) != OUTCOME_OK || tpm_pcr_read(t, &s, values, sizeof(values), &len, &why) != OUTCOME_OK) {
		why_format(&why, words, sizeof(words));
		log_warning("the TPM was not asked: %s", words);
		tpm_close(&t);
		return;
	}
	tpm_close(&t);
	ret->asked = true;
	for (int n = 0; n < EVENTLOG_PCRS && at + log->values.size <= len; n++) {
		if (!in(mask, n))
			continue;
		memcpy(ret->value[n], values + at, log->values.size);
		at += log->values.size;
		if (memcmp(ret->value[n], log->values.value[n], log->values.size) != 0)
			ret->differ |= UINT32_C(1) << n;
	}
}

static const char *verdict(const struct against_tpm *t, int n)
{
	if (!t->asked)
		return "by the log; no TPM was asked";
	if (!in(t->differ, n))
		return "as in the TPM";
	return n < 8 ? "NOT what the TPM has: this log is not the whole truth about this boot"
	             : "not what the TPM has: something was measured after the log ended, or the log is not this boot's";
}

/* -- the seal --------------------------------------------------------------------------- */

static bool slot_fits(const struct seal_object *o, const struct pcr_log *log, bool *ret_fits)
{
	struct part parts[EVENTLOG_PCRS];
	uint8_t digest[BANK_DIGEST_MAX];
	size_t count = 0;

	if (bank_from_name(pcr_bank_name(o->pcrs.bank)) != log->alg || o->pcr_digest_len != bank_size(BANK_SHA256))
		return false;
	for (int n = 0; n < EVENTLOG_PCRS; n++)
		if (in(o->pcrs.mask, n))
			parts[count++] = (struct part){ log->values.value[n], log->values.size };
	if (!digest_hash(NULL, BANK_SHA256, parts, count, digest))
		return false;
	*ret_fits = memcmp(digest, o->pcr_digest, o->pcr_digest_len) == 0;
	return true;
}

/* Which of the slot's PCRs the log gives another value; 0: it does not keep them. */
static uint32_t slot_differs(const struct seal_slot *s, const struct pcr_log *log)
{
	uint32_t differ = 0;

	if (!seal_values_belong(&s->values, &s->object, digest_hash, NULL) || s->values.size != log->values.size)
		return 0;
	for (unsigned n = 0; n < EVENTLOG_PCRS; n++)
		if (seal_values_of(&s->values, n) && memcmp(seal_values_of(&s->values, n), log->values.value[n], s->values.size) != 0)
			differ |= UINT32_C(1) << n;
	return differ;
}

static struct json_object *pcrs_of(uint32_t mask)
{
	struct json_object *list = json_object_new_array();

	for (int n = 0; n < EVENTLOG_PCRS; n++)
		if (in(mask, n))
			json_object_array_add(list, json_object_new_int(n));
	return list;
}

static void print_misfit(uint32_t differ)
{
	(void)printf("does NOT fit this log");
	for (int n = 0, before = 0; n < EVENTLOG_PCRS; n++)
		if (in(differ, n))
			(void)printf("%s %d", before++ ? "," : ": PCR", n);
	(void)printf(differ ? "\n  what changed: 'imagate pcr explain --against /etc/imagate/seal.pem" SEAL_LOG_SUFFIX "', the log of the boot that sealed\n"
	                    : ". It was sealed before slots kept their values, so which of them differs cannot be told: compare with a log "
	                      "of a boot that it fitted (--against)\n");
}

static void tell_seal(const struct pcr_wish *w, const struct pcr_log *log, struct json_object *list)
{
	static struct seal s;

	if (!pcr_seal_read(w, &s))
		return;
	for (size_t i = 0; i < s.slots; i++) {
		struct json_object *o;
		bool fits, known = slot_fits(&s.slot[i].object, log, &fits);
		char pcrs[96] = "";

		(void)pcr_selection_format(&s.slot[i].object.pcrs, pcrs, sizeof(pcrs)); /* 96 holds all */
		if (!list) {
			(void)printf("seal, slot %zu (%s): ", i + 1, pcrs);
			if (known && !fits)
				print_misfit(slot_differs(&s.slot[i], log));
			else
				(void)puts(known ? "fits this log" : "bound to a bank that this log does not have, or is not shown");
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "pcrs", json_object_new_string(pcrs));
		json_object_object_add(o, "fits", known ? json_object_new_boolean(fits) : NULL);
		json_object_object_add(o, "differ", pcrs_of(known && !fits ? slot_differs(&s.slot[i], log) : 0));
		json_object_array_add(list, o);
	}
}

/* -- records ------------------------------------------------------------------------------ */

/* What extended one PCR, one after another. */
struct telling {
	const struct pcr_log *log;
	uint32_t pcr;
	struct story_teller teller;
	struct event_cursor cursor;
	struct event event;
	struct story story;
};

static void telling_begin(struct telling *t, const struct pcr_log *log, int pcr)
{
	*t = (struct telling){ .log = log, .pcr = (uint32_t)pcr };
	event_begin(&t->cursor, &log->log);
}

static bool telling_next(struct telling *t)
{
	while (event_next(&t->cursor, &t->event)) {
		/* the teller hears all of them: a story leans on what other PCRs' events said before */
		story_hear(&t->teller, &t->event);
		if (t->event.pcr != t->pcr || !event_extends(&t->event))
			continue;
		event_story(&t->teller, &t->log->log, &t->event, t->log->alg, digest_hash, NULL, &t->story);
		return true;
	}
	return false;
}

static void print_events(const struct pcr_log *log, int pcr)
{
	struct telling t;

	telling_begin(&t, log, pcr);
	while (telling_next(&t)) {
		const struct story *s = &t.story;
		char words[WORDS];

		story_words(s, words, sizeof(words));
		(void)printf("  %-18s %s%s\n", measurer_name(s->by), words, s->proven ? "" : " [?]");
	}
}

static void print_text(const struct pcr_log *log, uint32_t mask, const struct against_tpm *t)
{
	char hex[2 * BANK_DIGEST_MAX + 1];

	for (int n = 0; n < EVENTLOG_PCRS; n++) {
		if (!in(mask, n))
			continue;
		(void)printf("PCR %d: %s\n", n, pcr_words((unsigned)n));
		print_events(log, n);
		hex_encode(log->values.value[n], log->values.size, hex);
		(void)printf("  %s %s: %s\n", bank_name(log->alg), hex, verdict(t, n));
	}
	(void)puts("[?]: the log's word for it; the digest proves that it is the same as ever, not what it is.");
}

static struct json_object *event_json(const struct event *e, uint16_t alg, const struct story *s)
{
	struct json_object *o = json_object_new_object();
	char hex[2 * BANK_DIGEST_MAX + 1];

	hex_encode(event_digest(e, alg), bank_size(alg), hex);
	json_object_object_add(o, "event", json_object_new_int((int)e->number));
	json_object_object_add(o, "type", json_object_new_string(event_type_name(e->type)));
	json_object_object_add(o, "by", json_object_new_string(measurer_name(s->by)));
	json_object_object_add(o, "subject", json_object_new_string(subject_name(s->subject)));
	json_object_object_add(o, "name", json_object_new_string(s->name));
	json_object_object_add(o, "proven", json_object_new_boolean(s->proven));
	json_object_object_add(o, "digest", json_object_new_string(hex));
	return o;
}

static struct json_object *events_json(const struct pcr_log *log, int pcr)
{
	struct json_object *list = json_object_new_array();
	struct telling t;

	telling_begin(&t, log, pcr);
	while (telling_next(&t))
		json_object_array_add(list, event_json(&t.event, log->alg, &t.story));
	return list;
}

static struct json_object *pcrs_json(const struct pcr_log *log, uint32_t mask, const struct against_tpm *t)
{
	struct json_object *list = json_object_new_array();
	char hex[2 * BANK_DIGEST_MAX + 1];

	for (int n = 0; n < EVENTLOG_PCRS; n++) {
		struct json_object *o;

		if (!in(mask, n))
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "pcr", json_object_new_int(n));
		json_object_object_add(o, "for", json_object_new_string(pcr_words((unsigned)n)));
		hex_encode(log->values.value[n], log->values.size, hex);
		json_object_object_add(o, "value", json_object_new_string(hex));
		hex_encode(t->value[n], log->values.size, hex);
		json_object_object_add(o, "tpm", t->asked ? json_object_new_string(hex) : NULL);
		json_object_object_add(o, "events", events_json(log, n));
		json_object_array_add(list, o);
	}
	return list;
}

/* -- against another log ------------------------------------------------------------------- */

static void print_difference(const struct difference *d)
{
	char words[2 * WORDS];

	difference_words(d, words, sizeof(words));
	(void)printf("PCR %u: %s\n", d->pcr, words);
}

static void differs(const struct difference *d, void *arg)
{
	struct json_object *list = arg, *o;

	if (!list) {
		print_difference(d);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "pcr", json_object_new_int((int)d->pcr));
	json_object_object_add(o, "what", json_object_new_string(difference_kind_name(d->kind)));
	json_object_object_add(o, "subject", json_object_new_string(subject_name(d->kind == DIFFERENCE_ADDED ? d->b.subject : d->a.subject)));
	json_object_object_add(o, "before", d->kind == DIFFERENCE_ADDED ? NULL : json_object_new_string(d->a.name));
	json_object_object_add(o, "after", d->kind == DIFFERENCE_REMOVED ? NULL : json_object_new_string(d->b.name));
	json_object_array_add(list, o);
}

/* Exit code. */
static int compare(const struct pcr_wish *w, const struct pcr_log *log, uint32_t mask, struct json_object *list, unsigned *ret)
{
	struct comparison c = { .b = &log->log, .alg = log->alg, .mask = mask, .hash = digest_hash, .emit = differs, .emit_arg = list };
	struct pcr_log before;
	int r = pcr_log_read(w, w->against, &before);

	if (r != IMAGATE_OK)
		return r;
	c.a = &before.log;
	if (before.alg != log->alg) {
		log_error("%s and %s have no bank in common that is known here", log->path, before.path);
		r = IMAGATE_USAGE;
	} else {
		*ret = eventlog_compare(&c);
	}
	free(before.bytes);
	return r;
}

static int explain(const struct pcr_wish *w, const struct pcr_log *log, struct json_object *o)
{
	struct json_object *list = o ? json_object_new_array() : NULL, *slots = o ? json_object_new_array() : NULL;
	uint32_t mask = w->pcrs_given ? w->pcrs.mask : MASK_DEFAULT;
	struct against_tpm t;
	unsigned differences = 0;
	int r = IMAGATE_OK;

	ask_tpm(w, log, mask, &t);
	if (o)
		json_object_object_add(o, "pcrs", pcrs_json(log, mask, &t));
	else if (!w->against)
		print_text(log, mask, &t);
	if (w->against)
		r = compare(w, log, mask, list, &differences);
	if (!o && w->against && r == IMAGATE_OK && differences == 0)
		(void)puts("nothing changed in these PCRs.");
	if (o || !w->against)
		tell_seal(w, log, slots);
	if (o) {
		json_object_object_add(o, "bank", json_object_new_string(bank_name(log->alg)));
		json_object_object_add(o, "differences", list);
		json_object_object_add(o, "slots", slots);
	}
	if (r != IMAGATE_OK)
		return r;
	return t.differ & 0xff || differences ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
}

int pcr_explain(const struct pcr_wish *w)
{
	struct json_object *o;
	struct pcr_log log;
	int r = pcr_log_read(w, w->file, &log);

	if (r != IMAGATE_OK)
		return r;
	o = w->json ? json_object_new_object() : NULL;
	r = explain(w, &log, o);
	if (o && r <= IMAGATE_NOT_ADMITTED)
		pcr_json_print(o);
	else
		json_object_put(o);
	free(log.bytes);
	return r;
}
