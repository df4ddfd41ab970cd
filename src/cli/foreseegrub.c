#include "cli/foreseegrub.h"

#include "base/clean.h"
#include "cli/grubtrace.h"
#include "core/grubenv.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	struct foresight *f;
	struct grub_trace *t;
	const struct grub_commands *next;
	size_t count;
	struct planned {
		uint32_t pcr;
		uint8_t digest[BANK_DIGEST_MAX];
	} planned[GRUB_RECORDS];
};

/* All that GRUB steers. */
void grub_block(struct foresight *f, const struct grub_trace *t, const char *fmt, ...)
{
	char words[FORESEE_WORDS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap); /* cut is fine */
	va_end(ap);
	for (uint32_t n = 4; n <= 9; n++) {
		const struct event e = { .pcr = n, .number = t->cfg.number };

		if (n > 7 || (n == 4 && t->kernels))
			foresee_say(f, &e, FORESEE_BLOCKED, "%s", words);
	}
}

static void block_one(struct plan *p, uint32_t pcr, const char *name, const char *words)
{
	const struct event e = { .pcr = pcr, .number = p->t->cfg.number };

	foresee_say(p->f, &e, FORESEE_BLOCKED, "%s: %s", name, words);
}

/* -- what will be measured ------------------------------------------------------------------------- */

static void plan_digest(struct plan *p, uint32_t pcr, const uint8_t *digest)
{
	if (p->count == GRUB_RECORDS) {
		grub_block(p->f, p->t, "GRUB would measure too much");
		return;
	}
	p->planned[p->count].pcr = pcr;
	memcpy(p->planned[p->count++].digest, digest, bank_size(p->f->alg));
}

static void plan_string(struct plan *p, const char *s)
{
	uint8_t digest[BANK_DIGEST_MAX];

	if (foresee_digest(p->f, s, strlen(s), false, digest))
		plan_digest(p, 8, digest);
	else
		grub_block(p->f, p->t, "a digest could not be computed");
}

static bool file_digest(struct plan *p, const char *path, bool image, uint8_t ret[static BANK_DIGEST_MAX])
{
	const uint32_t pcr = image ? 4 : 9;
	CLEAN_FREE char *bytes = NULL;
	size_t len;
	int r;

	if (p->f->grubenv && grub_is_env(path))
		return foresee_digest(p->f, p->f->grubenv, GRUBENV_LEN, false, ret);
	r = foresee_read(p->f, path, &bytes, &len);
	if (r < 0)
		block_one(p, pcr, path, strerror(-r));
	else if (foresee_digest(p->f, bytes, len, image, ret))
		return true;
	else
		block_one(p, pcr, path, image ? "no EFI program" : "its digest could not be computed");
	return false;
}

/* was: the record of the same, or of what it replaces. */
static void plan_file(struct plan *p, const char *path, const struct event *was, bool image)
{
	const struct event e = { .pcr = image ? 4 : 9, .number = was->number };
	uint8_t digest[BANK_DIGEST_MAX];

	if (!file_digest(p, path, image, digest))
		return;
	if (memcmp(digest, event_digest(was, p->f->alg), bank_size(p->f->alg)) != 0)
		foresee_say(p->f, &e, FORESEE_CHANGED, image ? "the kernel that shim checks changes: %s" : "%s changes", path);
	plan_digest(p, e.pcr, digest);
}

/* -- a command and what it reads ------------------------------------------------------------------------ */

static bool is_command(const char *line, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(line, name, n) && (line[n] == ' ' || line[n] == '\0');
}

static bool is_linux(const char *line)
{
	return is_command(line, "linux") || is_command(line, "linuxefi");
}

static bool is_initrd(const char *line)
{
	return is_command(line, "initrd") || is_command(line, "initrdefi");
}

static bool reads_nothing(const char *line)
{
	static const char *const names[] = { "set", "unset", "export", "echo", "menuentry", "submenu", "setparams", "true" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_command(line, names[i]))
			return true;
	if (is_command(line, "["))
		return !strstr(line, " -e ") && !strstr(line, " -f ") && !strstr(line, " -s ") && !strstr(line, " -d ");
	return strcspn(line, "=") < strcspn(line, " "); /* an assignment */
}

/* The same time that GRUB runs this, in this boot; SIZE_MAX: it did not. */
static size_t same_in_this_boot(const struct plan *p, size_t i)
{
	const char *line = p->next->line[i];
	size_t before = 0;

	for (size_t k = 0; k < i; k++)
		before += !strcmp(p->next->line[k], line);
	for (size_t k = 0; k < p->t->ran.count; k++)
		if (!strcmp(p->t->ran.line[k], line) && before-- == 0)
			return k;
	return SIZE_MAX;
}

/* The last of its kind: what GRUB does for it shows there. */
static size_t like_in_this_boot(const struct plan *p, bool (*is)(const char *))
{
	for (size_t k = p->t->ran.count; k > 0; k--)
		if (is(p->t->ran.line[k - 1]))
			return k - 1;
	return SIZE_MAX;
}

static bool file_of(const struct event *e, const char *line, size_t n, char *ret, size_t size)
{
	const char *at = line, *p = NULL;
	size_t len = 0;
	char name[512];

	grub_trace_file(e, name, sizeof(name));
	for (size_t i = 0; i <= n; i++)
		p = grub_word(&at, &len);
	(void)snprintf(ret, size, "%s", name);
	return p && text_is(p, len, name);
}

/* The path in the place of the nth word; false: there is none. */
static bool word_of(const char *line, size_t n, char *ret, size_t size)
{
	const char *at = line, *p = NULL;
	size_t len = 0;

	for (size_t i = 0; i <= n; i++)
		p = grub_word(&at, &len);
	if (!p || len >= size)
		return false;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return true;
}

static void plan_linux(struct plan *p, const char *line, size_t like)
{
	const char *was = p->t->ran.line[like], *args = strchr(line, ' '), *was_args = strchr(was, ' ');
	char path[512], old[512];

	if (!args || !was_args || !word_of(line, 1, path, sizeof(path)) || strpbrk(line, "'\"\\") || strstr(line, "  ")) {
		grub_block(p->f, p->t, "GRUB will quote words of its '%.100s', and how is not known", line);
		return;
	}
	for (size_t i = 0; i < p->t->records; i++) {
		const struct grub_record *r = &p->t->record[i];

		if (r->command != like || r->kind == GRUB_COMMAND)
			continue;
		if (r->kind == GRUB_CMDLINE) {
			/* as in this boot: the words as they are behind the command */
			uint8_t digest[BANK_DIGEST_MAX];

			if (!foresee_digest(p->f, was_args + 1, strlen(was_args + 1), false, digest) ||
			    memcmp(digest, event_digest(&r->e, p->f->alg), bank_size(p->f->alg)) != 0)
				grub_block(p->f, p->t, "GRUB made another command line of its words in this boot");
			plan_string(p, args + 1);
		} else if (r->kind == GRUB_KERNEL) {
			plan_file(p, path, &r->e, true);
		} else if (file_of(&r->e, was, 1, old, sizeof(old))) {
			plan_file(p, path, &r->e, false);
		} else {
			grub_block(p->f, p->t, "GRUB read %.200s for its '%.60s', and why is not known", old, was);
		}
	}
	if (strcmp(line, was) != 0) {
		const struct event e = { .pcr = 8, .number = p->t->cfg.number };

		foresee_say(p->f, &e, FORESEE_CHANGED, "GRUB will run '%s'", line);
		free(p->f->next_cmdline);
		p->f->next_cmdline = strdup(args + 1);
	}
}

static void plan_initrd(struct plan *p, const char *line, size_t like)
{
	const char *was = p->t->ran.line[like];
	const struct event *last = &p->t->cfg;
	char path[512], old[512];
	size_t n = 0;

	for (size_t i = 0; i < p->t->records; i++) {
		const struct grub_record *r = &p->t->record[i];

		if (r->command != like || r->kind == GRUB_COMMAND)
			continue;
		last = &r->e;
		if (r->kind != GRUB_FILE || !file_of(&r->e, was, ++n, old, sizeof(old))) {
			grub_block(p->f, p->t, "what GRUB measured for its '%.100s' is not understood", was);
			return;
		}
	}
	if (n == 0 || word_of(was, n + 1, old, sizeof(old)))
		grub_block(p->f, p->t, "GRUB did not measure each file of its '%.100s'", was);
	for (n = 1; word_of(line, n, path, sizeof(path)); n++)
		plan_file(p, path, last, false);
}

static void plan_files_of(struct plan *p, size_t command)
{
	char path[512];

	for (size_t i = 0; i < p->t->records; i++) {
		const struct grub_record *r = &p->t->record[i];

		if (r->command != command || r->kind == GRUB_COMMAND)
			continue;
		grub_trace_file(&r->e, path, sizeof(path));
		if (r->kind != GRUB_FILE)
			grub_block(p->f, p->t, "what GRUB measured behind its '%.100s' is not understood", p->t->ran.line[command]);
		else
			plan_file(p, path, &r->e, false);
	}
}

static void plan_command(struct plan *p, size_t i)
{
	const char *line = p->next->line[i];
	size_t like = is_linux(line) ? like_in_this_boot(p, is_linux) : is_initrd(line) ? like_in_this_boot(p, is_initrd) : SIZE_MAX;

	plan_string(p, line);
	if (like != SIZE_MAX && is_linux(line)) {
		plan_linux(p, line, like);
		return;
	}
	if (like != SIZE_MAX) {
		plan_initrd(p, line, like);
		return;
	}
	like = same_in_this_boot(p, i);
	if (like != SIZE_MAX)
		plan_files_of(p, like);
	else if (!reads_nothing(line))
		block_one(p, 9, line, "GRUB will run this, and did not in this boot: what it reads for it is not known");
}

/* -- against what was measured -------------------------------------------------------------------------- */

static bool same(const struct plan *p, const struct event *e, const struct planned *n)
{
	return !memcmp(event_digest(e, p->f->alg), n->digest, bank_size(p->f->alg));
}

/* What is the same at the beginning and at the end stays. */
static void compare(struct plan *p, uint32_t pcr)
{
	static const struct event *old[GRUB_RECORDS];
	static const struct planned *new[GRUB_RECORDS];
	size_t olds = 0, news = 0, from = 0, i;
	struct event where = { .pcr = pcr };

	for (i = 0; i < p->t->records; i++)
		if (p->t->record[i].e.pcr == pcr)
			old[olds++] = &p->t->record[i].e;
	for (i = 0; i < p->count; i++)
		if (p->planned[i].pcr == pcr)
			new[news++] = &p->planned[i];
	if (olds == 0)
		return;
	where.number = old[olds - 1]->number + 1;
	while (from < olds && from < news && same(p, old[from], new[from]))
		from++;
	while (olds > from && news > from && same(p, old[olds - 1], new[news - 1])) {
		where.number = old[--olds]->number;
		news--;
	}
	for (i = from; i < olds || i < news; i++) {
		if (i < olds && i < news)
			(void)foresee_change(p->f, CHANGE_DIGEST, old[i], new[i]->digest, bank_size(p->f->alg));
		else if (i < olds)
			(void)foresee_change(p->f, CHANGE_DROP, old[i], "", 0);
		else
			(void)foresee_change(p->f, CHANGE_INSERT, &where, new[i]->digest, bank_size(p->f->alg));
	}
}

/* -- all of it --------------------------------------------------------------------------------------------- */

static void look(struct plan *p)
{
	static struct grub_commands next;

	p->next = grub_next(p->f, p->t, &next);
	if (!p->next)
		return;
	plan_file(p, p->t->path, &p->t->cfg, false);
	for (size_t i = 0; i < p->next->count; i++)
		plan_command(p, i);
	if (p->f->mask & UINT32_C(1) << 8)
		compare(p, 8);
	if (p->f->mask & UINT32_C(1) << 9)
		compare(p, 9);
	if (p->f->mask & UINT32_C(1) << 4 && p->t->kernels)
		compare(p, 4);
}

void foresee_grub(struct foresight *f)
{
	const struct event line = { .pcr = FORESEE_CMDLINE };
	struct plan *p;

	if (!grub_trace(f->log, f->alg, &f->grub))
		return;
	p = calloc(1, sizeof(*p));
	if (!p) {
		foresee_say(f, &line, FORESEE_DOUBT, "no memory");
		f->blocked |= f->mask;
		return;
	}
	p->f = f;
	p->t = f->grub;
	if (f->grub->why)
		grub_block(p->f, p->t, "%s", f->grub->why);
	else
		look(p);
	if (!p->next)
		foresee_say(f, &line, FORESEE_DOUBT, "GRUB's next one is not known: taken as it is now");
	free(p);
}

bool foresee_is_grubs(const struct foresight *f, const struct event *e)
{
	for (unsigned i = 0; f->grub && i < f->grub->records; i++)
		if (f->grub->record[i].e.number == e->number)
			return true;
	return false;
}
