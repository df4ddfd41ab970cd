#include "core/rule.h"

#include "core/label.h"

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

/* -- the words ------------------------------------------------------------------------- */

enum word {
	W_ACTION, W_FUNC, W_MASK, W_FSMAGIC, W_FSNAME, W_FS_SUBTYPE, W_FSUUID, W_UID, W_EUID, W_GID, W_EGID, W_FOWNER,
	W_FGROUP, W_LSM, W_DIGEST_TYPE, W_APPRAISE_TYPE, W_APPRAISE_FLAG, W_APPRAISE_ALGOS, W_PCR, W_TEMPLATE,
	W_KEYRINGS, W_LABEL, W_DIRECTIO
};

struct entry {
	const char *text; /* whole word, or up to and including its operator */
	enum word word;
	int which;        /* action or label field */
	unsigned since;
};

#define SINCE KERNEL_RELEASE

static const struct entry entries[] = {
	{ "measure", W_ACTION, ACT_MEASURE, 0 },
	{ "dont_measure", W_ACTION, ACT_DONT_MEASURE, 0 },
	{ "appraise", W_ACTION, ACT_APPRAISE, SINCE(3, 7) },
	{ "dont_appraise", W_ACTION, ACT_DONT_APPRAISE, SINCE(3, 7) },
	{ "audit", W_ACTION, ACT_AUDIT, SINCE(3, 7) },
	{ "dont_audit", W_ACTION, ACT_DONT_AUDIT, SINCE(6, 19) },
	{ "hash", W_ACTION, ACT_HASH, SINCE(4, 16) },
	{ "dont_hash", W_ACTION, ACT_DONT_HASH, SINCE(4, 16) },
	{ "obj_user=", W_LSM, LSM_OBJ_USER, 0 },
	{ "obj_role=", W_LSM, LSM_OBJ_ROLE, 0 },
	{ "obj_type=", W_LSM, LSM_OBJ_TYPE, 0 },
	{ "subj_user=", W_LSM, LSM_SUBJ_USER, 0 },
	{ "subj_role=", W_LSM, LSM_SUBJ_ROLE, 0 },
	{ "subj_type=", W_LSM, LSM_SUBJ_TYPE, 0 },
	{ "func=", W_FUNC, 0, 0 },
	{ "mask=", W_MASK, 0, 0 },
	{ "fsmagic=", W_FSMAGIC, 0, 0 },
	{ "fsname=", W_FSNAME, 0, SINCE(4, 18) },
	{ "fs_subtype=", W_FS_SUBTYPE, 0, SINCE(6, 19) },
	{ "fsuuid=", W_FSUUID, 0, SINCE(3, 9) },
	{ "uid=", W_UID, 0, 0 },
	{ "euid=", W_EUID, 0, SINCE(4, 2) },
	{ "gid=", W_GID, 0, SINCE(5, 16) },
	{ "egid=", W_EGID, 0, SINCE(5, 16) },
	{ "fowner=", W_FOWNER, 0, SINCE(3, 7) },
	{ "fgroup=", W_FGROUP, 0, SINCE(5, 16) },
	{ "uid>", W_UID, 0, SINCE(4, 12) },
	{ "euid>", W_EUID, 0, SINCE(4, 12) },
	{ "gid>", W_GID, 0, SINCE(5, 16) },
	{ "egid>", W_EGID, 0, SINCE(5, 16) },
	{ "fowner>", W_FOWNER, 0, SINCE(4, 12) },
	{ "fgroup>", W_FGROUP, 0, SINCE(5, 16) },
	{ "uid<", W_UID, 0, SINCE(4, 12) },
	{ "euid<", W_EUID, 0, SINCE(4, 12) },
	{ "gid<", W_GID, 0, SINCE(5, 16) },
	{ "egid<", W_EGID, 0, SINCE(5, 16) },
	{ "fowner<", W_FOWNER, 0, SINCE(4, 12) },
	{ "fgroup<", W_FGROUP, 0, SINCE(5, 16) },
	{ "digest_type=", W_DIGEST_TYPE, 0, SINCE(5, 19) },
	{ "appraise_type=", W_APPRAISE_TYPE, 0, SINCE(3, 9) },
	{ "appraise_flag=", W_APPRAISE_FLAG, 0, SINCE(5, 5) },
	{ "appraise_algos=", W_APPRAISE_ALGOS, 0, SINCE(5, 15) },
	{ "permit_directio", W_DIRECTIO, 0, SINCE(3, 16) },
	{ "pcr=", W_PCR, 0, SINCE(4, 8) },
	{ "template=", W_TEMPLATE, 0, SINCE(5, 3) },
	{ "keyrings=", W_KEYRINGS, 0, SINCE(5, 6) },
	{ "label=", W_LABEL, 0, SINCE(5, 12) },
};

static const struct {
	const char *name;
	enum rule_func func;
	unsigned since;
} funcs[] = {
	{ "FILE_CHECK", FUNC_FILE_CHECK, 0 },
	{ "PATH_CHECK", FUNC_FILE_CHECK, 0 }, /* older names */
	{ "MMAP_CHECK", FUNC_MMAP_CHECK, 0 },
	{ "FILE_MMAP", FUNC_MMAP_CHECK, 0 },
	{ "MMAP_CHECK_REQPROT", FUNC_MMAP_CHECK_REQPROT, SINCE(6, 3) },
	{ "BPRM_CHECK", FUNC_BPRM_CHECK, 0 },
	{ "CREDS_CHECK", FUNC_CREDS_CHECK, SINCE(4, 17) },
	{ "MODULE_CHECK", FUNC_MODULE_CHECK, SINCE(3, 8) },
	{ "FIRMWARE_CHECK", FUNC_FIRMWARE_CHECK, SINCE(3, 17) },
	{ "KEXEC_KERNEL_CHECK", FUNC_KEXEC_KERNEL_CHECK, SINCE(4, 6) },
	{ "KEXEC_INITRAMFS_CHECK", FUNC_KEXEC_INITRAMFS_CHECK, SINCE(4, 6) },
	{ "POLICY_CHECK", FUNC_POLICY_CHECK, SINCE(4, 6) },
	{ "KEXEC_CMDLINE", FUNC_KEXEC_CMDLINE, SINCE(5, 3) },
	{ "KEY_CHECK", FUNC_KEY_CHECK, SINCE(5, 6) },
	{ "CRITICAL_DATA", FUNC_CRITICAL_DATA, SINCE(5, 12) },
	{ "SETXATTR_CHECK", FUNC_SETXATTR_CHECK, SINCE(5, 15) },
};

/* By name or by format: lookup_template_desc */
static const struct {
	const char *name, *format;
	unsigned since;
} templates[] = {
	{ "ima", "d|n", 0 },
	{ "ima-ng", "d-ng|n-ng", 0 },
	{ "ima-sig", "d-ng|n-ng|sig", 0 },
	{ "ima-ngv2", "d-ngv2|n-ng", SINCE(5, 19) },
	{ "ima-sigv2", "d-ngv2|n-ng|sig", SINCE(5, 19) },
	{ "ima-buf", "d-ng|n-ng|buf", SINCE(5, 3) },
	{ "ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig", SINCE(5, 4) },
	{ "evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode", SINCE(5, 14) },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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
	if (rd->r->func)
		return flaw(rd, FLAW_TWICE);
	for (size_t i = 0; i < COUNT(funcs); i++) {
		if (!span_is(&v, funcs[i].name))
			continue;
		if (funcs[i].since > rd->k->release)
			return too_new(rd, funcs[i].since);
		if (funcs[i].func == FUNC_KEY_CHECK && !rd->k->key_check)
			return flaw(rd, FLAW_KEYS_OFF);
		rd->r->func = funcs[i].func;
		rd->r->has |= RULE_FUNC;
		return true;
	}
	return flaw(rd, FLAW_FUNC);
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
	for (size_t i = 0; i < COUNT(masks); i++) {
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
	if (rd->r->action != ACT_MEASURE)
		return flaw(rd, FLAW_TEMPLATE_ACTION);
	for (size_t i = 0; i < COUNT(templates); i++) {
		if (!span_is(&v, templates[i].name) && !span_is(&v, templates[i].format))
			continue;
		if (templates[i].since > rd->k->release)
			return too_new(rd, templates[i].since);
		if (rd->r->has & RULE_TEMPLATE)
			return flaw(rd, FLAW_TWICE);
		rd->r->template = (struct span){ templates[i].name, strlen(templates[i].name) };
		rd->r->has |= RULE_TEMPLATE;
		return true;
	}
	return flaw(rd, FLAW_TEMPLATE);
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

static bool read_value(struct reader *rd, const struct entry *n, struct span v, char op)
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
	rd->e->word = word;
	for (size_t i = 0; i < COUNT(entries); i++) {
		const struct entry *n = &entries[i];
		size_t len = strlen(n->text);
		char last = n->text[len - 1];
		bool has_value = last == '=' || last == '<' || last == '>';

		if (has_value ? word.len <= len || memcmp(word.p, n->text, len) != 0 : !span_is(&word, n->text))
			continue;
		if (n->since > rd->k->release)
			return too_new(rd, n->since);
		return read_value(rd, n, (struct span){ word.p + len, word.len - len }, last);
	}
	if (*word.p == '#')
		return flaw(rd, FLAW_COMMENT);
	return flaw(rd, FLAW_UNKNOWN_WORD);
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

/* -- kernels ---------------------------------------------------------------------------- */

unsigned kernel_release_parse(const char *text)
{
	unsigned n[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		const char *from = text;

		for (; *text >= '0' && *text <= '9' && text - from < 4; text++)
			n[i] = n[i] * 10 + (unsigned)(*text - '0');
		if (text == from || n[i] > 255)
			return 0;
		if (i == 0 && *text++ != '.')
			return 0;
	}
	return KERNEL_RELEASE(n[0], n[1]);
}

#define ALGO(a) ((uint32_t)1 << HASH_##a)

void rule_kernel_debian(unsigned release, struct rule_kernel *ret)
{
	*ret = (struct rule_kernel){
		.release = release,
		.key_check = true,
		.lsm = RULE_LSM_APPARMOR,
		.algos = ALGO(MD5) | ALGO(SHA1) | ALGO(SHA224) | ALGO(SHA256),
		.hashes = ALGO(MD4) | ALGO(MD5) | ALGO(SHA1) | ALGO(RMD160) | ALGO(SHA256) | ALGO(SHA384) | ALGO(SHA512) |
		          ALGO(SHA224) | ALGO(WP256) | ALGO(WP384) | ALGO(WP512) | ALGO(STREEBOG256) | ALGO(STREEBOG512),
		.hash_count = release >= SINCE(6, 7) ? HASH_COUNT : HASH_SHA3_256,
		.ecdsa = release >= SINCE(6, 12), /* CONFIG_CRYPTO_ECDSA: unset in 6.1, y in 6.12 */
	};
	ret->p521 = ret->ecdsa; /* which came with 6.10 */
	if (release < SINCE(5, 12))
		ret->hashes |= ALGO(RMD128) | ALGO(RMD256) | ALGO(RMD320) | ALGO(TGR128) | ALGO(TGR160) | ALGO(TGR192);
	if (release >= SINCE(6, 7))
		ret->hashes |= ALGO(SHA3_256) | ALGO(SHA3_384) | ALGO(SHA3_512);
	/* CONFIG_CRYPTO_SHA512 and SHA3 in 6.1: m, m; in 6.12: y, y; in 7.2: y, m */
	if (release >= SINCE(6, 12))
		ret->algos |= ALGO(SHA384) | ALGO(SHA512);
	if (release >= SINCE(6, 12) && release < SINCE(7, 0))
		ret->algos |= ALGO(SHA3_256) | ALGO(SHA3_384) | ALGO(SHA3_512);
}
