#include "core/coverage.h"
#include "core/predict.h"
#include "core/refused.h"
#include "core/story.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A hash that reads all of what it is given, and is cheap. */
static bool hash(void *arg, uint16_t alg, const struct part *parts, size_t count, uint8_t *ret)
{
	uint8_t sum = 0;

	(void)arg;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < parts[i].len; j++)
			sum = (uint8_t)(sum * 31 + ((const uint8_t *)parts[i].p)[j]);
	memset(ret, sum, bank_size(alg));
	return true;
}

static void doubted(const struct doubt *d, void *arg)
{
	(void)arg;
	if (!d->reason || d->pcr >= EVENTLOG_PCRS)
		abort();
}

static void differs(const struct difference *d, void *arg)
{
	(void)d;
	(void)arg;
	abort(); /* a log from itself */
}

static void look(const struct eventlog *log, struct story_teller *teller, const struct event *e)
{
	struct story s;
	struct efi_path path;
	char words[64];

	event_story(teller, log, e, BANK_SHA256, hash, NULL, &s);
	story_words(&s, words, sizeof(words));
	if (strlen(s.name) >= sizeof(s.name) || strlen(words) >= sizeof(words))
		abort();
	(void)efi_load_option_parse(e->data, e->len, words, sizeof(words), &path);
	(void)efi_signatures_hold(e->data, e->len, e->data, e->len / 2);
	(void)efi_signatures_count(e->data, e->len);
}

/* Sealed to what the log gives; now its first PCR is another. */
static void refuse(const struct eventlog *log, const struct pcr_values *v)
{
	static struct seal_slot slot;
	static struct refused r;
	uint8_t values[SEAL_VALUES_MAX];
	const struct part all = { values, 8 * v->size };
	const struct refused_about a = { &slot, values, all.len, log, log, hash, NULL };
	char text[REFUSED_REMEDY];

	for (size_t n = 0; n < 8; n++)
		memcpy(values + n * v->size, v->value[n], v->size);
	slot = (struct seal_slot){ .object.pcrs = { PCR_BANK_SHA256, 0xff }, .object.pcr_digest_len = 32 };
	(void)hash(NULL, BANK_SHA256, &all, 1, slot.object.pcr_digest);
	if (!seal_values_take(&slot.object.pcrs, values, all.len, &slot.values))
		abort();
	values[0] ^= 1;
	refused_explain(&a, &r);
	refused_remedy(&r, text, sizeof(text));
	if (r.state != REFUSED_DIFFER || r.differ != 1 || r.lines != 1 || !*text)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t banks[] = { BANK_SHA1, BANK_SHA256, BANK_SHA512 };
	struct story_teller teller = { 0 };
	struct eventlog log;
	struct eventlog_error error;
	struct event_cursor c;
	struct event e;
	struct prediction p;
	struct pcr_values v;
	unsigned n;

	if (!eventlog_open(data, size, &log, &error)) {
		if (!error.reason)
			abort();
		return 0;
	}
	event_begin(&c, &log);
	while (event_next(&c, &e)) {
		if (e.data < data || e.data > data + size || e.len > (size_t)(data + size - e.data))
			abort();
		look(&log, &teller, &e);
	}
	if (eventlog_check(&log, &n, &error) != !c.error.reason || n != c.number)
		abort();
	for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
		const struct change change = { CHANGE_VARIABLE, n / 2, 0, data, size / 2 };
		struct forecast f = { &log, banks[i], 0xffffff, NULL, 0, hash, NULL, doubted, NULL };
		const struct comparison same = { &log, &log, banks[i], 0xffffff, hash, NULL, differs, NULL };
		struct coverage cover;
		bool ok = eventlog_replay(&log, banks[i], hash, NULL, &v, &error);

		if (predict(&f, &p, &error) != ok || (ok && memcmp(&p.values, &v, sizeof(v)) != 0))
			abort(); /* nothing changes, so nothing changes */
		if (ok && eventlog_compare(&same) != 0)
			abort();
		if (ok && banks[i] == BANK_SHA256)
			refuse(&log, &v);
		coverage_of(&log, banks[i], hash, NULL, &cover);
		if (coverage_recommend(&cover, 0xffffff))
			abort(); /* nothing to add to all of them */
		f.changes = &change;
		f.count = 1;
		(void)predict(&f, &p, &error);
	}
	return 0;
}
