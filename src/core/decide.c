#include "core/decide.h"

#include "core/names.h"

#include <string.h>

/* Everything that an objection is judged by. */
struct matter {
	const struct stance *s;
	const struct evidence *e;
	const struct config *c;
	const struct facts *f;
	const enum outcome *o;
	const struct key_facts *k;
	enum stage stage, floor;
	bool key_wanted;  /* this stage, with this key source, uses a key */
	bool key_asked;   /* nothing in config and facts forbids it: the TPM was to be asked */
};

/* What an objection takes away. Where it takes nothing, it only degrades. */
enum { TAKES_KEY = 1, TAKES_CERTS = 2, TAKES_POLICY = 4, TAKES_ALL = 7 };
/* Which waiver of the configuration lets enforce go on nevertheless. */
enum waiver { WAIVER_ALWAYS, WAIVER_ABSENT, WAIVER_REFUSED, WAIVER_PREFLIGHT, WAIVER_POLICY };

struct objection {
	enum cause cause;
	bool (*applies)(const struct matter *m);
	unsigned takes;
	enum waiver waiver;
	bool early; /* judged on config and facts alone */
};

static bool full(const struct matter *m)
{
	return m->stage >= STAGE_FIX;
}

static bool keyed(const struct matter *m)
{
	return full(m) && (m->key_wanted || *m->c->x509_evm);
}

static bool no_ima(const struct matter *m)
{
	return m->f->ima != TRI_YES;
}
static bool no_evm(const struct matter *m)
{
	return keyed(m) && m->f->evm != TRI_YES;
}
static bool no_key_type(const struct matter *m)
{
	return m->key_wanted && m->f->key_encrypted != TRI_YES;
}
static bool evm_already(const struct matter *m)
{
	return keyed(m) && m->f->evm == TRI_YES && m->f->evm_active != TRI_NO;
}
static bool policy_already(const struct matter *m)
{
	return m->f->ima == TRI_YES && m->f->policy_writable != TRI_YES;
}
static bool hazard_bpf(const struct matter *m)
{
	return m->key_wanted && m->f->hazard_bpf != TRI_NO;
}
static bool hazard_integrity(const struct matter *m)
{
	return m->f->hazard_integrity != TRI_NO;
}
static bool tpm_key(const struct matter *m)
{
	return m->c->key_source == KEY_SOURCE_TPM;
}
static bool permitted(const struct matter *m)
{
	return tpm_key(m) && m->k->authority != AUTHORITY_NONE;
}
static bool person(const struct matter *m)
{
	return tpm_key(m) && m->k->authority == AUTHORITY_PERSON;
}
static bool below_floor(const struct matter *m)
{
	return m->stage < m->floor && !permitted(m);
}
/* before the floor is enforce, these two only warn */
static bool other_cmdline(const struct matter *m)
{
	return m->key_asked && tpm_key(m) && m->floor >= STAGE_ENFORCE && !person(m) &&
	       (m->k->cmdline == TRI_NO || (m->o[STEP_UNSEAL] == OUTCOME_OK && m->k->cmdline != TRI_YES));
}
static bool other_root(const struct matter *m)
{
	return m->key_asked && tpm_key(m) && m->o[STEP_UNSEAL] == OUTCOME_OK && m->floor >= STAGE_ENFORCE &&
	       m->k->root != TRI_YES && !person(m);
}
static bool appraise_mode(const struct matter *m)
{
	return full(m) && m->f->appraise != stage_appraise(m->stage);
}
static bool evm_fix(const struct matter *m)
{
	return keyed(m) && m->f->evm_fix != TRI_NO &&
	       (m->stage > STAGE_FIX || m->floor > STAGE_FIX);
}
static bool key_absent(const struct matter *m)
{
	return m->key_asked && m->o[STEP_UNSEAL] == OUTCOME_ABSENT;
}
static bool key_refused(const struct matter *m)
{
	return m->key_asked && m->o[STEP_UNSEAL] == OUTCOME_REFUSED;
}
static bool key_broken(const struct matter *m)
{
	return m->key_asked && !key_absent(m) && !key_refused(m) && m->o[STEP_UNSEAL] != OUTCOME_OK;
}
static bool preflight(const struct matter *m)
{
	if (m->stage != STAGE_ENFORCE || m->o[STEP_PREFLIGHT] == OUTCOME_OK)
		return false;
	return m->c->preflight != PREFLIGHT_OFF || m->o[STEP_PREFLIGHT] != OUTCOME_BLOCKED;
}
static bool policy_absent(const struct matter *m)
{
	return m->o[STEP_STAGING] == OUTCOME_ABSENT;
}
static bool policy_refused(const struct matter *m)
{
	return m->o[STEP_STAGING] == OUTCOME_REFUSED;
}
static bool policy_broken(const struct matter *m)
{
	return !policy_absent(m) && !policy_refused(m) && m->o[STEP_STAGING] != OUTCOME_OK;
}

/* In the order of enum cause. BELOW_FLOOR stops at every stage, the others only enforce. */
static const struct objection objections[] = {
	{ CAUSE_NO_IMA, no_ima, TAKES_ALL, WAIVER_POLICY, true },
	{ CAUSE_NO_EVM, no_evm, TAKES_KEY | TAKES_CERTS, WAIVER_ABSENT, true },
	{ CAUSE_NO_KEY_TYPE, no_key_type, TAKES_KEY, WAIVER_ABSENT, true },
	{ CAUSE_EVM_ALREADY, evm_already, TAKES_KEY | TAKES_CERTS, WAIVER_REFUSED, true },
	{ CAUSE_POLICY_ALREADY, policy_already, TAKES_ALL, WAIVER_POLICY, true },
	{ CAUSE_HAZARD_BPF, hazard_bpf, TAKES_KEY, WAIVER_ALWAYS, true },
	{ CAUSE_HAZARD_INTEGRITY, hazard_integrity, TAKES_ALL, WAIVER_ALWAYS, true },
	{ CAUSE_BELOW_FLOOR, below_floor, TAKES_KEY | TAKES_CERTS, WAIVER_REFUSED, false },
	{ CAUSE_APPRAISE_MODE, appraise_mode, TAKES_ALL, WAIVER_REFUSED, true },
	{ CAUSE_EVM_FIX, evm_fix, TAKES_KEY | TAKES_CERTS, WAIVER_REFUSED, true },
	{ CAUSE_CMDLINE, other_cmdline, TAKES_KEY, WAIVER_REFUSED, false },
	{ CAUSE_ROOT, other_root, TAKES_KEY, WAIVER_REFUSED, false },
	{ CAUSE_KEY_ABSENT, key_absent, TAKES_KEY, WAIVER_ABSENT, false },
	{ CAUSE_KEY_REFUSED, key_refused, TAKES_KEY, WAIVER_REFUSED, false },
	{ CAUSE_KEY_BROKEN, key_broken, TAKES_KEY, WAIVER_REFUSED, false },
	{ CAUSE_PREFLIGHT, preflight, TAKES_ALL, WAIVER_PREFLIGHT, false },
	{ CAUSE_POLICY_ABSENT, policy_absent, TAKES_ALL, WAIVER_POLICY, false },
	{ CAUSE_POLICY_REFUSED, policy_refused, TAKES_ALL, WAIVER_POLICY, false },
	{ CAUSE_POLICY, policy_broken, TAKES_ALL, WAIVER_POLICY, false },
};
#define OBJECTIONS (sizeof(objections) / sizeof(objections[0]))

static enum on_failure on_failure(const struct config *c, enum waiver w)
{
	switch (w) {
	case WAIVER_ALWAYS: return ON_FAILURE_DEGRADE;
	case WAIVER_ABSENT: return c->on_key_absent;
	case WAIVER_REFUSED: return c->on_key_refused;
	case WAIVER_PREFLIGHT: return c->on_preflight;
	case WAIVER_POLICY: return c->on_policy;
	}
	return ON_FAILURE_STOP;
}

/* In enforce; and where less than a floor of enforce was asked for. Lower floors only keep the key. */
static bool stops(const struct config *c, enum stage stage, enum stage floor, enum cause cause, enum waiver w)
{
	return (stage == STAGE_ENFORCE || (cause == CAUSE_BELOW_FLOOR && floor >= STAGE_ENFORCE)) &&
	       on_failure(c, w) != ON_FAILURE_DEGRADE;
}

/* What the stop is. A trial goes back by itself; nothing reboots for ever. */
static enum action action_of(const struct stance *s, const struct evidence *e, enum on_failure f)
{
	bool trial = s->cmdline && s->cmdline->trial;
	enum action a = s->config ? s->config->on_stop : ACTION_RESCUE;
	unsigned most = REBOOTS_MAX + (trial && s->config ? s->config->tries : 0);

	if (f == ON_FAILURE_RESCUE)
		a = ACTION_RESCUE;
	else if (f == ON_FAILURE_POWEROFF)
		a = ACTION_POWEROFF;
	else if (f == ON_FAILURE_FALLBACK || trial)
		a = ACTION_FALLBACK;
	return a == ACTION_FALLBACK && e->reboots >= most ? ACTION_RESCUE : a;
}

/* Config, facts and command line are all there: only then is there a matter to judge. */
static bool matter_of(const struct stance *s, const struct evidence *e, struct matter *ret)
{
	if (!s->config || e->outcome[STEP_CONFIG] != OUTCOME_OK || !s->cmdline || s->cmdline->truncated ||
	    e->outcome[STEP_FACTS] != OUTCOME_OK)
		return false;
	*ret = (struct matter){ .s = s, .e = e, .c = s->config, .f = &e->facts, .o = e->outcome, .k = &e->key,
		.stage = decide_stage(s), .floor = decide_floor(s, e) };
	ret->key_wanted = full(ret) && s->config->key_source != KEY_SOURCE_NONE;
	/* a slot for this stage, or a permit, may be there although the floor is above it */
	ret->key_asked = ret->key_wanted && !s->cmdline->rescue &&
	                 (ret->stage >= ret->floor || (tpm_key(ret) && e->key.useful == TRI_YES) || permitted(ret));
	for (size_t i = 0; i < OBJECTIONS; i++)
		if (objections[i].early && (objections[i].takes & TAKES_KEY) && objections[i].applies(ret))
			ret->key_asked = false;
	return true;
}

enum stage decide_stage(const struct stance *s)
{
	if (s->cmdline && s->cmdline->stage > STAGE_UNSET && s->cmdline->stage < STAGE_COUNT)
		return s->cmdline->stage;
	return s->config ? s->config->stage : STAGE_UNSET;
}

enum stage decide_floor(const struct stance *s, const struct evidence *e)
{
	enum stage floor = s->config ? s->config->floor : STAGE_ENFORCE;

	if (s->config && s->config->key_source == KEY_SOURCE_TPM && e->key.floor > floor)
		floor = e->key.floor;
	return floor;
}

bool decide_want_key(const struct stance *s, const struct evidence *e)
{
	struct matter m;

	return matter_of(s, e, &m) && m.key_asked;
}

static struct decision stopped(enum cause cause, enum stage stage, enum action action)
{
	return (struct decision){ .verdict = VERDICT_STOP, .cause = cause, .stage = stage, .action = action };
}

static struct decision without_matter(const struct stance *s, const struct evidence *e)
{
	enum stage stage = decide_stage(s);
	enum action action = action_of(s, e, ON_FAILURE_STOP);

	if (!s->config || e->outcome[STEP_CONFIG] != OUTCOME_OK)
		return stopped(CAUSE_CONFIG, STAGE_UNSET, ACTION_RESCUE);
	/* the floor, too: a command line that cannot be read must not ask for less than it */
	if (stage >= STAGE_ENFORCE || decide_floor(s, e) >= STAGE_ENFORCE)
		return stopped(CAUSE_FACTS, stage, action);
	return (struct decision){ .verdict = VERDICT_DEGRADED, .cause = CAUSE_FACTS, .stage = stage };
}

/* Where the key could still be had, nobody gets a shell and nothing is started. */
static bool door_open(const struct stance *s, const struct evidence *e)
{
	enum outcome o = e->outcome[STEP_DOOR];

	return (!s->config || s->config->key_source == KEY_SOURCE_TPM) && o != OUTCOME_OK && o != OUTCOME_ABSENT &&
	       o != OUTCOME_BLOCKED;
}

/* Every objection that applies: what they take together, the cause that is told (the first
 * that stops, else the first), and whether one stops. */
static unsigned judge(const struct matter *m, struct decision *d)
{
	unsigned takes = 0;

	for (size_t i = 0; i < OBJECTIONS; i++) {
		const struct objection *o = &objections[i];

		if (!o->applies(m))
			continue;
		takes |= o->takes;
		if (d->verdict == VERDICT_STOP)
			continue;
		if (stops(m->c, m->stage, m->floor, o->cause, o->waiver)) {
			d->verdict = VERDICT_STOP;
			d->cause = o->cause;
			d->action = action_of(m->s, m->e, on_failure(m->c, o->waiver));
		} else if (d->verdict == VERDICT_ADMIT) {
			d->verdict = VERDICT_DEGRADED;
			d->cause = o->cause;
		}
	}
	return takes;
}

static struct decision decide_off(const struct matter *m)
{
	struct decision d = { .verdict = VERDICT_ADMIT, .cause = CAUSE_STAGE_OFF, .stage = STAGE_OFF };

	if (!below_floor(m))
		return d;
	if (stops(m->c, m->stage, m->floor, CAUSE_BELOW_FLOOR, WAIVER_REFUSED))
		return stopped(CAUSE_BELOW_FLOOR, m->stage, action_of(m->s, m->e, m->c->on_key_refused));
	d.cause = CAUSE_BELOW_FLOOR;
	d.verdict = VERDICT_DEGRADED;
	return d;
}

struct decision decide(const struct stance *s, const struct evidence *e)
{
	struct matter m;
	struct decision d = { .verdict = VERDICT_ADMIT, .cause = CAUSE_NONE };
	unsigned takes;

	if (door_open(s, e))
		return stopped(CAUSE_DOOR, decide_stage(s), ACTION_POWEROFF);
	if (s->cmdline && s->cmdline->rescue)
		return stopped(CAUSE_RESCUE, decide_stage(s), ACTION_RESCUE);
	if (!matter_of(s, e, &m))
		return without_matter(s, e);
	if (m.stage == STAGE_OFF)
		return decide_off(&m);
	d.stage = m.stage;
	d.want_key = m.key_asked;
	takes = judge(&m, &d);
	if (d.verdict == VERDICT_STOP)
		return stopped(d.cause, d.stage, d.action);
	d.use_key = m.key_asked && !(takes & TAKES_KEY);
	d.use_certs = full(&m) && (*m.c->x509_evm || *m.c->x509_ima) && !(takes & TAKES_CERTS);
	d.load_policy = !(takes & TAKES_POLICY);
	/* fix without the key would write labels that no HMAC vouches for */
	if (m.stage == STAGE_FIX && m.key_wanted && !d.use_key)
		d.load_policy = false;
	return d;
}

bool decide_ask(const struct decision *d, const struct stance *s)
{
	if (d->verdict != VERDICT_STOP || d->action != ACTION_RESCUE || !s->config || s->config->ask != ANSWER_YES ||
	    s->config->key_source != KEY_SOURCE_TPM || d->stage < STAGE_FIX)
		return false;
	switch (d->cause) {
	case CAUSE_BELOW_FLOOR:
	case CAUSE_CMDLINE:
	case CAUSE_ROOT:
	case CAUSE_KEY_ABSENT:
	case CAUSE_KEY_REFUSED:
	case CAUSE_KEY_BROKEN: return true;
	default: return false;
	}
}

bool decide_prove(const struct stance *s, bool policy_appraises_mmap)
{
	return s->config && decide_stage(s) == STAGE_ENFORCE && s->config->preflight == PREFLIGHT_FULL &&
	       s->config->on_preflight == ON_FAILURE_STOP && policy_appraises_mmap;
}

bool decide_paid(const struct evidence *e)
{
	return e->key.authority != AUTHORITY_PERMIT || e->outcome[STEP_RATCHET] == OUTCOME_OK;
}

static bool evm_needed(const struct decision *d, const struct config *c)
{
	return d->use_key || (d->use_certs && *c->x509_evm);
}

/* Which of keyrings and EVM failed to do what d asked: CAUSE_NONE if neither. */
static enum cause key_failure(const struct decision *d, const struct config *c,
                              const struct evidence *e, bool pending_is_failure)
{
	enum outcome evm = e->outcome[STEP_EVM];

	if (d->use_key && !decide_paid(e))
		return CAUSE_RATCHET;
	if (d->stage >= STAGE_FIX && e->outcome[STEP_KEYRINGS] != OUTCOME_OK)
		return CAUSE_KEYRINGS;
	if (evm_needed(d, c) && evm != OUTCOME_OK && (pending_is_failure || evm != OUTCOME_PENDING))
		return CAUSE_EVM;
	return CAUSE_NONE;
}

bool decide_policy(const struct decision *d, const struct stance *s, const struct evidence *e)
{
	enum cause failure;

	if (d->verdict == VERDICT_STOP || !d->load_policy || !s->config)
		return false;
	failure = key_failure(d, s->config, e, false);
	return failure == CAUSE_NONE ||
	       (d->stage != STAGE_FIX && !stops(s->config, d->stage, decide_floor(s, e), failure, WAIVER_REFUSED));
}

static void worsen(struct decision *d, const struct stance *s, const struct evidence *e, enum cause cause,
                   enum waiver w)
{
	if (stops(s->config, d->stage, decide_floor(s, e), cause, w))
		*d = stopped(cause, d->stage, action_of(s, e, on_failure(s->config, w)));
	else if (d->verdict == VERDICT_ADMIT) {
		d->verdict = VERDICT_DEGRADED;
		d->cause = cause;
	}
}

struct decision decide_final(const struct decision *d, const struct stance *s,
                             const struct evidence *e)
{
	struct decision f = *d;
	enum cause failure;

	if (d->verdict == VERDICT_STOP || !s->config)
		return stopped(d->verdict == VERDICT_STOP ? d->cause : CAUSE_CONFIG, d->stage, d->action);
	if (d->stage == STAGE_OFF || d->cause == CAUSE_FACTS)
		return f;
	failure = key_failure(d, s->config, e, true);
	if (failure != CAUSE_NONE)
		worsen(&f, s, e, failure, WAIVER_REFUSED);
	if (f.verdict != VERDICT_STOP && decide_policy(d, s, e) && e->outcome[STEP_POLICY] != OUTCOME_OK)
		worsen(&f, s, e, CAUSE_POLICY, WAIVER_POLICY);
	/* BLOCKED: it was not for the kernel to prove */
	if (f.verdict != VERDICT_STOP && f.load_policy && f.stage == STAGE_ENFORCE &&
	    e->outcome[STEP_PROOF] != OUTCOME_OK && e->outcome[STEP_PROOF] != OUTCOME_BLOCKED)
		f = stopped(CAUSE_PREFLIGHT, f.stage, action_of(s, e, s->config->on_preflight));
	return f;
}

static const char *const verdicts[] = {
	[VERDICT_STOP] = "stop", [VERDICT_DEGRADED] = "degraded", [VERDICT_ADMIT] = "admit",
};
NAMES_COMPLETE(verdicts, VERDICT_COUNT);

const char *verdict_name(enum verdict v)
{
	return NAME_OF(verdicts, v);
}

static const char *const authorities[] = {
	[AUTHORITY_NONE] = "none", [AUTHORITY_PERMIT] = "permit", [AUTHORITY_PERSON] = "recovery-key",
};
NAMES_COMPLETE(authorities, AUTHORITY_COUNT);

const char *authority_name(enum authority a)
{
	return NAME_OF(authorities, a);
}

static const char *const actions[] = {
	[ACTION_RESCUE] = "rescue", [ACTION_POWEROFF] = "poweroff", [ACTION_FALLBACK] = "fallback",
};
NAMES_COMPLETE(actions, ACTION_COUNT);

const char *action_name(enum action a)
{
	return NAME_OF(actions, a);
}
