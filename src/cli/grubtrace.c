#include "cli/grubtrace.h"

#include "core/efi.h"
#include "core/story.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY (8u << 20)

void grub_trace_file(const struct event *e, char *ret, size_t size)
{
	(void)efi_text(e->data, e->len, ret, size); /* cut: then it is nowhere */
}

bool grub_is_env(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && !strcmp(name, "/grubenv");
}

static bool is_file(const struct event *e)
{
	const char *name = (const char *)e->data;

	return e->type == EV_IPL && e->pcr == 9 && e->len && (*name == '/' || *name == '(');
}

static bool is_cfg(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && !strcmp(name, "/grub.cfg") && strncmp(path, "(memdisk)", 9) != 0;
}

/* A program from memory: that is what shim makes of what GRUB asks it to check. */
static bool is_kernel(const struct event *e, uint8_t uintn)
{
	struct efi_image image;

	return e->type == EV_EFI_BOOT_SERVICES_APPLICATION && e->pcr == 4 && efi_image_parse(e->data, e->len, uintn, &image) &&
	       !*image.path.file && image.path.source != EFI_SOURCE_ROM;
}

/* The last grub.cfg before a menu: Debian's first one, on the ESP, only leads there. */
static bool find_cfg(const struct eventlog *log, struct grub_trace *t)
{
	struct event_cursor c;
	struct event e;
	bool found = false;

	event_begin(&c, log);
	while (event_next(&c, &e)) {
		char path[sizeof(t->path)];

		if (!is_file(&e))
			continue;
		grub_trace_file(&e, path, sizeof(path));
		if (!is_cfg(path))
			continue;
		if (found && !strcmp(path, t->path))
			t->why = "GRUB read its grub.cfg more than once in this boot: another stage was chosen at the menu";
		found = true;
		t->cfg = e;
		memcpy(t->path, path, sizeof(path));
		memcpy(t->prefix, path, sizeof(path));
		*strrchr(t->prefix, '/') = '\0';
	}
	return found;
}

static const char *keep(struct grub_trace *t, const char *p, size_t len)
{
	char *to = t->memory.bytes + t->memory.used;

	if (len >= t->memory.size - t->memory.used)
		return NULL;
	memcpy(to, p, len);
	to[len] = '\0';
	t->memory.used += len + 1;
	return to;
}

static void add(struct grub_trace *t, const struct event *e, int kind)
{
	if (t->records == GRUB_RECORDS) {
		t->why = "GRUB measured too much";
		return;
	}
	t->record[t->records].e = *e;
	t->record[t->records].command = t->ran.count ? t->ran.count - 1 : SIZE_MAX; /* before the first: the script itself */
	t->record[t->records++].kind = kind;
}

static void string(struct grub_trace *t, const struct event *e, uint16_t alg)
{
	struct part measured;
	const char *s;
	bool cmdline;
	size_t len;

	if (!event_grub_string(e, &cmdline, &s, &len)) {
		t->why = "the log has a record in PCR 8 that is not known";
		return;
	}
	/* what is in the log as text is what was hashed, and without a NUL: so will be what comes */
	if (!event_measured(e, alg, digest_hash, NULL, &measured) || measured.p != s || measured.len != len) {
		t->why = "GRUB's strings are not hashed as they are in the log";
		return;
	}
	if (cmdline) {
		add(t, e, GRUB_CMDLINE);
		return;
	}
	if (t->ran.count == GRUB_COMMANDS || !(t->ran.line[t->ran.count] = keep(t, s, len))) {
		t->why = "GRUB ran too many commands";
		return;
	}
	t->ran.count++;
	add(t, e, GRUB_COMMAND);
}

static void walk(const struct eventlog *log, uint16_t alg, struct grub_trace *t)
{
	struct event_cursor c;
	struct event e;

	event_begin(&c, log);
	while (!t->why && event_next(&c, &e)) {
		if (e.number < t->cfg.number || !event_extends(&e))
			continue;
		if (!event_digest(&e, alg))
			t->why = "the log has a record without a digest of this bank";
		else if (e.pcr == 8 && e.type == EV_IPL)
			string(t, &e, alg);
		else if (is_file(&e))
			add(t, &e, GRUB_FILE);
		else if (is_kernel(&e, log->uintn) && t->ran.count && !strncmp(t->ran.line[t->ran.count - 1], "linux", 5)) {
			t->kernels = true;
			add(t, &e, GRUB_KERNEL);
		}
	}
}

struct grub_trace *grub_trace_new(void)
{
	struct grub_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->memory.bytes = malloc(MEMORY);
	t->memory.size = MEMORY;
	if (!t->memory.bytes)
		grub_trace_free(&t);
	return t;
}

bool grub_trace(const struct eventlog *log, uint16_t alg, struct grub_trace **ret)
{
	struct grub_trace *t = grub_trace_new();

	*ret = NULL;
	if (!t || !find_cfg(log, t)) {
		grub_trace_free(&t);
		return false;
	}
	walk(log, alg, t);
	*ret = t;
	return true;
}

void grub_trace_free(struct grub_trace **t)
{
	if (*t)
		free((*t)->memory.bytes);
	free(*t);
	*t = NULL;
}
