/* decide() against what must hold whatever comes in. Two products are walked completely: every
 * stage, floor, source, waiver, outcome and appraise mode with sound facts; every combination of
 * facts with the outcomes that matter to them. A random walk over everything at once then makes
 * one thing worse at a time. */
#include "test.h"

#include "core/decide.h"

struct state {
	struct config c;
	struct cmdline l;
	struct evidence e;
};

static struct state sound(void)
{
	struct state s = { 0 };

	config_defaults(&s.c);
	s.e.facts = (struct facts){
		.ima = TRI_YES, .evm = TRI_YES, .evm_active = TRI_NO, .policy_writable = TRI_YES,
		.key_encrypted = TRI_YES, .key_asymmetric = TRI_YES, .secure_boot = TRI_NO,
		.rings = RINGS_USER, .appraise = APPRAISE_ENFORCE, .hazard_bpf = TRI_NO,
		.hazard_integrity = TRI_NO, .evm_fix = TRI_NO,
	};
	for (int i = 0; i < STEP_COUNT; i++)
		s.e.outcome[i] = OUTCOME_OK;
	s.e.key = (struct key_facts){ .useful = TRI_YES, .cmdline = TRI_YES, .root = TRI_YES };
	return s;
}

static struct stance stance_of(const struct state *s)
{
	return (struct stance){ .config = &s->c, .cmdline = &s->l };
}

static struct decision ask(const struct state *s)
{
	struct stance st = stance_of(s);

	return decide(&st, &s->e);
}

static const struct state *at; /* for the message */

static void must(bool truth, const char *what)
{
	struct decision d;

	if (truth)
		return;
	d = ask(at);
	print_error("%s\nstage %s floor %s source %d appraise %s evm_active %d bpf %d integrity %d fix %d "
	            "unseal %s staging %s preflight %s (mode %d) waivers %d%d%d%d -> %s %s key %d policy %d\n",
	            what, stage_name(d.stage), stage_name(at->c.floor), at->c.key_source,
	            appraise_name(at->e.facts.appraise), at->e.facts.evm_active, at->e.facts.hazard_bpf,
	            at->e.facts.hazard_integrity, at->e.facts.evm_fix, outcome_name(at->e.outcome[STEP_UNSEAL]),
	            outcome_name(at->e.outcome[STEP_STAGING]), outcome_name(at->e.outcome[STEP_PREFLIGHT]),
	            at->c.preflight, at->c.on_key_absent, at->c.on_key_refused, at->c.on_preflight,
	            at->c.on_policy, verdict_name(d.verdict), cause_name(d.cause), d.use_key, d.load_policy);
	fail();
}

static enum stage floor_of(const struct state *s)
{
	return s->c.key_source == KEY_SOURCE_TPM && s->e.key.floor > s->c.floor ? s->e.key.floor : s->c.floor;
}

static bool authorised(const struct state *s)
{
	return s->c.key_source == KEY_SOURCE_TPM && s->e.key.authority != AUTHORITY_NONE;
}

static bool by_person(const struct state *s)
{
	return s->c.key_source == KEY_SOURCE_TPM && s->e.key.authority == AUTHORITY_PERSON;
}

static bool closed(const struct state *s)
{
	enum outcome o = s->e.outcome[STEP_DOOR];

	return o == OUTCOME_OK || o == OUTCOME_ABSENT || o == OUTCOME_BLOCKED;
}

static void key_invariants(const struct state *s, const struct decision *d)
{
	const struct facts *f = &s->e.facts;

	must(s->e.outcome[STEP_UNSEAL] == OUTCOME_OK, "a key that was not unsealed is used");
	must(d->want_key, "a key that was not to be asked for is used");
	must(s->c.key_source != KEY_SOURCE_NONE, "a key is used that the configuration does not have");
	must(d->stage >= STAGE_FIX, "the key is used below fix");
	must(d->stage >= floor_of(s) || authorised(s), "the key is used below the floor without authority");
	must(s->c.key_source != KEY_SOURCE_TPM || closed(s), "the key is used with the door open");
	must(!s->l.rescue, "the key is used for a rescue");
	if (s->c.key_source == KEY_SOURCE_TPM && floor_of(s) >= STAGE_ENFORCE && !by_person(s))
		must(s->e.key.cmdline == TRI_YES && s->e.key.root == TRI_YES, "the key for another command line or root");
	must(f->appraise == stage_appraise(d->stage), "the key is used in another mode than the stage's");
	must(f->hazard_bpf == TRI_NO && f->hazard_integrity == TRI_NO, "the key is used where it crashes");
	must(f->evm == TRI_YES && f->evm_active == TRI_NO && f->key_encrypted == TRI_YES, "no EVM to key");
	must(f->evm_fix == TRI_NO || (d->stage == STAGE_FIX && floor_of(s) <= STAGE_FIX), "evm=fix and the key");
	must(f->ima == TRI_YES && f->policy_writable == TRI_YES, "the key without a policy to come");
}

static void policy_invariants(const struct state *s, const struct decision *d)
{
	const struct facts *f = &s->e.facts;

	must(s->e.outcome[STEP_STAGING] == OUTCOME_OK, "a policy that was not staged is loaded");
	must(f->ima == TRI_YES && f->policy_writable == TRI_YES, "a policy where none can be loaded");
	must(f->hazard_integrity == TRI_NO, "a policy that panics the kernel");
	if (d->stage < STAGE_FIX)
		return;
	must(f->appraise == stage_appraise(d->stage), "a full policy in another mode than the stage's");
	if (d->stage == STAGE_FIX)
		must(d->use_key || s->c.key_source == KEY_SOURCE_NONE, "fix writes labels without the key");
	if (d->stage == STAGE_ENFORCE)
		must(s->e.outcome[STEP_PREFLIGHT] == OUTCOME_OK ||
		     (s->c.preflight == PREFLIGHT_OFF && s->e.outcome[STEP_PREFLIGHT] == OUTCOME_BLOCKED),
		     "an enforcing policy that the real root may not survive");
}

static void verdict_invariants(const struct state *s, const struct decision *d)
{
	if (d->verdict == VERDICT_STOP) {
		must(!d->use_key && !d->use_certs && !d->load_policy, "stopped, and something is used");
		must(d->stage == STAGE_ENFORCE || d->stage == STAGE_UNSET || (d->stage < floor_of(s) && floor_of(s) == STAGE_ENFORCE) || s->l.rescue ||
		     !closed(s) || (d->cause == CAUSE_FACTS && floor_of(s) == STAGE_ENFORCE), "a low stage stops");
		must(d->action != ACTION_FALLBACK || s->e.reboots < REBOOTS_MAX + (s->l.trial ? s->c.tries : 0),
		     "it could reboot for ever");
		if (s->c.key_source == KEY_SOURCE_TPM && !closed(s))
			must(d->cause == CAUSE_DOOR && d->action == ACTION_POWEROFF, "an open door, and not off");
		must(d->cause != CAUSE_HAZARD_BPF && d->cause != CAUSE_HAZARD_INTEGRITY, "a hazard stops");
	}
	if (d->verdict == VERDICT_ADMIT) {
		must(d->cause == CAUSE_NONE || (d->cause == CAUSE_STAGE_OFF && d->stage == STAGE_OFF),
		     "admitted with a cause");
		must(d->stage >= floor_of(s) || authorised(s), "admitted below the floor");
		must(s->c.key_source != KEY_SOURCE_TPM || closed(s), "admitted with the door open");
		must(d->stage == STAGE_OFF || d->load_policy, "admitted without its policy");
		must(d->stage < STAGE_FIX || d->use_key || s->c.key_source == KEY_SOURCE_NONE,
		     "admitted without its key");
	} else {
		must(d->cause != CAUSE_NONE && d->cause != CAUSE_UNDECIDED && d->cause != CAUSE_STAGE_OFF,
		     "not admitted, and nobody says why");
	}
}

static void final_invariants(const struct state *s, const struct decision *d)
{
	struct stance st = stance_of(s);
	struct decision f = decide_final(d, &st, &s->e);

	/* the commit steps' outcomes are OK here */
	must(f.verdict == d->verdict && f.cause == d->cause, "all done, and the last word differs");
}

static void judge(const struct state *s)
{
	struct decision d = ask(s);
	struct stance st = stance_of(s);

	at = s;
	must(d.want_key == decide_want_key(&st, &s->e) || d.verdict == VERDICT_STOP, "want_key differs");
	if (d.use_key)
		key_invariants(s, &d);
	if (d.load_policy)
		policy_invariants(s, &d);
	if (d.use_certs)
		must((d.stage >= floor_of(s) || authorised(s)) && d.stage >= STAGE_FIX, "certificates below the floor");
	verdict_invariants(s, &d);
	final_invariants(s, &d);
}

static void set_waivers(struct config *c, int bits)
{
	c->on_key_absent = (enum on_failure)(bits & 1);
	c->on_key_refused = (enum on_failure)(bits >> 1 & 1);
	c->on_preflight = (enum on_failure)(bits >> 2 & 1);
	c->on_policy = (enum on_failure)(bits >> 3 & 1);
}

static void walk_outcomes(struct state *s)
{
	for (int u = 0; u < OUTCOME_COUNT; u++)
		for (int g = 0; g < OUTCOME_COUNT; g++)
			for (int p = 0; p < OUTCOME_COUNT; p++)
				for (int w = 0; w < 16; w++) {
					s->e.outcome[STEP_UNSEAL] = (enum outcome)u;
					s->e.outcome[STEP_STAGING] = (enum outcome)g;
					s->e.outcome[STEP_PREFLIGHT] = (enum outcome)p;
					set_waivers(&s->c, w);
					judge(s);
				}
}

static void test_outcomes(void **state)
{
	struct state s = sound();

	(void)state;
	for (int stage = STAGE_OFF; stage < STAGE_COUNT; stage++)
		for (int floor = STAGE_OFF; floor < STAGE_COUNT; floor++)
			for (int source = 0; source < 3; source++)
				for (int certs = 0; certs < 2; certs++)
					for (int mode = 0; mode < APPRAISE_COUNT; mode++) {
						s.l.stage = (enum stage)stage;
						s.c.floor = (enum stage)floor;
						s.c.key_source = (enum key_source)source;
						(void)snprintf(s.c.x509_evm, sizeof(s.c.x509_evm), "%s", certs ? "/x" : "");
						s.c.preflight = stage % 2 ? PREFLIGHT_FULL : PREFLIGHT_OFF;
						s.e.facts.appraise = (enum appraise)mode;
						walk_outcomes(&s);
						s.c.preflight = stage % 2 ? PREFLIGHT_OFF : PREFLIGHT_FULL;
						if (mode == APPRAISE_ENFORCE)
							walk_outcomes(&s);
					}
}

/* The n-th combination of all facts. */
static void set_facts(struct facts *f, int n)
{
	enum tri *tris[] = { &f->ima, &f->evm, &f->evm_active, &f->policy_writable, &f->key_encrypted,
	                     &f->hazard_bpf, &f->hazard_integrity, &f->evm_fix };

	for (size_t i = 0; i < ROWS(tris); i++, n /= 3)
		*tris[i] = (enum tri)(n % 3);
	f->appraise = (enum appraise)(n % APPRAISE_COUNT);
}
#define FACTS (6561 * APPRAISE_COUNT)

static void test_facts(void **state)
{
	static const enum outcome unseals[] = { OUTCOME_OK, OUTCOME_BLOCKED };
	struct state s = sound();

	(void)state;
	for (int stage = STAGE_OFF; stage < STAGE_COUNT; stage++)
		for (int rest = 0; rest < 3 * 2 * 2 * 2; rest++)
			for (int n = 0; n < FACTS; n++) {
				s.l.stage = (enum stage)stage;
				s.c.key_source = (enum key_source)(rest % 3);
				s.e.outcome[STEP_UNSEAL] = unseals[rest / 3 % 2];
				s.c.floor = rest / 6 % 2 ? STAGE_ENFORCE : STAGE_OFF;
				set_waivers(&s.c, rest / 12 ? 15 : 0);
				set_facts(&s.e.facts, n);
				judge(&s);
			}
}

static unsigned seed = 20261124;
static int pick(int below)
{
	seed = seed * 1103515245u + 12345u;
	return (int)((seed >> 16) % (unsigned)below);
}

static void random_key_facts(struct state *s)
{
	enum tri *tris[] = { &s->e.key.useful, &s->e.key.cmdline, &s->e.key.root };

	s->c.on_stop = (enum action)pick(ACTION_COUNT);
	s->e.reboots = (unsigned)pick(REBOOTS_MAX + 2);
	s->l.rescue = pick(8) == 0;
	s->l.trial = pick(4) == 0;
	s->e.key.floor = (enum stage)pick(STAGE_COUNT);
	s->e.key.authority = pick(3) ? AUTHORITY_NONE : (enum authority)pick(AUTHORITY_COUNT);
	for (size_t i = 0; i < ROWS(tris); i++)
		if (pick(3) == 0)
			*tris[i] = (enum tri)pick(3);
	if (pick(4) == 0) {
		s->c.on_key_absent = (enum on_failure)pick(5);
		s->c.on_key_refused = (enum on_failure)pick(5);
		s->c.on_preflight = (enum on_failure)pick(5);
		s->c.on_policy = (enum on_failure)pick(5);
	}
}

static struct state random_state(void)
{
	struct state s = sound();

	s.l.stage = (enum stage)pick(STAGE_COUNT);
	s.c.stage = (enum stage)(1 + pick(5));
	s.c.floor = (enum stage)(1 + pick(s.c.stage));
	s.c.key_source = (enum key_source)pick(3);
	s.c.preflight = (enum preflight_mode)pick(3);
	set_waivers(&s.c, pick(16));
	if (pick(2))
		set_facts(&s.e.facts, pick(FACTS));
	else
		s.e.facts.appraise = (enum appraise)pick(APPRAISE_COUNT);
	for (int i = STEP_UNSEAL; i <= STEP_PREFLIGHT; i++)
		s.e.outcome[i] = pick(2) ? OUTCOME_OK : (enum outcome)pick(OUTCOME_COUNT);
	random_key_facts(&s);
	return s;
}

/* One outcome that was OK is no longer. */
static bool worsen(struct state *s)
{
	int step = pick(STEP_DECIDE);

	if (s->e.outcome[step] != OUTCOME_OK)
		return false;
	s->e.outcome[step] = (enum outcome)pick(OUTCOME_COUNT);
	return s->e.outcome[step] != OUTCOME_OK;
}

static void test_worse_is_never_better(void **state)
{
	int tried = 0;

	(void)state;
	for (int i = 0; i < 3000000; i++) {
		struct state s = random_state(), w = s;
		struct decision before, after;

		judge(&s);
		if (!worsen(&w))
			continue;
		before = ask(&s);
		after = ask(&w);
		at = &w;
		/* who forgives an absent key gets the same, keyless boot for the wrong root or command line without a TPM */
		if (before.verdict == VERDICT_STOP && after.verdict == VERDICT_DEGRADED && after.cause == CAUSE_KEY_ABSENT)
			must(!after.use_key && w.c.on_key_absent == ON_FAILURE_DEGRADE, "an absent key is forgiven, and nobody said so");
		else
			must(after.verdict <= before.verdict, "a failure made the verdict better");
		must(!after.use_key || before.use_key, "a failure released the key");
		tried++;
	}
	assert_true(tried > 500000);
}

/* What could not be found out is judged as its unfavourable value. */
static void test_unknown_is_not_ok(void **state)
{
	(void)state;
	for (int i = 0; i < 300000; i++) {
		struct state s = random_state();
		struct facts *f = &s.e.facts;
		const struct {
			enum tri *fact, bad;
		} rows[] = {
			{ &f->ima, TRI_NO }, { &f->evm, TRI_NO }, { &f->evm_active, TRI_YES },
			{ &f->policy_writable, TRI_NO }, { &f->key_encrypted, TRI_NO }, { &f->hazard_bpf, TRI_YES },
			{ &f->hazard_integrity, TRI_YES }, { &f->evm_fix, TRI_YES },
		};
		int row = pick((int)ROWS(rows));
		struct decision unknown, bad;

		*rows[row].fact = TRI_UNKNOWN;
		unknown = ask(&s);
		*rows[row].fact = rows[row].bad;
		bad = ask(&s);
		at = &s;
		/* without EVM it is not asked whether EVM is on */
		if (rows[row].fact == &f->evm)
			must(unknown.verdict <= bad.verdict && unknown.use_key <= bad.use_key, "unknown EVM counts as OK");
		else
			must(!memcmp(&unknown, &bad, sizeof(bad)), "unknown is judged otherwise than bad");
	}
}

/* Every combination of what seal, payload and person say, at every stage and floor, and every outcome of
 * unseal and door. */
static void test_key_facts(void **state)
{
	struct state s = sound();

	(void)state;
	for (int stage = STAGE_OFF; stage < STAGE_COUNT; stage++)
		for (int config = STAGE_OFF; config < STAGE_COUNT; config++)
			for (int sealed = STAGE_UNSET; sealed < STAGE_COUNT; sealed++)
				for (int tris = 0; tris < 81; tris++)
					for (int outcomes = 0; outcomes < OUTCOME_COUNT * OUTCOME_COUNT; outcomes++)
						for (int rest = 0; rest < 16; rest++) {
							s.l.stage = (enum stage)stage;
							s.l.rescue = rest & 1;
							s.l.trial = rest >> 1 & 1;
							s.e.reboots = rest >> 2 & 1 ? REBOOTS_MAX : 0;
							s.c.on_stop = rest >> 3 ? ACTION_FALLBACK : ACTION_RESCUE;
							s.c.floor = (enum stage)config;
							s.e.facts.appraise = stage >= STAGE_FIX ? stage_appraise((enum stage)stage) : APPRAISE_ENFORCE;
							s.e.key = (struct key_facts){
								.floor = (enum stage)sealed, .useful = (enum tri)(tris % 3),
								.authority = (enum authority)(tris / 3 % 3), .cmdline = (enum tri)(tris / 9 % 3),
								.root = (enum tri)(tris / 27),
							};
							s.e.outcome[STEP_UNSEAL] = (enum outcome)(outcomes % OUTCOME_COUNT);
							s.e.outcome[STEP_DOOR] = (enum outcome)(outcomes / OUTCOME_COUNT);
							judge(&s);
						}
}

/* A permit that could not be used up does not open anything. */
static void test_ratchet(void **state)
{
	(void)state;
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		struct state s = sound();
		struct stance st = stance_of(&s);
		struct decision d, f;

		s.l.stage = STAGE_FIX;
		s.e.facts.appraise = APPRAISE_FIX;
		s.e.key.floor = STAGE_ENFORCE;
		assert_int_equal(ask(&s).cause, CAUSE_BELOW_FLOOR);
		s.e.key.authority = AUTHORITY_PERMIT;
		s.e.key.root = TRI_NO;
		assert_int_equal(ask(&s).cause, CAUSE_ROOT); /* it is for a stage, not for another machine's disk */
		s.e.key.root = TRI_YES;
		s.e.key.cmdline = TRI_NO;
		assert_int_equal(ask(&s).cause, CAUSE_CMDLINE);
		s.e.key.cmdline = TRI_YES;
		d = ask(&s);
		assert_int_equal(d.verdict, VERDICT_ADMIT);
		s.e.outcome[STEP_RATCHET] = (enum outcome)o;
		assert_int_equal(decide_paid(&s.e), o == OUTCOME_OK);
		f = decide_final(&d, &st, &s.e);
		assert_int_equal(f.verdict, o == OUTCOME_OK ? VERDICT_ADMIT : VERDICT_DEGRADED);
		if (f.verdict != VERDICT_ADMIT)
			assert_false(decide_policy(&d, &st, &s.e)); /* fix without a paid permit labels nothing */
	}
}

/* What a stop is: the cause's own word, a trial's way back, and never a reboot without an end. */
static void test_actions(void **state)
{
	struct state s = sound();

	(void)state;
	s.e.outcome[STEP_UNSEAL] = OUTCOME_REFUSED;
	for (int on = ON_FAILURE_STOP; on <= ON_FAILURE_FALLBACK; on++)
		for (int general = 0; general < ACTION_COUNT; general++)
			for (unsigned reboots = 0; reboots < REBOOTS_MAX + 2; reboots++) {
				static const enum action own[] = { 0, 0, ACTION_RESCUE, ACTION_POWEROFF, ACTION_FALLBACK };
				enum action want = on == ON_FAILURE_STOP ? (enum action)general : own[on];
				struct decision d;

				s.c.on_key_refused = (enum on_failure)on;
				s.c.on_stop = (enum action)general;
				s.e.reboots = reboots;
				d = ask(&s);
				assert_int_equal(d.verdict, on == ON_FAILURE_DEGRADE ? VERDICT_DEGRADED : VERDICT_STOP);
				if (d.verdict != VERDICT_STOP)
					continue;
				if (want == ACTION_FALLBACK && reboots >= REBOOTS_MAX)
					want = ACTION_RESCUE;
				assert_int_equal(d.action, want);
			}
	s = sound();
	s.e.outcome[STEP_PREFLIGHT] = OUTCOME_REFUSED;
	assert_int_equal(ask(&s).action, ACTION_RESCUE);
	s.l.trial = true;
	assert_int_equal(ask(&s).action, ACTION_FALLBACK);
	s.e.reboots = REBOOTS_MAX + s.c.tries;
	assert_int_equal(ask(&s).action, ACTION_RESCUE);
}

/* How many boots until somebody is waited for, or the machine is off, when each one fails in the worst way?
 * honest: the boot loader counts the trial down, as it should; else it never does. */
static unsigned boots_until_it_ends(struct state *s, bool honest)
{
	unsigned boots = 0, tries = s->l.trial ? s->c.tries : 0;

	for (s->e.reboots = 0;; s->e.reboots++) {
		struct decision d;

		s->l.trial = tries > 0;
		tries -= honest && tries;
		d = ask(s);
		boots++;
		if (d.verdict != VERDICT_STOP || d.action != ACTION_FALLBACK)
			return boots;
		must(boots < 100, "it reboots for ever");
	}
}

static void test_every_path_ends(void **state)
{
	static const enum step failing[] = { STEP_CONFIG, STEP_FACTS, STEP_UNSEAL, STEP_STAGING, STEP_PREFLIGHT };

	(void)state;
	for (unsigned tries = 1; tries <= 9; tries++)
		for (size_t i = 0; i < ROWS(failing); i++)
			for (int o = 0; o < OUTCOME_COUNT; o++)
				for (int on = ON_FAILURE_STOP; on <= ON_FAILURE_FALLBACK; on++)
					for (int rest = 0; rest < 2 * 2 * ACTION_COUNT; rest++) {
						struct state s = sound();
						unsigned boots;

						s.c.tries = tries;
						s.c.on_stop = (enum action)(rest / 4);
						s.c.on_key_absent = s.c.on_key_refused = s.c.on_preflight = s.c.on_policy = (enum on_failure)on;
						s.e.outcome[failing[i]] = (enum outcome)o;
						s.l.trial = rest & 1;
						boots = boots_until_it_ends(&s, rest & 2);
						assert_true(boots <= tries + REBOOTS_MAX + 1);
						/* and a trial has all its tries: somebody is only waited for when they are used up */
						if (o != OUTCOME_OK && o != OUTCOME_BLOCKED && on == ON_FAILURE_STOP && (rest & 3) == 3 &&
						    failing[i] != STEP_CONFIG && failing[i] != STEP_FACTS)
							assert_true(boots > tries);
					}
}

/* A waiver lets a boot go on; it never makes a refusal an admission, and that of absence does not cover it. */
static void test_waivers(void **state)
{
	static const enum step steps[] = { STEP_UNSEAL, STEP_STAGING, STEP_PREFLIGHT };

	(void)state;
	for (size_t i = 0; i < ROWS(steps); i++)
		for (int waivers = 0; waivers < 16; waivers++)
			for (int o = 0; o < OUTCOME_COUNT; o++) {
				struct state s = sound();
				struct decision d;

				set_waivers(&s.c, waivers);
				s.e.outcome[steps[i]] = (enum outcome)o;
				d = ask(&s);
				if (o == OUTCOME_OK)
					continue;
				assert_int_not_equal(d.verdict, VERDICT_ADMIT);
				if (steps[i] == STEP_UNSEAL)
					assert_false(d.use_key);
				else
					assert_false(d.load_policy);
				s = sound();
				s.c.on_key_absent = ON_FAILURE_DEGRADE;
				s.e.outcome[STEP_UNSEAL] = (enum outcome)o;
				if (o != OUTCOME_ABSENT)
					assert_int_equal(ask(&s).verdict, VERDICT_STOP);
			}
}

/* The recovery key is asked for where it would help, and where somebody may stand. */
static void test_ask(void **state)
{
	struct state s = sound();
	struct stance st = stance_of(&s);
	struct decision d;

	(void)state;
	d = ask(&s);
	assert_false(decide_ask(&d, &st));
	s.e.outcome[STEP_UNSEAL] = OUTCOME_REFUSED;
	d = ask(&s);
	assert_true(decide_ask(&d, &st));
	s.c.ask = ANSWER_NO;
	assert_false(decide_ask(&d, &st));
	s.c.ask = ANSWER_YES;
	s.l.trial = true;
	d = ask(&s);
	assert_false(decide_ask(&d, &st)); /* it falls back by itself */
	s.l.trial = false;
	s.e.outcome[STEP_UNSEAL] = OUTCOME_OK;
	s.e.outcome[STEP_PREFLIGHT] = OUTCOME_REFUSED;
	d = ask(&s);
	assert_false(decide_ask(&d, &st)); /* no key mends a wrong label */
	s.l.rescue = true;
	d = ask(&s);
	assert_int_equal(d.cause, CAUSE_RESCUE);
	assert_false(decide_ask(&d, &st));
}

static void test_nothing_denies(void **state)
{
	const struct stance nobody = { 0 };
	const struct evidence nothing = { 0 };
	struct decision d = decide(&nobody, &nothing);

	(void)state;
	assert_int_equal(d.verdict, VERDICT_STOP);
	assert_int_equal(d.cause, CAUSE_DOOR);
	assert_int_equal(d.action, ACTION_POWEROFF);
	assert_false(d.use_key || d.use_certs || d.load_policy);
	assert_false(decide_want_key(&nobody, &nothing));
	assert_int_equal(decide_final(&d, &nobody, &nothing).verdict, VERDICT_STOP);
}

/* Each commit step that fails, at each stage, with and without its waiver. */
static void test_commit_failures(void **state)
{
	static const struct {
		enum step step;
		enum cause cause;
		int waiver;
	} rows[] = {
		{ STEP_KEYRINGS, CAUSE_KEYRINGS, 2 }, { STEP_EVM, CAUSE_EVM, 2 }, { STEP_POLICY, CAUSE_POLICY, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		for (int stage = STAGE_FIX; stage < STAGE_COUNT; stage++)
			for (int o = 0; o < OUTCOME_COUNT; o++)
				for (int waived = 0; waived < 2; waived++) {
					struct state s = sound();
					struct stance st = stance_of(&s);
					struct decision d, f;

					s.l.stage = (enum stage)stage;
					s.c.floor = STAGE_FIX;
					s.e.facts.appraise = stage_appraise((enum stage)stage);
					set_waivers(&s.c, waived ? rows[i].waiver : 0);
					d = ask(&s);
					assert_int_equal(d.verdict, VERDICT_ADMIT);
					s.e.outcome[rows[i].step] = (enum outcome)o;
					f = decide_final(&d, &st, &s.e);
					if (o == OUTCOME_OK) {
						assert_int_equal(f.verdict, VERDICT_ADMIT);
						continue;
					}
					assert_int_equal(f.cause, rows[i].cause);
					assert_int_equal(f.verdict, stage == STAGE_ENFORCE && !waived ? VERDICT_STOP
					                                                              : VERDICT_DEGRADED);
				}
}

/* What the kernel denies after the commit cannot be degraded: there is no way back. */
static void test_proof(void **state)
{
	(void)state;
	for (int stage = STAGE_FIX; stage < STAGE_COUNT; stage++)
		for (int o = 0; o < OUTCOME_COUNT; o++) {
			struct state s = sound();
			struct stance st = stance_of(&s);
			struct decision d, f;
			bool fine = stage < STAGE_ENFORCE || o == OUTCOME_OK || o == OUTCOME_BLOCKED;

			s.l.stage = (enum stage)stage;
			s.c.floor = STAGE_FIX;
			s.e.facts.appraise = stage_appraise((enum stage)stage);
			d = ask(&s);
			s.e.outcome[STEP_PROOF] = (enum outcome)o;
			f = decide_final(&d, &st, &s.e);
			assert_int_equal(f.verdict, fine ? VERDICT_ADMIT : VERDICT_STOP);
			assert_int_equal(f.cause, fine ? CAUSE_NONE : CAUSE_PREFLIGHT);
			s.c.on_preflight = ON_FAILURE_DEGRADE;
			assert_false(decide_prove(&st, true));
			s.c.on_preflight = ON_FAILURE_STOP;
			assert_int_equal(decide_prove(&st, true), stage == STAGE_ENFORCE);
			assert_false(decide_prove(&st, false));
		}
}

/* The policy after a failure of the key: never in fix, never where the boot stops. */
static void test_policy_after_failure(void **state)
{
	struct state s = sound();
	struct stance st = stance_of(&s);
	struct decision d;

	(void)state;
	d = ask(&s);
	assert_true(decide_policy(&d, &st, &s.e));
	s.e.outcome[STEP_EVM] = OUTCOME_REFUSED;
	assert_false(decide_policy(&d, &st, &s.e));
	set_waivers(&s.c, 2);
	assert_true(decide_policy(&d, &st, &s.e));
	s.l.stage = STAGE_FIX;
	s.c.floor = STAGE_FIX;
	s.e.facts.appraise = APPRAISE_FIX;
	d = ask(&s);
	assert_false(decide_policy(&d, &st, &s.e));
}

static void test_command_line_that_cannot_be_read(void **state)
{
	struct state s = sound();
	struct stance st = { .config = &s.c, .cmdline = NULL };

	(void)state;
	assert_int_equal(decide(&st, &s.e).verdict, VERDICT_STOP);
	s.l.truncated = true;
	assert_int_equal(ask(&s).cause, CAUSE_FACTS);
	s.c.stage = s.c.floor = STAGE_FIX;
	assert_int_equal(ask(&s).verdict, VERDICT_DEGRADED);
	assert_false(ask(&s).load_policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_facts), cmocka_unit_test(test_ratchet),
		cmocka_unit_test(test_actions), cmocka_unit_test(test_every_path_ends), cmocka_unit_test(test_waivers), cmocka_unit_test(test_ask), cmocka_unit_test(test_nothing_denies),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_worse_is_never_better),
		cmocka_unit_test(test_unknown_is_not_ok),
		cmocka_unit_test(test_commit_failures),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_policy_after_failure),
		cmocka_unit_test(test_command_line_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
