#include "cli/grubtrace.h"

#include "base/file.h"
#include "cli/evidence.h"
#include "cli/foreseegrub.h"
#include "core/grubenv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CFG_MAX (1u << 20)

static bool is_of_log(const struct foresight *f, const char *bytes, size_t len, const struct event *e)
{
	uint8_t digest[BANK_DIGEST_MAX];

	return foresee_digest(f, bytes, len, false, digest) && !memcmp(digest, event_digest(e, f->alg), bank_size(f->alg));
}

/* Does GRUB find the same script and environment as in this boot? */
static bool steered_alike(const struct foresight *f, const struct grub_trace *t, const char *cfg, size_t len, const char *env)
{
	if (!is_of_log(f, cfg, len, &t->cfg))
		return false;
	for (size_t i = 0; i < t->records; i++) {
		const struct grub_record *r = &t->record[i];
		char path[512];

		if (r->kind != GRUB_FILE)
			continue;
		grub_trace_file(&r->e, path, sizeof(path));
		if (grub_is_env(path) && (!env || !is_of_log(f, env, GRUBENV_LEN, &r->e)))
			return false;
	}
	return true;
}

static bool read_cfg(const struct foresight *f, const struct grub_trace *t, char **ret, size_t *ret_len)
{
	return foresee_read(f, t->path, ret, ret_len) == 0 && *ret_len < CFG_MAX;
}

/* The environment block beside grub.cfg; NULL: there is none. */
static char *read_env(const struct foresight *f, const struct grub_trace *t)
{
	char path[640], *bytes = NULL;
	size_t len;

	if (f->grubenv) {
		bytes = malloc(GRUBENV_LEN);
		return bytes ? memcpy(bytes, f->grubenv, GRUBENV_LEN) : NULL;
	}
	(void)snprintf(path, sizeof(path), "%s/grubenv", t->prefix);
	if (foresee_read(f, path, &bytes, &len) == 0 && grubenv_valid(bytes, len))
		return bytes;
	free(bytes);
	return NULL;
}

/* A file that GRUB asked for and that has come or gone since: what it learned then holds no more. */
static bool files_moved(struct foresight *f, struct grub_trace *t, const struct grub_learned *l)
{
	for (size_t i = 0; i < l->facts; i++) {
		const char *at = l->fact[i].command, *word;
		CLEAN_FREE char *bytes = NULL;
		char path[512];
		bool asks = false;
		size_t len;

		if (*at != '[')
			continue;
		while ((word = grub_word(&at, &len)) != NULL) {
			if (asks && len < sizeof(path)) {
				memcpy(path, word, len);
				path[len] = '\0';
				if ((foresee_read(f, path, &bytes, &len) == 0) == l->fact[i].ok)
					break;
				grub_block(f, t, "%s has come or gone: GRUB asks for it", path);
				return true;
			}
			asks = len == 2 && *word == '-' && strchr("efs", word[1]);
		}
	}
	return false;
}

/* What GRUB read in this boot: as it is now, or the copy that a good boot keeps. */
static bool read_was(const struct foresight *f, const struct grub_trace *t, char **ret, struct grub_script *was)
{
	if (is_of_log(f, was->text, was->len, &t->cfg))
		return true;
	if (file_read(f->root, GRUB_KEPT, CFG_MAX, ret, &was->len) < 0 || !is_of_log(f, *ret, was->len, &t->cfg))
		return false;
	was->text = *ret;
	return true;
}

/* alike: nothing has changed that steers GRUB, and it will do what it did, unless somebody chose at the menu. */
static const struct grub_commands *interpret(struct foresight *f, struct grub_trace *t, const struct grub_script *now, bool alike,
                                             struct grub_commands *space)
{
	const struct event e = { .pcr = 8, .number = t->cfg.number };
	struct grub_script was = *now;
	static struct grub_learned learned;
	CLEAN_FREE char *kept = NULL;
	const char *why = NULL;

	if (!read_was(f, t, &kept, &was)) {
		grub_block(f, t, "%s changed, and no copy is left of what GRUB read in this boot (a good boot keeps one)", t->path);
		return NULL;
	}
	if (!grub_learn(&t->memory, &was, &t->ran, &learned, &why)) {
		if (!alike)
			grub_block(f, t, "%s or its environment changed, and what it did in this boot is not understood: %s", t->path, why);
		return alike ? &t->ran : NULL;
	}
	if (files_moved(f, t, &learned))
		return NULL;
	if (learned.by_hand)
		foresee_say(f, &e, FORESEE_DOUBT, "this boot's entry was chosen by hand; foreseen is the default one");
	if (grub_foresee(&t->memory, now, &learned, space, &why))
		return space;
	if (alike && !learned.by_hand)
		return &t->ran;
	grub_block(f, t, "%s or its environment changed, and what GRUB will do is not known: %s", t->path, why);
	return NULL;
}

const struct grub_commands *grub_next(struct foresight *f, struct grub_trace *t, struct grub_commands *space)
{
	CLEAN_FREE char *cfg = NULL, *env = read_env(f, t);
	struct grub_script now = { .prefix = t->prefix, .env = env };

	if (read_cfg(f, t, &cfg, &now.len)) {
		now.text = cfg;
		return interpret(f, t, &now, steered_alike(f, t, cfg, now.len, env), space);
	}
	grub_block(f, t, "%s cannot be read", t->path);
	return NULL;
}

int foresee_keep(int root, const struct eventlog *log, uint16_t alg)
{
	struct foresight f = { .root = root, .log = log, .alg = alg };
	struct grub_trace *t;
	CLEAN_FREE char *cfg = NULL, *kept = NULL;
	size_t len, kept_len;
	int r = 0;

	if (!grub_trace(log, alg, &t))
		return 0;
	if (read_cfg(&f, t, &cfg, &len) && is_of_log(&f, cfg, len, &t->cfg) &&
	    (file_read(root, GRUB_KEPT, CFG_MAX, &kept, &kept_len) < 0 || kept_len != len || memcmp(kept, cfg, len) != 0)) {
		if (mkdirat(root, &EVIDENCE_DIR[1], 0700) < 0 && errno != EEXIST)
			r = -errno;
		else
			r = file_write_atomic(root, GRUB_KEPT, cfg, len, 0600);
	}
	grub_trace_free(&t);
	return r;
}

/* GRUB says so of itself. */
static bool booted_by_grub(int root)
{
	CLEAN_FREE char *line = NULL;
	size_t len;

	return file_read(root, "/proc/cmdline", 1u << 16, &line, &len) == 0 && !strncmp(line, "BOOT_IMAGE=", 11);
}

char *grub_guess_cmdline(int root)
{
	static const char *const places[] = { "/boot/grub", "/boot/grub2" };
	struct grub_trace *t = grub_trace_new();
	struct foresight f = { .root = root };
	struct grub_script s = { .guess = true };
	CLEAN_FREE char *cfg = NULL, *env = NULL;
	static struct grub_commands next;
	const char *why = NULL, *line = NULL;
	char *ret = NULL;

	for (size_t i = 0; t && !cfg && booted_by_grub(root) && i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(t->prefix, sizeof(t->prefix), "%s", places[i]);
		(void)snprintf(t->path, sizeof(t->path), "%s/grub.cfg", places[i]);
		if (file_read(root, t->path, CFG_MAX, &cfg, &s.len) < 0)
			cfg = NULL;
	}
	if (cfg) {
		env = read_env(&f, t);
		s.text = cfg;
		s.prefix = t->prefix;
		s.env = env;
	}
	if (cfg && grub_foresee(&t->memory, &s, &(struct grub_learned){ 0 }, &next, &why))
		for (size_t i = 0; i < next.count; i++)
			line = !strncmp(next.line[i], "linux", 5) ? next.line[i] : line;
	line = line ? strchr(line, ' ') : NULL;
	if (line && !strpbrk(line, "'\"\\"))
		ret = strdup(line + 1);
	grub_trace_free(&t);
	return ret;
}
