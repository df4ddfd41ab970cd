#include "core/rule.h"

#include "core/label.h"
#include "core/ruleword.h"

#include <string.h>

#define LINE_MAX_KERNEL 4095 /* ima_write_policy cuts what is longer, newline included */
#define UUID_TEXT 36

bool span_is(const struct span *s, const char *word)
{
	return s->p && s->len == strlen(word) && !memcmp(s->p, word, s->len);
}

bool span_same(const struct span *a, const struct span *b)
{
	return (!a->p && !b->p) || (a->p && b->p && a->len == b->len && !memcmp(a->p, b->p, a->len));
}

bool rule_has_lsm(const struct rule *r)
{
	for (int i = 0; i < LSM_FIELDS; i++)
		if (r->lsm[i].p)
			return true;
	return false;
}

/* -- one rule being read ----------------------------------------------------------------- */

struct reader {
	const struct rule_kernel *k;
	struct rule *r;
	struct rule_error *e;
};

static bool flaw(struct reader *rd, enum rule_flaw f)
{
	rd->e->flaw = f;
	return false;
}

static bool too_new(struct reader *rd, unsigned since)
{
	rd->e->since = since;
	return flaw(rd, FLAW_TOO_NEW);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* kstrtoull: a plus sign and, in base 16, 0x are taken; overflow is refused. */
static bool number(struct span v, unsigned base, uint64_t *ret)
{
	uint64_t n = 0;

	if (v.len && *v.p == '+')
		v = (struct span){ v.p + 1, v.len - 1 };
	if (base == 16 && v.len >= 2 && v.p[0] == '0' && (v.p[1] | 0x20) == 'x')
		v = (struct span){ v.p + 2, v.len - 2 };
	if (v.len == 0)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		unsigned d = (unsigned)digit(v.p[i]);

		if (d >= base || n > (UINT64_MAX - d) / base)
			return false;
		n = n * base + d;
	}
	*ret = n;
	return true;
}

static bool read_id(struct reader *rd, struct span v, char op, unsigned has, unsigned either, struct rule_id *ret)
{
	uint64_t n;

	ret->op = op;
	if (rd->r->has & either)
		return flaw(rd, FLAW_TWICE);
	if (!number(v, 10, &n))
		return flaw(rd, FLAW_NUMBER);
	if (n >= UINT32_MAX) /* -1 is nobody's */
		return flaw(rd, FLAW_ID);
	ret->value = (uint32_t)n;
	rd->r->has |= has;
	return true;
}

static bool read_func(struct reader *rd, struct span v)
{
	const struct rulefunc *f = rulefunc_find(v);

	if (rd->r->func)
		return flaw(rd, FLAW_TWICE);
	if (!f)
		return flaw(rd, FLAW_FUNC);
	if (f->since > rd->k->release)
		return too_new(rd, f->since);
	if (f->func == FUNC_KEY_CHECK && !rd->k->key_check)
		return flaw(rd, FLAW_KEYS_OFF);
	rd->r->func = f->func;
	rd->r->has |= RULE_FUNC;
	return true;
}

static bool read_mask(struct reader *rd, struct span v)
{
	static const struct { const char *name; unsigned bit; } masks[] = {
		{ "MAY_EXEC", MASK_EXEC }, { "MAY_WRITE", MASK_WRITE }, { "MAY_READ", MASK_READ }, { "MAY_APPEND", MASK_APPEND },
	};
	bool in = *v.p == '^';
	struct span name = { v.p + in, v.len - in };

	if (rd->r->mask)
		return flaw(rd, FLAW_TWICE);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (!span_is(&name, masks[i].name))
			continue;
		rd->r->mask = masks[i].bit;
		rd->r->has |= in ? RULE_INMASK : RULE_MASK;
		return true;
	}
	return flaw(rd, FLAW_MASK);
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

/* uuid_parse looks at 36 characters and not at what follows them; a zero UUID counts as not there yet. */
static bool read_uuid(struct reader *rd, struct span v)
{
	size_t n = 0;

	if (!is_zero(rd->r->fsuuid, sizeof(rd->r->fsuuid)))
		return flaw(rd, FLAW_TWICE);
	if (v.len < UUID_TEXT)
		return flaw(rd, FLAW_UUID);
	for (size_t i = 0; i < UUID_TEXT; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (v.p[i] != '-')
				return flaw(rd, FLAW_UUID);
			continue;
		}
		if (digit(v.p[i]) > 15)
			return flaw(rd, FLAW_UUID);
		rd->r->fsuuid[n / 2] = (uint8_t)(rd->r->fsuuid[n / 2] << 4 | digit(v.p[i]));
		n++;
	}
	rd->r->has |= RULE_FSUUID;
	return true;
}

/* a|b|c without an empty item */
static bool read_list(struct reader *rd, struct span v, unsigned has, struct span *ret)
{
	if (rd->r->has & has)
		return flaw(rd, FLAW_TWICE);
	if (v.p[0] == '|' || v.p[v.len - 1] == '|' || memmem(v.p, v.len, "||", 2))
		return flaw(rd, FLAW_LIST);
	*ret = v;
	rd->r->has |= has;
	return true;
}

static bool read_algos(struct reader *rd, struct span v)
{
	const char *end = v.p + v.len, *comma;

	if (rd->r->algos)
		return flaw(rd, FLAW_TWICE);
	for (const char *p = v.p; p <= end; p = comma + 1) {
		int algo;

		comma = memchr(p, ',', (size_t)(end - p));
		if (!comma)
			comma = end;
		algo = hash_algo_from_name(p, (size_t)(comma - p));
		if (algo < 0 || (algo >= HASH_SHA3_256 && rd->k->release < SINCE(6, 7)))
			return flaw(rd, FLAW_ALGO);
		if (!(rd->k->algos >> algo & 1))
			return flaw(rd, FLAW_ALGO_ABSENT);
		rd->r->algos |= (uint32_t)1 << algo;
	}
	rd->r->has |= RULE_ALGOS;
	return true;
}

static bool read_digest_type(struct reader *rd, struct span v)
{
	if ((rd->r->has & RULE_IMASIG) && rd->k->release < SINCE(7, 1))
		return flaw(rd, FLAW_DIGEST_ORDER);
	if (!span_is(&v, "verity"))
		return flaw(rd, FLAW_DIGEST_TYPE);
	rd->r->has |= RULE_VERITY;
	return true;
}

static bool read_appraise_type(struct reader *rd, struct span v)
{
	/* signatures imply a look at the blacklist */
	unsigned signature = RULE_IMASIG | (rd->k->release >= SINCE(6, 6) ? RULE_BLACKLIST : 0);
	bool verity = rd->r->has & RULE_VERITY;

	if (span_is(&v, "imasig")) {
		if (verity)
			return flaw(rd, FLAW_APPRAISE_TYPE);
		rd->r->has |= signature;
		return true;
	}
	if (span_is(&v, "sigv3")) {
		if (rd->k->release < SINCE(5, 19))
			return too_new(rd, SINCE(5, 19));
		if (rd->k->release < SINCE(7, 1) && !verity)
			return flaw(rd, FLAW_SIGV3_ORDER);
		rd->r->has |= signature | (rd->k->release >= SINCE(7, 1) ? RULE_SIGV3 : 0);
		return true;
	}
	if (span_is(&v, "imasig|modsig")) {
		if (!rd->k->modsig)
			return flaw(rd, FLAW_MODSIG_OFF);
		if (verity || (rd->r->has & RULE_SIGV3))
			return flaw(rd, FLAW_APPRAISE_TYPE);
		rd->r->has |= signature | RULE_MODSIG;
		return true;
	}
	return flaw(rd, FLAW_APPRAISE_TYPE);
}

/* From 6.6 on it is taken and means nothing. */
static bool read_appraise_flag(struct reader *rd, struct span v)
{
	if (rd->k->release >= SINCE(6, 6))
		return true;
	if (!rd->k->modsig || !memmem(v.p, v.len, "blacklist", 9))
		return flaw(rd, FLAW_APPRAISE_FLAG);
	rd->r->has |= RULE_BLACKLIST;
	return true;
}

static bool read_pcr(struct reader *rd, struct span v)
{
	bool minus = *v.p == '-';
	uint64_t n;

	/* kstrtoint: "-0" is a number, "-+0" is none */
	if (minus && v.len > 1 && v.p[1] == '+')
		return flaw(rd, FLAW_PCR);
	if (!number(minus ? (struct span){ v.p + 1, v.len - 1 } : v, 10, &n) || n > 63 || (minus && n))
		return flaw(rd, FLAW_PCR);
	rd->r->pcr = (int)n;
	rd->r->has |= RULE_PCR;
	return true;
}

static bool read_template(struct reader *rd, struct span v)
{
	const struct ruletemplate *t = ruletemplate_find(v);

	if (rd->r->action != ACT_MEASURE)
		return flaw(rd, FLAW_TEMPLATE_ACTION);
	if (!t)
		return flaw(rd, FLAW_TEMPLATE);
	if (t->since > rd->k->release)
		return too_new(rd, t->since);
	if (rd->r->has & RULE_TEMPLATE)
		return flaw(rd, FLAW_TWICE);
	rd->r->template = (struct span){ t->name, strlen(t->name) };
	rd->r->has |= RULE_TEMPLATE;
	return true;
}

/* AppArmor answers subj_role only, and without its policy knows one profile, by any beginning of its name
 * (aa_fqlookupn_profile); SELinux without its policy knows nothing. */
static const char unconfined[] = "unconfined";

static bool lsm_takes(const struct rule_kernel *k, int field, struct span v)
{
	switch (k->lsm) {
	case RULE_LSM_NONE: return false;
	case RULE_LSM_APPARMOR: return field == LSM_SUBJ_ROLE &&
	       (k->lsm_policy || (v.len <= sizeof(unconfined) - 1 && !memcmp(v.p, unconfined, v.len)));
	case RULE_LSM_SELINUX: return k->lsm_policy;
	case RULE_LSM_SMACK: return field == LSM_OBJ_USER || field == LSM_SUBJ_USER;
	default: return true;
	}
}

static bool read_lsm(struct reader *rd, struct span v, int field)
{
	if (rd->r->lsm[field].p)
		return flaw(rd, FLAW_TWICE);
	if (!lsm_takes(rd->k, field, v))
		return flaw(rd, FLAW_LSM);
	rd->r->lsm[field] = v;
	return true;
}

static bool read_action(struct reader *rd, int action)
{
	if (rd->r->action)
		return flaw(rd, FLAW_TWO_ACTIONS);
	rd->r->action = (enum rule_action)action;
	return true;
}

static bool read_text(struct reader *rd, struct span v, unsigned has, struct span *ret)
{
	*ret = v;
	rd->r->has |= has;
	return true;
}

static bool read_value(struct reader *rd, const struct ruleword *n, struct span v, char op)
{
	struct rule *r = rd->r;

	switch (n->word) {
	case W_ACTION: return read_action(rd, n->which);
	case W_FUNC: return read_func(rd, v);
	case W_MASK: return read_mask(rd, v);
	case W_FSMAGIC:
		if (r->fsmagic) /* a magic of 0 counts as not there yet */
			return flaw(rd, FLAW_TWICE);
		r->has |= RULE_FSMAGIC;
		return number(v, 16, &r->fsmagic) || flaw(rd, FLAW_NUMBER);
	case W_FSNAME: return read_text(rd, v, RULE_FSNAME, &r->fsname); /* the last one counts */
	case W_FS_SUBTYPE:
		return r->has & RULE_FS_SUBTYPE ? flaw(rd, FLAW_TWICE) : read_text(rd, v, RULE_FS_SUBTYPE, &r->fs_subtype);
	case W_FSUUID: return read_uuid(rd, v);
	case W_UID: return read_id(rd, v, op, RULE_UID, RULE_UID | RULE_EUID, &r->uid);
	case W_EUID: return read_id(rd, v, op, RULE_EUID, RULE_UID | RULE_EUID, &r->uid);
	case W_GID: return read_id(rd, v, op, RULE_GID, RULE_GID | RULE_EGID, &r->gid);
	case W_EGID: return read_id(rd, v, op, RULE_EGID, RULE_GID | RULE_EGID, &r->gid);
	case W_FOWNER: return read_id(rd, v, op, RULE_FOWNER, RULE_FOWNER, &r->fowner);
	case W_FGROUP: return read_id(rd, v, op, RULE_FGROUP, RULE_FGROUP, &r->fgroup);
	case W_LSM: return read_lsm(rd, v, n->which);
	case W_DIGEST_TYPE: return read_digest_type(rd, v);
	case W_APPRAISE_TYPE: return read_appraise_type(rd, v);
	case W_APPRAISE_FLAG: return read_appraise_flag(rd, v);
	case W_APPRAISE_ALGOS: return read_algos(rd, v);
	case W_PCR: return read_pcr(rd, v);
	case W_TEMPLATE: return read_template(rd, v);
	case W_KEYRINGS: return rd->k->key_check ? read_list(rd, v, RULE_KEYRINGS, &r->keyrings) : flaw(rd, FLAW_KEYS_OFF);
	case W_LABEL: return read_list(rd, v, RULE_LABEL, &r->label);
	case W_DIRECTIO: r->has |= RULE_DIRECTIO; return true;
	}
	return flaw(rd, FLAW_UNKNOWN_WORD);
}

static bool read_word(struct reader *rd, struct span word)
{
	struct span value;
	char op;
	const struct ruleword *w = ruleword_find(word, &value, &op);

	rd->e->word = word;
	if (!w)
		return flaw(rd, *word.p == '#' ? FLAW_COMMENT : FLAW_UNKNOWN_WORD);
	return w->since > rd->k->release ? too_new(rd, w->since) : read_value(rd, w, value, op);
}

/* -- does it all go together -------------------------------------------------------------- */

#define WHERE (RULE_FUNC | RULE_FSMAGIC | RULE_UID | RULE_FOWNER | RULE_FSUUID | RULE_EUID | RULE_PCR | RULE_FSNAME | \
               RULE_FS_SUBTYPE | RULE_GID | RULE_EGID | RULE_FGROUP)
#define FILES (WHERE | RULE_MASK | RULE_INMASK | RULE_IMASIG | RULE_DIRECTIO | RULE_ALGOS | RULE_SIGV3)
#define DATA (RULE_FUNC | RULE_UID | RULE_GID | RULE_PCR)

static unsigned allowed(const struct rule *r, const struct rule_kernel *k)
{
	unsigned template = RULE_TEMPLATE; /* no flag in the kernel: never in the way */

	switch (r->func) {
	case FUNC_MODULE_CHECK:
	case FUNC_KEXEC_KERNEL_CHECK:
	case FUNC_KEXEC_INITRAMFS_CHECK: return template | FILES | RULE_MODSIG | RULE_BLACKLIST;
	case FUNC_KEXEC_CMDLINE: return template | WHERE;
	case FUNC_KEY_CHECK: return template | DATA | RULE_KEYRINGS;
	case FUNC_CRITICAL_DATA: return template | DATA | RULE_LABEL;
	case FUNC_SETXATTR_CHECK: return template | RULE_FUNC | RULE_ALGOS;
	default: return template | FILES | RULE_VERITY | (k->release >= SINCE(6, 6) ? RULE_BLACKLIST : 0);
	}
}

static bool is_data_func(enum rule_func f)
{
	return f == FUNC_KEY_CHECK || f == FUNC_CRITICAL_DATA;
}

static bool validate(struct reader *rd)
{
	const struct rule *r = rd->r;
	bool measures = r->action == ACT_MEASURE || r->action == ACT_DONT_MEASURE;

	if (!r->action)
		return flaw(rd, FLAW_NO_ACTION);
	if (r->action != ACT_MEASURE && (r->has & RULE_PCR))
		return flaw(rd, FLAW_PCR_ACTION);
	if (r->action != ACT_APPRAISE && (r->has & (RULE_IMASIG | RULE_MODSIG | RULE_BLACKLIST | RULE_ALGOS)))
		return flaw(rd, FLAW_APPRAISE_ONLY);
	if ((is_data_func(r->func) || r->func == FUNC_KEXEC_CMDLINE) && !measures)
		return flaw(rd, FLAW_FUNC_ACTION);
	if (r->func == FUNC_SETXATTR_CHECK && r->action != ACT_APPRAISE)
		return flaw(rd, FLAW_FUNC_ACTION);
	if (r->func == FUNC_SETXATTR_CHECK && !(r->has & RULE_ALGOS))
		return flaw(rd, FLAW_SETXATTR_ALGOS);
	if (r->has & ~allowed(r, rd->k))
		return flaw(rd, FLAW_FUNC_CONDITION);
	if (is_data_func(r->func) && rule_has_lsm(r))
		return flaw(rd, FLAW_FUNC_CONDITION);
	if ((r->has & RULE_BLACKLIST) && !(r->has & (rd->k->release >= SINCE(6, 6) ? RULE_IMASIG : RULE_MODSIG)))
		return flaw(rd, FLAW_BLACKLIST);
	if (r->action == ACT_APPRAISE && (r->has & RULE_VERITY) && !(r->has & RULE_IMASIG))
		return flaw(rd, FLAW_VERITY_UNSIGNED);
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool read_line(struct reader *rd, const char *line, const char *p, const char *end)
{
	const struct span whole = { p, (size_t)(end - p) };

	while (p < end) {
		struct span word = { p, 0 };

		while (p < end && !blank(*p))
			p++;
		word.len = (size_t)(p - word.p);
		if (word.len && *word.p == '#' && rd->k->release >= SINCE(6, 14))
			break; /* a comment to the end */
		rd->e->column = (unsigned)(word.p - line) + 1;
		if (word.len && !read_word(rd, word)) {
			if (word.p[word.len - 1] == '\r')
				rd->e->flaw = FLAW_CARRIAGE_RETURN;
			return false;
		}
		while (p < end && blank(*p))
			p++;
	}
	rd->e->column = (unsigned)(whole.p - line) + 1;
	rd->e->word = whole;
	return validate(rd);
}

enum rule_read rule_parse(const char *line, size_t len, const struct rule_kernel *k, struct rule *ret,
                          struct rule_error *ret_error)
{
	struct reader rd = { k, ret, ret_error };
	const char *p = line, *end = line + len;

	*ret = (struct rule){ 0 };
	*ret_error = (struct rule_error){ .column = 1, .word = { line, len } };
	if (memchr(line, '\0', len)) {
		(void)flaw(&rd, FLAW_NUL);
		return RULE_REFUSED;
	}
	if (len && *p == '/') {
		(void)flaw(&rd, FLAW_PATH);
		return RULE_REFUSED;
	}
	while (p < end && blank(*p))
		p++;
	if (p == end || *p == '#')
		return RULE_BLANK;
	if (len >= LINE_MAX_KERNEL) {
		(void)flaw(&rd, FLAW_TOO_LONG);
		return RULE_REFUSED;
	}
	return read_line(&rd, line, p, end) ? RULE_READ : RULE_REFUSED;
}
