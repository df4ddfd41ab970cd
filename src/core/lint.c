#include "core/lint.h"

#include "core/filesystem.h"
#include "core/names.h"
#include "core/policy.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

static const char *const severities[] = { "note", "warning", "error" };
NAMES_COMPLETE(severities, LINT_SEVERITIES);

const char *lint_severity_name(enum lint_severity s)
{
	return NAME_OF(severities, s);
}

struct linter {
	const struct lint_about *about;
	struct lint *ret;
	lint_emit_fn emit;
	void *arg;
	bool bricks; /* the next finding */
};

static void send(struct linter *l, struct lint_finding *f)
{
	l->ret->found[f->severity]++;
	if (l->emit)
		l->emit(f, l->arg);
}

__attribute__((format(printf, 6, 7)))
static void tell(struct linter *l, enum lint_severity severity, const char *id, unsigned line, const char *remedy,
                 const char *format, ...)
{
	struct lint_finding f = { .severity = severity, .id = id, .line = line, .column = line ? 1 : 0, .remedy = remedy };
	va_list args;

	f.bricks = l->bricks;
	l->bricks = false;
	va_start(args, format);
	(void)vsnprintf(f.what, sizeof(f.what), format, args); /* cut is fine: for a person */
	va_end(args);
	send(l, &f);
}

/* -- the kernel's refusals -------------------------------------------------------------- */

static void refuse(struct linter *l, unsigned line, const struct rule_error *e)
{
	struct lint_finding f = {
		.severity = LINT_ERROR, .id = "refused", .line = line, .column = e->column, .remedy = rule_flaw_remedy(e->flaw),
	};
	int word = (int)(e->word.len > 60 ? 60 : e->word.len);

	if (e->flaw == FLAW_TOO_NEW)
		(void)snprintf(f.what, sizeof(f.what), "%.*s: %s (it came in with %u.%u, this is %u.%u)", word, e->word.p,
		               rule_flaw_what(e->flaw), e->since >> 8, e->since & 0xff,
		               l->about->kernel.release >> 8, l->about->kernel.release & 0xff);
	else
		(void)snprintf(f.what, sizeof(f.what), "%.*s: %s", word, e->word.p, rule_flaw_what(e->flaw));
	send(l, &f);
}

/* The comment line above, where it is nothing but a file system's name. */
static const struct filesystem *named_above(const char *p, size_t len)
{
	while (len && (*p == '#' || *p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	text_trim(&p, &len);
	return filesystem_by_name(p, len);
}

static void check_magic(struct linter *l, const struct rule *r, const struct filesystem *above)
{
	const struct filesystem *is = filesystem_by_magic(r->fsmagic), *swapped;

	if (!(r->has & RULE_FSMAGIC))
		return;
	if (is && above && above->magic != r->fsmagic) {
		tell(l, LINT_WARNING, "magic", r->line, "write the magic that belongs to the name, or mend the comment",
		     "the comment says %s (0x%llx), and 0x%llx is %s", above->name, (unsigned long long)above->magic,
		     (unsigned long long)r->fsmagic, is->name);
		return;
	}
	if (is)
		return;
	swapped = filesystem_by_swapped(r->fsmagic);
	if (swapped)
		tell(l, LINT_WARNING, "magic", r->line, "write its bytes the other way round",
		     "0x%llx is no file system's magic; %s has 0x%llx", (unsigned long long)r->fsmagic, swapped->name,
		     (unsigned long long)swapped->magic);
	else
		tell(l, LINT_WARNING, "magic", r->line, "stat -f -c %t FILE shows the magic of the file system that FILE is on",
		     "0x%llx is the magic of no file system that is known here", (unsigned long long)r->fsmagic);
}

static void read_rules(struct linter *l, const char *text, size_t len)
{
	struct text t = { text, text + len };
	const struct filesystem *above = NULL;
	const char *line;
	size_t line_len;
	unsigned n = 0;

	while (text_line(&t, &line, &line_len)) {
		struct rule_error e;
		struct rule r;

		switch (n++, rule_parse(line, line_len, &l->about->kernel, &r, &e)) {
		case RULE_BLANK: above = line_len ? named_above(line, line_len) : NULL; continue;
		case RULE_REFUSED: refuse(l, n, &e); break;
		case RULE_READ:
			r.line = n;
			check_magic(l, &r, above);
			if (line[line_len - 1] == '\r')
				tell(l, LINT_WARNING, "carriage-return", n, rule_flaw_remedy(FLAW_CARRIAGE_RETURN),
				     "a carriage return belongs to the last word: the rule does not mean what it says");
			if (l->ret->count == RULES_MAX)
				tell(l, LINT_ERROR, "too-many", n, "merge rules", "more than %d rules: they are not looked at", RULES_MAX);
			else
				l->ret->rules[l->ret->count++] = r;
			break;
		}
		above = NULL;
	}
	if (l->ret->count == 0 && l->ret->found[LINT_ERROR] == 0)
		tell(l, LINT_ERROR, "empty", 0, "write at least one rule", "there is no rule in it: the kernel refuses that");
	if (len && text[len - 1] != '\n')
		tell(l, l->about->by_path ? LINT_ERROR : LINT_WARNING, "newline", n, "end the last line with a newline",
		     "the last line has no newline: a kernel that reads the file by its path refuses all of it");
}

/* -- what it would do --------------------------------------------------------------------- */

struct event {
	enum rule_func func;
	unsigned mask;
};

/* Hooks that a running system goes through, with the mask that the kernel passes. */
static const struct event program = { FUNC_BPRM_CHECK, MASK_EXEC };
static const struct event library = { FUNC_MMAP_CHECK, MASK_EXEC };
static const struct event reading = { FUNC_FILE_CHECK, MASK_READ };
static const struct event writing = { FUNC_FILE_CHECK, MASK_WRITE };

static const struct match_file disk = { .fsmagic = 0xef53, .fsname = "ext4", .fsuuid = { 1 } };

static struct match ask(const struct linter *l, const struct event *e, const struct match_file *f)
{
	const struct match_event event = { e->func, e->mask, f, &match_root, NULL };
	struct match m;

	policy_match(l->ret->rules, l->ret->count, &event, &m);
	return m;
}

static unsigned line_of(const struct linter *l, int rule)
{
	return rule < 0 ? 0 : l->ret->rules[rule].line;
}

static void check_initramfs(struct linter *l)
{
	static const struct match_file roots[] = {
		{ .fsmagic = RAMFS_MAGIC, .fsname = "rootfs" }, { .fsmagic = TMPFS_MAGIC, .fsname = "rootfs" },
	};
	static const struct event *const events[] = { &program, &library, &reading };

	for (size_t i = 0; i < 6; i++) {
		struct match m = ask(l, events[i / 2], &roots[i % 2]);

		if (!m.appraises)
			continue;
		l->bricks = true;
		tell(l, LINT_WARNING, "initramfs", line_of(l, m.appraise),
		     "put 'dont_appraise fsname=rootfs' before the first appraise rule",
		     "it appraises the initramfs (%s), which cannot carry labels: loaded there, nothing runs any more and the "
		     "boot dies before the real root is reached", i % 2 ? "a tmpfs without root=" : "a ramfs");
		return;
	}
}

static void check_pseudo(struct linter *l)
{
	int told = -1;

	for (size_t i = 0; filesystem_at(i); i++) {
		const struct filesystem *fs = filesystem_at(i);
		const struct match_file f = { .fsmagic = fs->magic, .fsname = fs->name };
		struct match m;

		if (fs->kind != FILESYSTEM_PSEUDO || fs->magic == RAMFS_MAGIC)
			continue;
		m = ask(l, &reading, &f);
		if (!m.appraises || m.appraise == told)
			continue;
		told = m.appraise;
		/* the others are read by some systems only */
		l->bricks = !strcmp(fs->name, "proc") || !strcmp(fs->name, "sysfs");
		tell(l, LINT_WARNING, "pseudo", line_of(l, told),
		     "exempt the pseudo file systems before it: see the list in policy/bastion.policy",
		     "it appraises what root reads on %s, which cannot carry labels: reading it fails, and the system with it",
		     fs->name);
	}
}

static void check_holes(struct linter *l)
{
	static const struct event *const events[] = { &program, &library };
	bool told[RULES_MAX] = { false };

	for (size_t e = 0; e < 2; e++) {
		if (!ask(l, events[e], &disk).appraises)
			continue;
		for (size_t i = 0; filesystem_at(i); i++) {
			const struct filesystem *fs = filesystem_at(i);
			const struct match_file f = { .fsmagic = fs->magic, .fsname = fs->name };
			struct match m = ask(l, events[e], &f);

			if (fs->kind != FILESYSTEM_OPEN || m.appraises || m.appraise < 0 || told[m.appraise])
				continue;
			told[m.appraise] = true;
			tell(l, LINT_WARNING, "hole", line_of(l, m.appraise),
			     fs->magic == TMPFS_MAGIC ? "leave it out: of the initramfs only fsname=rootfs must be exempt"
			                              : "leave it out, or limit it by fsuuid= to a file system that only you write",
			     fs->magic == TMPFS_MAGIC
			     ? "it exempts %s: unlabelled code runs from /tmp, /run, /dev/shm and memfd"
			     : "it exempts %s: unlabelled code runs from there", fs->name);
		}
	}
}

static int class_of(const struct rule *r)
{
	return (r->action + 1) / 2;
}

static void check_unreachable(struct linter *l)
{
	for (size_t b = 1; b < l->ret->count; b++) {
		const struct rule *rb = &l->ret->rules[b];

		for (size_t a = 0; a < b; a++) {
			const struct rule *ra = &l->ret->rules[a];

			if (ra->func == FUNC_SETXATTR_CHECK && rb->func == FUNC_SETXATTR_CHECK) {
				tell(l, LINT_WARNING, "unreachable", rb->line, "merge the two lists of algorithms",
				     "line %u is the SETXATTR_CHECK rule that counts; a second one is ignored", ra->line);
				break;
			}
			/* SETXATTR_CHECK decides about labels that are written: no rule about files stands before it */
			if (rb->func == FUNC_SETXATTR_CHECK || class_of(ra) != class_of(rb) || !rule_covers(ra, rb))
				continue;
			tell(l, LINT_WARNING, "unreachable", rb->line, "put it before that line, or remove it",
			     "it can never decide: line %u (%s) comes first and matches all that this one matches", ra->line,
			     rule_action_name(ra->action));
			break;
		}
	}
}

/* The masks that a hook passes: 0 means any. */
static unsigned masks_of(enum rule_func f)
{
	switch (f) {
	case FUNC_BPRM_CHECK:
	case FUNC_CREDS_CHECK:
	case FUNC_MMAP_CHECK:
	case FUNC_MMAP_CHECK_REQPROT: return MASK_EXEC;
	case FUNC_MODULE_CHECK:
	case FUNC_FIRMWARE_CHECK:
	case FUNC_KEXEC_KERNEL_CHECK:
	case FUNC_KEXEC_INITRAMFS_CHECK:
	case FUNC_POLICY_CHECK: return MASK_READ;
	default: return 0;
	}
}

static void check_mask(struct linter *l, const struct rule *r)
{
	unsigned passes = masks_of(r->func);

	if (!(r->has & (RULE_MASK | RULE_INMASK)))
		return;
	if (passes && r->mask != passes)
		tell(l, LINT_WARNING, "mask", r->line, passes == MASK_EXEC ? "write mask=MAY_EXEC" : "write mask=MAY_READ, or no mask",
		     "it can never match: %s always comes with %s", rule_func_name(r->func),
		     passes == MASK_EXEC ? "MAY_EXEC" : "MAY_READ");
	else if ((r->has & RULE_MASK) && !passes && (r->mask == MASK_READ || r->mask == MASK_WRITE))
		tell(l, LINT_WARNING, "mask", r->line, "write mask=^MAY_READ or mask=^MAY_WRITE",
		     "mask=%s is compared as a whole: a file opened for reading and writing does not match",
		     r->mask == MASK_READ ? "MAY_READ" : "MAY_WRITE");
}

static void check_rule(struct linter *l, const struct rule *r)
{
	check_mask(l, r);
	if (rule_has_lsm(r))
		tell(l, LINT_WARNING, "label", r->line, "test it with this kernel, and keep the labels out of what the boot needs",
		     "it asks for a label of %s: if that is not known when the policy is loaded, the kernel refuses all of it",
		     l->about->kernel.lsm == RULE_LSM_APPARMOR ? "AppArmor" : "the LSM");
	if (r->action == ACT_APPRAISE && r->func == FUNC_POLICY_CHECK && !l->about->by_path)
		tell(l, LINT_WARNING, "policy-check", r->line, "sign the policy (imagate policy sign) and have it loaded by its path",
		     "once it counts, the kernel takes no policy as text any more, only a signed file by its path");
	if (r->action == ACT_APPRAISE && (r->has & RULE_IMASIG) && l->about->ima_key == TRI_NO)
		tell(l, LINT_WARNING, "no-key", r->line, "configure a certificate ([keys] ima) and load it before the policy",
		     "it demands signatures, and no key to verify them is loaded: all that it matches is denied");
	if (r->action != ACT_APPRAISE && (r->has & RULE_VERITY))
		tell(l, LINT_WARNING, "verity", r->line, "let the appraise rule for the same files say digest_type=verity, too",
		     "digest_type=verity counts for all rules that match: an appraise rule for the same files then demands "
		     "fs-verity signatures, too");
	if (r->action == ACT_MEASURE && (r->has & RULE_PCR) && r->pcr > 23)
		tell(l, LINT_WARNING, "pcr", r->line, "use 10, or one above it that nothing else extends", "no TPM has a PCR %d", r->pcr);
}

static void check_life(struct linter *l)
{
	struct match exec = ask(l, &program, &disk), map = ask(l, &library, &disk), read = ask(l, &reading, &disk);
	struct match write = ask(l, &writing, &disk);

	if (exec.appraises != map.appraises)
		tell(l, LINT_WARNING, "half", line_of(l, exec.appraises ? exec.appraise : map.appraise),
		     exec.appraises ? "add 'appraise func=MMAP_CHECK mask=MAY_EXEC' with the same conditions"
		                    : "add 'appraise func=BPRM_CHECK mask=MAY_EXEC' with the same conditions",
		     exec.appraises ? "programs are appraised, their libraries are not: a changed libc.so runs"
		                    : "libraries are appraised, programs are not");
	if (read.appraises && (read.demands & RULE_IMASIG))
		tell(l, LINT_WARNING, "logins", line_of(l, read.appraise), "demand signatures of programs only: func=BPRM_CHECK, MMAP_CHECK",
		     "it demands signatures of every file that root reads: what the system writes itself (/etc/shadow, logs, dpkg's "
		     "database) cannot be signed, so logins and package installation stop");
	if (exec.appraises && !read.appraises && !write.appraises && (!write.hashes || (exec.demands & RULE_IMASIG)))
		tell(l, LINT_NOTE, "packages", line_of(l, exec.appraise),
		     exec.demands & RULE_IMASIG ? "install what its builder signed, or sign it elsewhere: no label made here will do"
		                                : "label what was installed: imagate label, or a package hook",
		     "programs that a package brings have no %s and do not run until they get one",
		     exec.demands & RULE_IMASIG ? "signature" : "label");
}

void policy_lint(const char *text, size_t len, const struct lint_about *about, struct lint *ret,
                 lint_emit_fn emit, void *arg)
{
	struct linter l = { about, ret, emit, arg, false };

	ret->count = 0;
	memset(ret->found, 0, sizeof(ret->found));
	read_rules(&l, text, len);
	for (size_t i = 0; i < ret->count; i++)
		check_rule(&l, &ret->rules[i]);
	check_initramfs(&l);
	check_pseudo(&l);
	check_holes(&l);
	check_unreachable(&l);
	check_life(&l);
}

bool lint_appraises(const struct lint *l, enum rule_func f)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->rules[i].action == ACT_APPRAISE && (l->rules[i].func == FUNC_NONE || l->rules[i].func == f))
			return true;
	return false;
}
