#include "core/rollout.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

static enum stage read_stage(const char *block, const char *name)
{
	char word[16];

	return grubenv_get(block, name, word, sizeof(word)) ? stage_from_name(word) : STAGE_UNSET;
}

static unsigned read_number(const char *block, const char *name)
{
	char word[8];
	unsigned n = 0;

	/* what is no number is none: a trial without tries has none left */
	return grubenv_get(block, name, word, sizeof(word)) && text_number(word, strlen(word), 9, &n) ? n : 0;
}

void rollout_read(const char block[static GRUBENV_LEN], struct rollout *ret)
{
	*ret = (struct rollout){
		.stage = read_stage(block, ROLLOUT_STAGE), .trial = read_stage(block, ROLLOUT_TRIAL),
		.once = read_stage(block, ROLLOUT_ONCE),
		.tries = read_number(block, ROLLOUT_TRIES), .blessed = read_number(block, ROLLOUT_BLESSED),
	};
}

static bool write_stage(char *block, const char *name, enum stage s)
{
	return grubenv_set(block, name, s == STAGE_UNSET ? NULL : stage_name(s));
}

static bool write_number(char *block, const char *name, bool there, unsigned n)
{
	const char digits[2] = { (char)('0' + n % 10), '\0' };

	return grubenv_set(block, name, there ? digits : NULL);
}

bool rollout_write(const struct rollout *r, char block[static GRUBENV_LEN])
{
	char next[GRUBENV_LEN];
	bool trial = r->trial != STAGE_UNSET;

	memcpy(next, block, GRUBENV_LEN);
	if (!write_stage(next, ROLLOUT_STAGE, r->stage) || !write_stage(next, ROLLOUT_TRIAL, r->trial) ||
	    !write_stage(next, ROLLOUT_ONCE, r->once) || !write_number(next, ROLLOUT_TRIES, trial, r->tries) ||
	    !write_number(next, ROLLOUT_BLESSED, trial, r->blessed))
		return false;
	memcpy(block, next, GRUBENV_LEN);
	return true;
}

bool rollout_catch_up(struct rollout *r, enum stage stage, bool trial, unsigned left)
{
	bool behind = trial && r->trial != STAGE_UNSET && left < 9 && r->tries == left + 1;
	bool once = r->once != STAGE_UNSET && r->once == stage;

	if (behind)
		r->tries = left;
	if (once)
		r->once = STAGE_UNSET;
	return behind || once;
}

bool rollout_fell_back(const struct rollout *r, enum stage running)
{
	return r->trial != STAGE_UNSET && r->tries == 0 && running < r->trial;
}

enum blessing rollout_bless(struct rollout *r, enum stage booted, enum stage floor, bool sealed, const struct config *c)
{
	if (r->trial == STAGE_UNSET || booted != r->trial)
		return BLESSING_NONE;
	r->blessed++;
	r->tries = c->tries;
	if (r->blessed < c->blessings)
		return BLESSING_COUNTED;
	r->stage = r->trial;
	r->trial = STAGE_UNSET;
	r->tries = r->blessed = 0;
	return sealed && floor < r->stage ? BLESSING_RAISE : BLESSING_NO_FLOOR;
}

void rollout_bless_again(struct rollout *r, enum stage trial, enum stage from, const struct config *c)
{
	r->stage = from;
	r->trial = trial;
	r->tries = c->tries;
	r->blessed = c->blessings - 1;
}

struct word {
	const char *p;
	size_t len;
};

/* "name=value": the value, of word w. */
static bool value_of(struct word w, const char *name, struct word *ret)
{
	size_t n = strlen(name);

	if (!text_begins(w.p, w.len, name) || w.len <= n || w.p[n] != '=')
		return false;
	*ret = (struct word){ w.p + n + 1, w.len - n - 1 };
	return true;
}

static bool copy_word(struct word w, char *ret, size_t size)
{
	if (w.len == 0 || w.len >= size)
		return false;
	memcpy(ret, w.p, w.len);
	ret[w.len] = '\0';
	return true;
}

static bool yes_or_no(struct word w, const char *name, bool *ret)
{
	struct word v;

	if (!value_of(w, name, &v))
		return false;
	*ret = text_is(v.p, v.len, "yes");
	return *ret || text_is(v.p, v.len, "no");
}

bool evidence_parse(const char *line, size_t len, struct boot_evidence *ret)
{
	struct text t = { line, line + len };
	struct word w[8], v;
	char stage[16];
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	while (n < 8 && text_word(&t, &w[n].p, &w[n].len))
		n++;
	if (n < 6 || n > 7 || !value_of(w[0], "boot", &v) || !copy_word(v, ret->boot, sizeof(ret->boot)) ||
	    !value_of(w[1], "stage", &v) || !copy_word(v, stage, sizeof(stage)) ||
	    !value_of(w[2], "denials", &v) || !text_number(v.p, v.len, 1000000000, &ret->denials) ||
	    !value_of(w[3], "lost", &v) || !text_number(v.p, v.len, 1000000000, &ret->lost) ||
	    !yes_or_no(w[4], "good", &ret->good) || !yes_or_no(w[5], "finished", &ret->finished) ||
	    (n == 7 && (!value_of(w[6], "first", &v) || !copy_word(v, ret->first, sizeof(ret->first)))))
		return false;
	ret->stage = stage_from_name(stage);
	return ret->stage != STAGE_UNSET;
}

size_t evidence_format(const struct boot_evidence *e, char *ret, size_t size)
{
	int n = snprintf(ret, size, "boot=%s stage=%s denials=%u lost=%u good=%s finished=%s%s%s\n", e->boot,
	                 stage_name(e->stage), e->denials, e->lost, e->good ? "yes" : "no", e->finished ? "yes" : "no",
	                 *e->first ? " first=" : "", e->first);

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

bool evidence_is_clean(const struct boot_evidence *e)
{
	return e->good && e->finished && !e->denials && !e->lost;
}

void evidence_words(const struct boot_evidence *e, char *ret, size_t size)
{
	if (evidence_is_clean(e))
		(void)snprintf(ret, size, "clean");
	else if (e->denials)
		(void)snprintf(ret, size, "not clean: %u would-be denials%s%s", e->denials, *e->first ? ", first " : "", e->first);
	else if (e->lost)
		(void)snprintf(ret, size, "not clean: %u audit records may have been lost", e->lost);
	else if (!e->good)
		(void)snprintf(ret, size, "not clean: it did not come up (boot-complete.target)");
	else
		(void)snprintf(ret, size, "not clean: the watch did not see its end (killed, or the power was cut)");
}

unsigned evidence_clean(const char *text, size_t len, const char *running)
{
	struct text t = { text, text + len };
	struct boot_evidence e;
	struct word line;
	unsigned clean = 0;

	while (text_line(&t, &line.p, &line.len)) {
		/* a line that cannot be read is no clean boot */
		if (!evidence_parse(line.p, line.len, &e))
			clean = 0;
		else if (e.stage != STAGE_AUDIT || (running && !strcmp(e.boot, running) && !e.denials && !e.lost))
			continue;
		else
			clean = evidence_is_clean(&e) ? clean + 1 : 0;
	}
	return clean;
}

void rollout_next(enum stage running, size_t unlabelled, unsigned clean, const struct config *c,
                  struct promotion *ret)
{
	*ret = (struct promotion){ .to = running >= STAGE_OFF && running < STAGE_ENFORCE ? (enum stage)(running + 1)
	                                                                                 : STAGE_UNSET };
	ret->trial = ret->to == STAGE_ENFORCE;
	if (ret->to == STAGE_UNSET)
		(void)snprintf(ret->missing, sizeof(ret->missing), "enforce is the highest stage");
	else if (running == STAGE_FIX && unlabelled)
		(void)snprintf(ret->missing, sizeof(ret->missing), "%zu files that can be run or loaded carry no label: "
		               "'imagate label' in this stage", unlabelled);
	else if (running == STAGE_AUDIT && clean < c->clean_boots)
		(void)snprintf(ret->missing, sizeof(ret->missing), "%u of %u boots in audit were clean (good, watched to their end, "
		               "no would-be denial, no record lost) one after another", clean, c->clean_boots);
	else
		ret->allowed = true;
}

enum promoting rollout_promote(struct rollout *r, const struct promotion *p, enum stage running, bool asked,
                               const struct config *c)
{
	bool fell_back = p->trial && r->trial == p->to && r->tries == 0;

	if (p->trial && r->trial == p->to && !fell_back)
		return PROMOTING_ON_TRIAL;
	if (fell_back && !asked)
		return PROMOTING_FELL_BACK;
	r->stage = p->trial ? running : p->to;
	r->trial = p->trial ? p->to : STAGE_UNSET;
	r->tries = p->trial ? c->tries : 0;
	r->blessed = 0;
	return fell_back ? PROMOTING_AGAIN : PROMOTING_DONE;
}
