#include "core/refused.h"

#include "core/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINES_A_PCR 3 /* one PCR must not push the others off the screen */

static bool in(uint32_t mask, unsigned pcr)
{
	return mask & UINT32_C(1) << pcr;
}

static uint16_t bank(const struct refused_about *a)
{
	return bank_from_name(pcr_bank_name(a->slot->object.pcrs.bank));
}

bool refused_differ(const struct refused_about *a, uint32_t *ret)
{
	const struct seal_values *v = &a->slot->values;
	struct seal_values now;

	*ret = 0;
	if (!seal_values_belong(v, &a->slot->object, a->hash, a->hash_arg) ||
	    !seal_values_take(&a->slot->object.pcrs, a->now, a->now_len, &now) || now.size != v->size)
		return false;
	for (unsigned n = 0; n < EVENTLOG_PCRS; n++)
		if (in(v->mask, n) && memcmp(seal_values_of(v, n), seal_values_of(&now, n), v->size) != 0)
			*ret |= UINT32_C(1) << n;
	return true;
}

static bool replays(const struct refused_about *a, const struct eventlog *log, struct pcr_values *ret)
{
	struct eventlog_error error;

	return log && eventlog_replay(log, bank(a), a->hash, a->hash_arg, ret, &error);
}

bool refused_log_fits(const struct refused_about *a, uint32_t differ)
{
	const struct seal_values *v = &a->slot->values;
	struct pcr_values then;

	if (!replays(a, a->log_then, &then) || then.size != v->size)
		return false;
	for (unsigned n = 0; n < EVENTLOG_PCRS; n++)
		if (in(differ & v->mask, n) && !memcmp(then.value[n], seal_values_of(v, n), v->size))
			return true;
	return false;
}

/* -- lines ------------------------------------------------------------------------------ */

struct telling {
	struct refused *ret;
	unsigned of_this; /* lines of the PCR at hand */
};

__attribute__((format(printf, 2, 3))) static void add(struct telling *t, const char *format, ...)
{
	va_list args;

	if (t->ret->lines == REFUSED_LINES || t->of_this == LINES_A_PCR) {
		t->ret->more++;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(t->ret->line[t->ret->lines], REFUSED_LINE, format, args); /* cut */
	va_end(args);
	t->ret->lines++;
	t->of_this++;
}

static void differs(const struct difference *d, void *arg)
{
	char words[REFUSED_LINE];

	difference_words(d, words, sizeof(words));
	add(arg, "PCR %u: %s", d->pcr, words);
}

/* By the two logs, where both give this PCR the value it had; else what it is for. */
static void tell_pcr(const struct refused_about *a, unsigned pcr, const struct pcr_values *then, const struct pcr_values *now,
                     const uint8_t *value, struct telling *t)
{
	const struct seal_values *v = &a->slot->values;
	const bool now_fits = now && !memcmp(now->value[pcr], value, v->size);
	const bool then_fits = then && !memcmp(then->value[pcr], seal_values_of(v, pcr), v->size);
	const struct comparison c = { a->log_then, a->log_now, bank(a), UINT32_C(1) << pcr, a->hash, a->hash_arg, differs, t };

	if (now_fits && then_fits && eventlog_compare(&c) > 0)
		return;
	if (now && !now_fits && pcr < 8)
		add(t, "PCR %u (%s): something was measured that the firmware's log does not show", pcr, pcr_words(pcr));
	else
		add(t, "PCR %u (%s) is not the one that was sealed to", pcr, pcr_words(pcr));
}

void refused_explain(const struct refused_about *a, struct refused *ret)
{
	struct pcr_values then, now;
	struct seal_values is;
	bool has_then, has_now;

	memset(ret, 0, sizeof(*ret));
	if (!refused_differ(a, &ret->differ))
		return;
	ret->state = ret->differ ? REFUSED_DIFFER : REFUSED_SAME;
	has_then = replays(a, a->log_then, &then);
	has_now = replays(a, a->log_now, &now);
	(void)seal_values_take(&a->slot->object.pcrs, a->now, a->now_len, &is); /* refused_differ() did */
	for (unsigned n = 0; n < EVENTLOG_PCRS; n++) {
		struct telling t = { ret, 0 };

		if (in(ret->differ, n))
			tell_pcr(a, n, has_then ? &then : NULL, has_now ? &now : NULL, seal_values_of(&is, n), &t);
	}
}

/* -- what to do --------------------------------------------------------------------------- */

/* What a person may have done that changes a PCR; in the order of likelihood. */
static const struct {
	uint32_t mask;
	const char *done;
} doings[] = {
	{ 1u << 4, "updated the boot loader (GRUB, shim) or the kernel" },
	{ 1u << 0, "updated the firmware" },
	{ 1u << 7, "switched Secure Boot, or updated its keys (db, dbx)" },
	{ 1u << 1, "changed the firmware's settings" },
	{ 1u << 2 | 1u << 3, "changed a device or its firmware" },
	{ 1u << 9, "updated the initramfs, the kernel or GRUB's configuration" },
	{ 1u << 8, "changed the kernel command line or GRUB's configuration" },
	{ 1u << 11, "updated the unified kernel image" },
	{ 1u << 12 | 1u << 13, "changed what lies beside the unified kernel image" },
	{ 1u << 14, "enrolled a machine owner's key" },
	{ 1u << 5, "changed the boot disk's partitions" },
};

void refused_remedy(const struct refused *r, char *ret, size_t size)
{
	char done[256] = "";
	size_t used = 0;

	*ret = '\0';
	if (r->state == REFUSED_SAME)
		(void)snprintf(ret, size, "No PCR differs from what was sealed to: the seal was superseded (boot the newest initramfs), or this is "
		               "another TPM."); /* fits, or is cut */
	if (r->state != REFUSED_DIFFER)
		return;
	for (size_t i = 0; i < sizeof(doings) / sizeof(doings[0]) && used < sizeof(done) / 2; i++)
		if (r->differ & doings[i].mask)
			used += (size_t)snprintf(done + used, sizeof(done) - used, "%s%s", used ? ", or " : "", doings[i].done); /* half is left */
	(void)snprintf(ret, size, "If you %s: type the recovery key, then run 'imagate recover' and do what it says; if you did not, find out "
	               "who did.", used ? done : "changed what is measured there"); /* fits, or is cut */
}
