/* Rules for several kernels, lint over all of them, and what the result matches. */
#include "core/hook.h"
#include "core/lint.h"
#include "core/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what) do { if (!(what)) abort(); } while (0)
#define R KERNEL_RELEASE

/* The odd ones have what Debian has not. */
static void kernel(unsigned n, struct rule_kernel *ret)
{
	static const unsigned releases[] = { R(5, 10), R(6, 1), R(6, 12), R(7, 2) };

	rule_kernel_debian(releases[n / 2], ret);
	if (n % 2) {
		ret->modsig = ret->lsm_policy = true;
		ret->lsm = RULE_LSM_SELINUX;
		ret->algos = UINT32_MAX;
	}
}
#define KERNELS 8

static void inside(const struct span *s, const char *text, size_t len)
{
	MUST(!s->p || (s->len && s->p >= text && s->p + s->len <= text + len));
}

static void check_read(const struct rule *r, const char *line, size_t len)
{
	MUST(r->action > ACT_NONE && r->action < ACT_COUNT && r->func < FUNC_COUNT);
	MUST(!r->func == !(r->has & RULE_FUNC) && !r->mask == !(r->has & (RULE_MASK | RULE_INMASK)));
	MUST((r->has & (RULE_MASK | RULE_INMASK)) != (RULE_MASK | RULE_INMASK));
	MUST((r->has & (RULE_UID | RULE_EUID)) != (RULE_UID | RULE_EUID));
	MUST((r->has & (RULE_GID | RULE_EGID)) != (RULE_GID | RULE_EGID));
	MUST(!(r->has & RULE_PCR) || (r->pcr >= 0 && r->pcr < 64 && r->action == ACT_MEASURE));
	MUST(!(r->has & (RULE_IMASIG | RULE_ALGOS)) || r->action == ACT_APPRAISE);
	MUST(!(r->has & RULE_TEMPLATE) == !r->template.p);
	inside(&r->fsname, line, len);
	inside(&r->fs_subtype, line, len);
	inside(&r->keyrings, line, len);
	inside(&r->label, line, len);
	for (int i = 0; i < LSM_FIELDS; i++)
		inside(&r->lsm[i], line, len);
	MUST(rule_covers(r, r));
}

static void check_refused(const struct rule_error *e, const struct rule_kernel *k, const char *line, size_t len)
{
	MUST(e->flaw > FLAW_NONE && e->flaw < FLAW_COUNT);
	MUST(e->column >= 1 && e->column <= len);
	MUST(e->word.p >= line && e->word.p + e->word.len <= line + len);
	MUST(e->flaw != FLAW_TOO_NEW || (e->since > k->release && e->since <= KERNEL_NEWEST));
	MUST(*rule_flaw_what(e->flaw) && *rule_flaw_remedy(e->flaw));
}

/* Every line by itself; how many there are of each kind. */
static void parse_lines(const char *text, size_t size, const struct rule_kernel *k, size_t *ret_read, size_t *ret_refused)
{
	struct text t = { text, text + size };
	const char *line;
	size_t len;

	*ret_read = *ret_refused = 0;
	while (text_line(&t, &line, &len)) {
		struct rule_error e;
		struct rule r;

		switch (rule_parse(line, len, k, &r, &e)) {
		case RULE_READ: check_read(&r, line, len); ++*ret_read; break;
		case RULE_REFUSED: check_refused(&e, k, line, len); ++*ret_refused; break;
		case RULE_BLANK: MUST(e.flaw == FLAW_NONE); break;
		}
	}
}

struct heard {
	size_t count[LINT_SEVERITIES], refused;
};

static void hear(const struct lint_finding *f, void *arg)
{
	struct heard *h = arg;

	MUST(f->severity < LINT_SEVERITIES && f->id && *f->what && memchr(f->what, '\0', LINT_TEXT) && f->remedy);
	MUST(!f->line == !f->column);
	h->count[f->severity]++;
	h->refused += !strcmp(f->id, "refused");
}

static void check_index(int rule, size_t count, bool does)
{
	MUST(rule >= -1 && rule < (int)count && (!does || rule >= 0));
}

static void match_all(const struct lint *l)
{
	static const struct match_file file = { .fsmagic = 0xef53, .fsname = "ext4", .uid = 1 };

	for (size_t i = 0; hook_at(i); i++) {
		const struct match_event e = { hook_at(i)->func, hook_at(i)->mask, &file, &match_root, NULL };
		struct match m;

		policy_match(l->rules, l->count, &e, &m);
		check_index(m.measure, l->count, m.measures);
		check_index(m.appraise, l->count, m.appraises);
		check_index(m.audit, l->count, m.audits);
		check_index(m.hash, l->count, m.hashes);
		MUST(m.appraise < 0 || m.appraises == (l->rules[m.appraise].action == ACT_APPRAISE));
		MUST(!m.algos || m.appraises);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lint lint;
	const char *text = (const char *)data;

	for (unsigned n = 0; n < KERNELS; n++) {
		struct lint_about about = { .ima_key = (enum tri)(n % 3), .by_path = n & 4 };
		struct heard h = { 0 };
		size_t read, refused;

		kernel(n, &about.kernel);
		parse_lines(text, size, &about.kernel, &read, &refused);
		if (n != size % KERNELS) /* the rest takes longer: one kernel a time */
			continue;
		policy_lint(text, size, &about, &lint, hear, &h);
		MUST(lint.count <= RULES_MAX && lint.count == (read > RULES_MAX ? RULES_MAX : read) && h.refused == refused);
		MUST(h.count[LINT_ERROR] == lint.found[LINT_ERROR] &&
		     h.count[LINT_WARNING] == lint.found[LINT_WARNING] && h.count[LINT_NOTE] == lint.found[LINT_NOTE]);
		MUST(lint.count || lint.found[LINT_ERROR]);
		match_all(&lint);
	}
	return 0;
}
