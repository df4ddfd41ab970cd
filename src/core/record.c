#include "core/record.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "imagate-record=1"

struct out {
	char *p;
	size_t size, used;
	bool ok;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!o->ok)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->p + o->used, o->size - o->used, fmt, ap);
	va_end(ap);
	o->ok = n >= 0 && (size_t)n < o->size - o->used;
	if (o->ok)
		o->used += (size_t)n;
}

static const char *const tri_words[] = { "unknown", "no", "yes" };
static const char *const ring_words[] = { "unknown", "kernel", "user" };
static const char *const evm_words[2][2] = { { "none", "x509" }, { "hmac", "hmac+x509" } };

static void put_why(struct out *o, enum step s, const struct why *w)
{
	if (w->domain == WHY_NONE)
		return;
	put(o, "why.%s=%s %" PRId64 " %s | %s | %s\n", step_name(s), why_domain_name(w->domain), w->code,
	    w->operation ? w->operation : "", w->subject, w->detail);
}

static const char *const refused_words[] = {
	[REFUSED_UNKNOWN] = "unknown", [REFUSED_SAME] = "same", [REFUSED_DIFFER] = "differ",
};

static void put_refused(struct out *o, const struct refused *r)
{
	put(o, "refused=%s\nchanged-pcrs=%06x\nchanged-more=%u\n", refused_words[r->state], (unsigned)r->differ, r->more);
	for (size_t i = 0; i < r->lines; i++)
		put(o, "changed=%s\n", r->line[i]);
}

size_t record_format(const struct record *r, char *ret, size_t size)
{
	struct out o = { ret, size, 0, size > 0 };
	const struct facts *f = &r->evidence.facts;
	const struct decision *d = &r->decision;

	put(&o, "%s\nverdict=%s\ncause=%s\nstage=%s\nappraise=%s\nrings=%s\n", MAGIC,
	    verdict_name(d->verdict), cause_name(d->cause), stage_name(d->stage),
	    appraise_name(f->appraise), ring_words[f->rings]);
	put(&o, "healed=%u\nsigned-pcrs=%s\nsuspended=%s\nforeseen=%s\nrenew=%s\n", r->healed, tri_words[1 + r->signed_pcrs], tri_words[1 + r->suspended],
	    tri_words[1 + r->foreseen], tri_words[1 + r->renew]);
	put(&o, "action=%s\nfloor=%s\nauthority=%s\ngeneration=%" PRIu64 "\nwrong-keys=%u\nreboots=%u\n",
	    d->verdict == VERDICT_STOP ? action_name(d->action) : "none", stage_name(r->evidence.key.floor),
	    authority_name(r->evidence.key.authority), r->generation, r->wrong_keys, r->evidence.reboots);
	put(&o, "evm=%s\npolicy=%s\npolicy-rules=%u\nima-certs=%u\nevm-certs=%u\n",
	    evm_words[r->evm_hmac][r->evm_x509], *r->policy ? r->policy : "none", r->policy_rules,
	    r->ima_certs, r->evm_certs);
	put(&o, "module-signatures=%s\n", r->module_signatures ? "enforced" : "as-booted");
	put(&o, "kernel=%s\nsecure-boot=%s\nlsm=%s\ntpm-ms=%u\nwait-ms=%u\ntotal-ms=%u\npeak-kib=%u\n", f->release,
	    tri_words[f->secure_boot], f->lsm, r->tpm_ms, r->wait_ms, r->total_ms, r->peak_kib);
	for (int s = 0; s < STEP_COUNT; s++)
		put(&o, "step.%s=%s\n", step_name((enum step)s), outcome_name(r->evidence.outcome[s]));
	for (int s = 0; s < STEP_COUNT; s++)
		put(&o, "ms.%s=%u\n", step_name((enum step)s), r->step_ms[s]);
	if (r->refused.state != REFUSED_UNKNOWN)
		put_refused(&o, &r->refused);
	for (int s = 0; s < STEP_COUNT; s++)
		put_why(&o, (enum step)s, &r->why[s]);
	return o.ok ? o.used : 0;
}

struct piece {
	const char *p;
	size_t len;
};

static bool piece_is(struct piece v, const char *word)
{
	return text_is(v.p, v.len, word);
}

static void copy(struct piece v, char *ret, size_t size)
{
	size_t n = v.len < size ? v.len : size - 1;

	memcpy(ret, v.p, n);
	ret[n] = '\0';
}

/* Everything up to the separator; the rest stays in v. */
static struct piece cut(struct piece *v, const char *separator)
{
	const char *at = memmem(v->p, v->len, separator, strlen(separator));
	struct piece head = *v;

	if (!at)
		return *v = (struct piece){ v->p + v->len, 0 }, head;
	head.len = (size_t)(at - v->p);
	v->len -= head.len + strlen(separator);
	v->p = at + strlen(separator);
	return head;
}

static int64_t number(struct piece v)
{
	int64_t n = 0;
	size_t i = v.len && *v.p == '-';

	for (; i < v.len && v.p[i] >= '0' && v.p[i] <= '9' && n < INT64_MAX / 10 - 9; i++)
		n = n * 10 + (v.p[i] - '0');
	return v.len && *v.p == '-' ? -n : n;
}

#define FIND(ret, type, count, name_of, v)                                                         \
	do {                                                                                       \
		for (int find_i = 0; find_i < (int)(count); find_i++)                              \
			if (piece_is((v), name_of((type)find_i)))                                  \
				(ret) = (type)find_i;                                              \
	} while (0)

static void take_why(struct why *w, struct piece v)
{
	char operation[64], text[WHY_DETAIL_LEN];
	struct piece part = cut(&v, " ");
	enum why_domain domain = WHY_NONE;
	int64_t code;

	FIND(domain, enum why_domain, WHY_DOMAIN_COUNT, why_domain_name, part);
	code = number(cut(&v, " "));
	copy(cut(&v, " | "), operation, sizeof(operation));
	copy(cut(&v, " | "), text, sizeof(text));
	why_set(w, domain, code, "", text);
	copy(v, text, sizeof(text));
	if (*operation) {
		char both[sizeof(operation) + sizeof(text) + 2];

		(void)snprintf(both, sizeof(both), "%s%s%s", operation, *text ? ": " : "", text);
		why_detail(w, both);
	} else {
		why_detail(w, text);
	}
}

/* False: the line is not about that. */
static bool take_refused(struct refused *r, struct piece key, struct piece v)
{
	uint8_t mask[3];
	size_t n;

	if (piece_is(key, "refused"))
		r->state = piece_is(v, "differ") ? REFUSED_DIFFER : piece_is(v, "same") ? REFUSED_SAME : REFUSED_UNKNOWN;
	else if (piece_is(key, "changed-pcrs") && hex_decode(v.p, v.len, mask, sizeof(mask), &n) && n == sizeof(mask))
		r->differ = (uint32_t)mask[0] << 16 | (uint32_t)mask[1] << 8 | mask[2];
	else if (piece_is(key, "changed-more"))
		r->more = (unsigned)number(v);
	else if (piece_is(key, "changed") && r->lines < REFUSED_LINES)
		copy(v, r->line[r->lines++], REFUSED_LINE);
	else
		return false;
	return true;
}

static void take_step(struct record *r, struct piece key, struct piece v)
{
	for (int s = 0; s < STEP_COUNT; s++) {
		if (text_begins(key.p, key.len, "step.") &&
		    text_is(key.p + 5, key.len - 5, step_name((enum step)s)))
			FIND(r->evidence.outcome[s], enum outcome, OUTCOME_COUNT, outcome_name, v);
		else if (text_begins(key.p, key.len, "ms.") &&
		         text_is(key.p + 3, key.len - 3, step_name((enum step)s)))
			r->step_ms[s] = (unsigned)number(v);
		else if (text_begins(key.p, key.len, "why.") &&
		         text_is(key.p + 4, key.len - 4, step_name((enum step)s)))
			take_why(&r->why[s], v);
	}
}

static bool take_count(struct record *r, struct piece key, struct piece v)
{
	const struct {
		const char *name;
		unsigned *ret;
	} counts[] = {
		{ "healed", &r->healed }, { "wrong-keys", &r->wrong_keys }, { "reboots", &r->evidence.reboots },
		{ "policy-rules", &r->policy_rules }, { "ima-certs", &r->ima_certs }, { "evm-certs", &r->evm_certs },
		{ "tpm-ms", &r->tpm_ms }, { "peak-kib", &r->peak_kib }, { "wait-ms", &r->wait_ms }, { "total-ms", &r->total_ms },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (piece_is(key, counts[i].name)) {
			*counts[i].ret = (unsigned)number(v);
			return true;
		}
	return false;
}

static void take_line(struct record *r, struct piece key, struct piece v)
{
	struct facts *f = &r->evidence.facts;

	if (piece_is(key, "verdict"))
		FIND(r->decision.verdict, enum verdict, VERDICT_COUNT, verdict_name, v);
	else if (piece_is(key, "cause"))
		FIND(r->decision.cause, enum cause, CAUSE_COUNT, cause_name, v);
	else if (piece_is(key, "stage"))
		FIND(r->decision.stage, enum stage, STAGE_COUNT, stage_name, v);
	else if (piece_is(key, "appraise"))
		FIND(f->appraise, enum appraise, APPRAISE_COUNT, appraise_name, v);
	else if (piece_is(key, "rings"))
		f->rings = piece_is(v, "kernel") ? RINGS_KERNEL : piece_is(v, "user") ? RINGS_USER : RINGS_UNKNOWN;
	else if (piece_is(key, "secure-boot"))
		f->secure_boot = piece_is(v, "yes") ? TRI_YES : piece_is(v, "no") ? TRI_NO : TRI_UNKNOWN;
	else if (piece_is(key, "kernel"))
		copy(v, f->release, sizeof(f->release));
	else if (piece_is(key, "lsm"))
		copy(v, f->lsm, sizeof(f->lsm));
	else if (piece_is(key, "policy") && !piece_is(v, "none"))
		copy(v, r->policy, sizeof(r->policy));
	else if (piece_is(key, "action"))
		FIND(r->decision.action, enum action, ACTION_COUNT, action_name, v);
	else if (piece_is(key, "floor"))
		FIND(r->evidence.key.floor, enum stage, STAGE_COUNT, stage_name, v);
	else if (piece_is(key, "authority"))
		FIND(r->evidence.key.authority, enum authority, AUTHORITY_COUNT, authority_name, v);
	else if (piece_is(key, "signed-pcrs"))
		r->signed_pcrs = piece_is(v, "yes");
	else if (piece_is(key, "suspended"))
		r->suspended = piece_is(v, "yes");
	else if (piece_is(key, "foreseen"))
		r->foreseen = piece_is(v, "yes");
	else if (piece_is(key, "renew"))
		r->renew = piece_is(v, "yes");
	else if (piece_is(key, "generation"))
		r->generation = (uint64_t)number(v);
	else if (piece_is(key, "module-signatures"))
		r->module_signatures = piece_is(v, "enforced");
	else if (piece_is(key, "evm")) {
		r->evm_hmac = piece_is(v, "hmac") || piece_is(v, "hmac+x509");
		r->evm_x509 = piece_is(v, "x509") || piece_is(v, "hmac+x509");
	} else if (!take_count(r, key, v) && !take_refused(&r->refused, key, v))
		take_step(r, key, v);
}

bool record_parse(const char *text, size_t len, struct record *ret)
{
	struct text t = { text, text + len };
	struct piece line, key;

	memset(ret, 0, sizeof(*ret));
	if (!text_line(&t, &line.p, &line.len) || !piece_is(line, MAGIC))
		return false;
	while (text_line(&t, &line.p, &line.len)) {
		if (!memchr(line.p, '=', line.len))
			return false;
		key = cut(&line, "=");
		take_line(ret, key, line);
	}
	return true;
}
