#include "core/match.h"

#include <string.h>

#define MODE_SETUID 04000
#define MODE_SETGID 02010 /* without the group's x bit it means something else */

const struct match_cred match_root = { .setuid = true, .setgid = true };

struct match_cred match_cred_run(const struct match_cred *by, const struct match_file *f)
{
	struct match_cred c = *by;

	if (f->mode & MODE_SETUID)
		c.euid = c.suid = f->uid;
	if ((f->mode & MODE_SETGID) == MODE_SETGID)
		c.egid = c.sgid = f->gid;
	return c;
}

static bool compare(const struct rule_id *id, uint32_t value)
{
	switch (id->op) {
	case '<': return value < id->value;
	case '>': return value > id->value;
	default: return value == id->value;
	}
}

static bool in_list(const struct span *list, const char *word)
{
	const char *p = list->p, *end = p + list->len;

	while (word && p <= end) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		struct span item = { p, (size_t)((bar ? bar : end) - p) };

		if (span_is(&item, word))
			return true;
		p = item.p + item.len + 1;
	}
	return false;
}

/* KEY_CHECK and CRITICAL_DATA have no file; the kernel does not look at gid= here. */
static bool matches_data(const struct rule *r, const struct match_event *e)
{
	if ((r->has & RULE_UID) && !compare(&r->uid, e->cred->uid))
		return false;
	if (r->func == FUNC_KEY_CHECK)
		return !(r->has & RULE_KEYRINGS) || in_list(&r->keyrings, e->data);
	return !(r->has & RULE_LABEL) || in_list(&r->label, e->data);
}

static bool matches_cred(const struct rule *r, const struct match_cred *c)
{
	if ((r->has & RULE_UID) && !compare(&r->uid, c->uid))
		return false;
	if ((r->has & RULE_EUID) && !compare(&r->uid, c->euid) &&
	    !(c->setuid && (compare(&r->uid, c->suid) || compare(&r->uid, c->uid))))
		return false;
	if ((r->has & RULE_GID) && !compare(&r->gid, c->gid))
		return false;
	return !(r->has & RULE_EGID) || compare(&r->gid, c->egid) ||
	       (c->setgid && (compare(&r->gid, c->sgid) || compare(&r->gid, c->gid)));
}

static bool matches_file(const struct rule *r, const struct match_file *f)
{
	if ((r->has & RULE_FSMAGIC) && r->fsmagic != f->fsmagic)
		return false;
	if ((r->has & RULE_FSNAME) && (!f->fsname || !span_is(&r->fsname, f->fsname)))
		return false;
	if ((r->has & RULE_FS_SUBTYPE) && (!f->fs_subtype || !span_is(&r->fs_subtype, f->fs_subtype)))
		return false;
	if ((r->has & RULE_FSUUID) && memcmp(r->fsuuid, f->fsuuid, sizeof(r->fsuuid)) != 0)
		return false;
	if ((r->has & RULE_FOWNER) && !compare(&r->fowner, f->uid))
		return false;
	return !(r->has & RULE_FGROUP) || compare(&r->fgroup, f->gid);
}

static bool matches(const struct rule *r, const struct match_event *e)
{
	if ((r->has & RULE_FUNC) && r->func != e->func)
		return false;
	if (e->func == FUNC_KEY_CHECK || e->func == FUNC_CRITICAL_DATA)
		return r->func == e->func && matches_data(r, e);
	if ((r->has & RULE_MASK) && r->mask != e->mask)
		return false;
	if ((r->has & RULE_INMASK) && !(r->mask & e->mask))
		return false;
	return matches_file(r, e->file) && matches_cred(r, e->cred);
}

/* The class of an action, and whether it does or does not. */
static bool does(enum rule_action a)
{
	return a == ACT_MEASURE || a == ACT_APPRAISE || a == ACT_AUDIT || a == ACT_HASH;
}

static int *slot(struct match *m, enum rule_action a, bool **ret_does)
{
	switch (a) {
	case ACT_MEASURE:
	case ACT_DONT_MEASURE: *ret_does = &m->measures; return &m->measure;
	case ACT_APPRAISE:
	case ACT_DONT_APPRAISE: *ret_does = &m->appraises; return &m->appraise;
	case ACT_AUDIT:
	case ACT_DONT_AUDIT: *ret_does = &m->audits; return &m->audit;
	default: *ret_does = &m->hashes; return &m->hash;
	}
}

static void take(struct match *m, const struct rule *r, int index)
{
	bool *on;
	int *s = slot(m, r->action, &on);

	*s = index;
	*on = does(r->action);
	m->demands |= r->has & RULE_DEMANDS;
	if (r->action == ACT_APPRAISE) {
		m->hashes = false; /* of a hash rule before it; one behind it comes back */
		if (r->has & RULE_ALGOS)
			m->algos = r->algos;
	}
	if (r->has & RULE_PCR)
		m->pcr = r->pcr;
}

void policy_match(const struct rule *rules, size_t count, const struct match_event *e, struct match *ret)
{
	*ret = (struct match){ .measure = -1, .appraise = -1, .audit = -1, .hash = -1, .pcr = -1 };
	for (size_t i = 0; i < count; i++) {
		bool *on;

		/* one answer for each class; SETXATTR_CHECK is no file hook */
		if (*slot(ret, rules[i].action, &on) >= 0 || rules[i].func == FUNC_SETXATTR_CHECK ||
		    !matches(&rules[i], e))
			continue;
		if (rule_has_lsm(&rules[i])) {
			ret->unsure = true;
			if (!does(rules[i].action))
				continue;
		}
		take(ret, &rules[i], (int)i);
	}
}

static bool same_id(const struct rule_id *a, const struct rule_id *b)
{
	return a->value == b->value && a->op == b->op;
}

static bool covers_text(const struct rule *a, const struct rule *b)
{
	return (!(a->has & RULE_FSNAME) || span_same(&a->fsname, &b->fsname)) &&
	       (!(a->has & RULE_FS_SUBTYPE) || span_same(&a->fs_subtype, &b->fs_subtype)) &&
	       (!(a->has & RULE_KEYRINGS) || span_same(&a->keyrings, &b->keyrings)) &&
	       (!(a->has & RULE_LABEL) || span_same(&a->label, &b->label));
}

static bool covers_numbers(const struct rule *a, const struct rule *b)
{
	return (!(a->has & RULE_FUNC) || a->func == b->func) &&
	       (!(a->has & (RULE_MASK | RULE_INMASK)) || a->mask == b->mask) &&
	       (!(a->has & RULE_FSMAGIC) || a->fsmagic == b->fsmagic) &&
	       (!(a->has & RULE_FSUUID) || !memcmp(a->fsuuid, b->fsuuid, sizeof(a->fsuuid))) &&
	       (!(a->has & (RULE_UID | RULE_EUID)) || same_id(&a->uid, &b->uid)) &&
	       (!(a->has & (RULE_GID | RULE_EGID)) || same_id(&a->gid, &b->gid)) &&
	       (!(a->has & RULE_FOWNER) || same_id(&a->fowner, &b->fowner)) &&
	       (!(a->has & RULE_FGROUP) || same_id(&a->fgroup, &b->fgroup));
}

#define CONDITIONS (RULE_FUNC | RULE_MASK | RULE_INMASK | RULE_FSMAGIC | RULE_FSNAME | RULE_FSUUID | RULE_FS_SUBTYPE | \
                    RULE_UID | RULE_EUID | RULE_GID | RULE_EGID | RULE_FOWNER | RULE_FGROUP | RULE_KEYRINGS | RULE_LABEL)

bool rule_covers(const struct rule *a, const struct rule *b)
{
	unsigned wants = a->has & CONDITIONS;

	if (!(a->has & RULE_FUNC) && (b->func == FUNC_KEY_CHECK || b->func == FUNC_CRITICAL_DATA))
		return false; /* rules without a hook are about files */
	for (int i = 0; i < LSM_FIELDS; i++)
		if (a->lsm[i].p && !span_same(&a->lsm[i], &b->lsm[i]))
			return false;
	/* what is exactly this bit has this bit */
	if ((wants & RULE_INMASK) && (b->has & RULE_MASK))
		wants &= ~(unsigned)RULE_INMASK;
	return !(wants & ~b->has) && covers_text(a, b) && covers_numbers(a, b);
}
