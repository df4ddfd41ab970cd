/* 'imagate policy show': the rules in words, and a table of who decides what. */
#include "cli/policy.h"

#include "core/filesystem.h"
#include "core/hook.h"
#include "core/label.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 512

struct words {
	char text[WORDS];
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static void say(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, format, args);
	va_end(args);
	if (n > 0)
		w->len = w->len + (size_t)n < sizeof(w->text) ? w->len + (size_t)n : sizeof(w->text) - 1; /* cut: for a person */
}

static void say_id(struct words *w, const char *what, const struct rule_id *id)
{
	say(w, ", %s %s%u", what, id->op == '<' ? "below " : id->op == '>' ? "above " : "", id->value);
}

static void say_span(struct words *w, const char *what, const struct span *s)
{
	say(w, ", %s %.*s", what, (int)s->len, s->p);
}

static const char *const verbs[] = {
	[ACT_NONE] = "?", [ACT_MEASURE] = "measure", [ACT_DONT_MEASURE] = "do not measure", [ACT_APPRAISE] = "appraise",
	[ACT_DONT_APPRAISE] = "do not appraise", [ACT_AUDIT] = "audit", [ACT_DONT_AUDIT] = "do not audit",
	[ACT_HASH] = "label on change", [ACT_DONT_HASH] = "do not label on change",
};

static const char *const objects[] = {
	[FUNC_NONE] = "every file", [FUNC_FILE_CHECK] = "files that are opened", [FUNC_MMAP_CHECK] = "files mapped as code",
	[FUNC_MMAP_CHECK_REQPROT] = "files asked to be mapped as code", [FUNC_BPRM_CHECK] = "programs",
	[FUNC_CREDS_CHECK] = "programs, by the credentials they get", [FUNC_MODULE_CHECK] = "kernel modules",
	[FUNC_FIRMWARE_CHECK] = "firmware", [FUNC_KEXEC_KERNEL_CHECK] = "kernels of kexec",
	[FUNC_KEXEC_INITRAMFS_CHECK] = "initramfs of kexec", [FUNC_POLICY_CHECK] = "IMA policies",
	[FUNC_KEXEC_CMDLINE] = "command lines of kexec", [FUNC_KEY_CHECK] = "keys added to keyrings",
	[FUNC_CRITICAL_DATA] = "critical data of the kernel", [FUNC_SETXATTR_CHECK] = "labels being written",
};

static void say_mask(struct words *w, const struct rule *r)
{
	static const char *const names[] = { [MASK_EXEC] = "execution", [MASK_WRITE] = "writing", [MASK_READ] = "reading",
		[MASK_APPEND] = "appending" };

	if (r->has & RULE_MASK)
		say(w, ", for %s and nothing else", names[r->mask]);
	if (r->has & RULE_INMASK)
		say(w, ", for %s among others", names[r->mask]);
}

static void say_where(struct words *w, const struct rule *r)
{
	const struct filesystem *fs = filesystem_by_magic(r->fsmagic);

	if ((r->has & RULE_FSMAGIC) && fs)
		say(w, ", on %s", fs->name);
	else if (r->has & RULE_FSMAGIC)
		say(w, ", on file systems of magic 0x%llx", (unsigned long long)r->fsmagic);
	if ((r->has & RULE_FSNAME) && span_is(&r->fsname, "rootfs"))
		say(w, ", of the initramfs");
	else if (r->has & RULE_FSNAME)
		say_span(w, "on", &r->fsname);
	if (r->has & RULE_FS_SUBTYPE)
		say_span(w, "of subtype", &r->fs_subtype);
	if (r->has & RULE_FSUUID) {
		say(w, ", on file system ");
		for (int i = 0; i < 16; i++)
			say(w, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r->fsuuid[i]);
	}
}

static void say_who(struct words *w, const struct rule *r)
{
	if (r->has & RULE_UID)
		say_id(w, "by user", &r->uid);
	if (r->has & RULE_EUID)
		say_id(w, "by effective user", &r->uid);
	if (r->has & RULE_GID)
		say_id(w, "by group", &r->gid);
	if (r->has & RULE_EGID)
		say_id(w, "by effective group", &r->gid);
	if (r->has & RULE_FOWNER)
		say_id(w, "owned by user", &r->fowner);
	if (r->has & RULE_FGROUP)
		say_id(w, "owned by group", &r->fgroup);
	for (int i = 0; i < LSM_FIELDS; i++)
		if (r->lsm[i].p)
			say_span(w, rule_lsm_field_name((enum rule_lsm_field)i), &r->lsm[i]);
	if (r->has & RULE_KEYRINGS)
		say_span(w, "keyrings", &r->keyrings);
	if (r->has & RULE_LABEL)
		say_span(w, "about", &r->label);
}

static void say_demands(struct words *w, const struct rule *r)
{
	if (r->has & RULE_VERITY)
		say(w, "; by fs-verity digest");
	if (r->has & RULE_MODSIG)
		say(w, "; a signature is required, in the label or behind the file");
	else if (r->has & RULE_IMASIG)
		say(w, "; a signature is required");
	else if (r->action == ACT_APPRAISE && r->func != FUNC_SETXATTR_CHECK)
		say(w, "; hash or signature");
	if (r->has & RULE_ALGOS) {
		say(w, "; algorithms");
		for (int a = 0; a < HASH_COUNT; a++)
			if (r->algos >> a & 1)
				say(w, " %s", hash_algo_name(a));
	}
	if (r->has & RULE_DIRECTIO)
		say(w, "; O_DIRECT is let through unjudged");
	if (r->has & RULE_PCR)
		say(w, "; into PCR %d", r->pcr);
	if (r->has & RULE_TEMPLATE)
		say_span(w, "template", &r->template);
}

static void rule_words(const struct rule *r, struct words *w)
{
	w->len = 0;
	say(w, "%s %s", verbs[r->action], objects[r->func]);
	say_mask(w, r);
	say_where(w, r);
	say_who(w, r);
	say_demands(w, r);
}

/* -- the table -------------------------------------------------------------------------- */

static const struct place {
	const char *words;
	struct match_file file;
} places[] = {
	{ "disk", { .fsmagic = 0xef53, .fsname = "ext4", .fsuuid = { 1 } } },
	{ "disk, user's", { .fsmagic = 0xef53, .fsname = "ext4", .fsuuid = { 1 }, .uid = 1000, .gid = 1000 } },
	{ "tmpfs", { .fsmagic = 0x01021994, .fsname = "tmpfs" } },
	{ "overlay", { .fsmagic = 0x794c7630, .fsname = "overlay" } },
	{ "initramfs", { .fsmagic = 0x858458f6, .fsname = "rootfs" } },
	{ "proc", { .fsmagic = 0x9fa0, .fsname = "proc" } },
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static struct match ask(const struct lint *l, const struct hook *h, const struct place *p)
{
	const struct match_event e = { h->func, h->mask, &p->file, &match_root, NULL };
	struct match m;

	policy_match(l->rules, l->count, &e, &m);
	return m;
}

/* "M12 A14s": measured by line 12, appraised with a signature by line 14 */
static void cell(const struct lint *l, const struct match *m, struct words *w)
{
	w->len = 0;
	if (m->measures)
		say(w, "M%u ", l->rules[m->measure].line);
	if (m->appraises)
		say(w, "A%u%s ", l->rules[m->appraise].line, m->demands & RULE_IMASIG ? "s" : "");
	if (m->audits)
		say(w, "L%u ", l->rules[m->audit].line);
	if (m->hashes)
		say(w, "H%u ", l->rules[m->hash].line);
	if (!w->len)
		say(w, "-");
}

static void print_table(const struct lint *l)
{
	struct words w;

	(void)printf("\nWhat happens when root's process does this to a file (M measured, A appraised, s by signature, L logged,\n"
	             "H labelled on change; with the line of the rule that decides):\n\n%-22s", "");
	for (size_t p = 0; p < PLACES; p++)
		(void)printf(" %-14s", places[p].words);
	for (size_t h = 0; hook_at(h); h++) {
		(void)printf("\n%-22s", hook_at(h)->words);
		for (size_t p = 0; p < PLACES; p++) {
			struct match m = ask(l, hook_at(h), &places[p]);

			cell(l, &m, &w);
			(void)printf(" %-14s", w.text);
		}
	}
	(void)puts("");
}

static void print_rules(const struct lint *l)
{
	struct words w;

	for (size_t i = 0; i < l->count; i++) {
		rule_words(&l->rules[i], &w);
		(void)printf("%5u  %s\n", l->rules[i].line, w.text);
	}
}

static void print_json(const struct lint *l)
{
	struct json_object *o = json_object_new_object(), *rules = json_object_new_array(), *table = json_object_new_array();
	struct words w;

	for (size_t i = 0; i < l->count; i++) {
		struct json_object *r = json_object_new_object();

		rule_words(&l->rules[i], &w);
		json_object_object_add(r, "line", json_object_new_int((int)l->rules[i].line));
		json_object_object_add(r, "action", json_object_new_string(rule_action_name(l->rules[i].action)));
		json_object_object_add(r, "func", json_object_new_string(rule_func_name(l->rules[i].func)));
		json_object_object_add(r, "words", json_object_new_string(w.text));
		json_object_array_add(rules, r);
	}
	for (size_t h = 0; hook_at(h); h++) {
		for (size_t p = 0; p < PLACES; p++) {
			struct match m = ask(l, hook_at(h), &places[p]);
			struct json_object *c = json_object_new_object();

			json_object_object_add(c, "hook", json_object_new_string(rule_func_name(hook_at(h)->func)));
			json_object_object_add(c, "when", json_object_new_string(hook_at(h)->words));
			json_object_object_add(c, "where", json_object_new_string(places[p].words));
			json_object_object_add(c, "measured", json_object_new_boolean(m.measures));
			json_object_object_add(c, "appraised", json_object_new_boolean(m.appraises));
			json_object_array_add(table, c);
		}
	}
	json_object_object_add(o, "rules", rules);
	json_object_object_add(o, "table", table);
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void complain(const struct lint_finding *f, void *arg)
{
	const struct policy_wish *w = arg;

	if (f->severity == LINT_ERROR)
		(void)fprintf(stderr, "%s:%u:%u: error: %s\n", w->file, f->line, f->column, f->what);
}

int policy_show(const struct policy_wish *w)
{
	static struct policy_file p;
	int r = policy_file_read(w, &p, complain, (void *)w);

	if (r != IMAGATE_USAGE && w->json)
		print_json(&p.lint);
	else if (r != IMAGATE_USAGE) {
		print_rules(&p.lint);
		print_table(&p.lint);
	}
	free(p.text);
	return r;
}
