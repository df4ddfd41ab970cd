#include "cli/files.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/progress.h"
#include "cli/shown.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "crypto/crypto.h"
#include "label/survey.h"
#include "label/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_DIR "/run/imagate"
#define CACHE_NAME "check.cache"
#define GROUPS_MAX 64
#define EXAMPLES 3

/* -- the pattern ------------------------------------------------------------------------- */

/* Files with the same cause, hook and place. */
struct group {
	uint8_t state, hook;
	uint16_t rule;
	char place[128];
	size_t count;
	const struct survey_bad *example[EXAMPLES];
};

/* "/usr/lib/x86_64-linux-gnu/libc.so.6" -> "/usr/lib": what a person thinks of as a place */
static void place_of(const char *path, char *ret, size_t size)
{
	const char *end = path;
	int slashes = 0;

	for (const char *p = path; *p; p++)
		if (*p == '/' && (slashes++, p > path) && slashes <= 3)
			end = p;
	(void)snprintf(ret, size, "%.*s", (int)(end > path ? end - path : 1), path); /* cut is fine */
}

static size_t group(const struct survey *s, struct group *groups)
{
	size_t n = 0;

	for (size_t i = 0; i < s->bad_count; i++) {
		const struct survey_bad *b = &s->bad[i];
		char place[128];
		size_t g = 0;

		place_of(b->path, place, sizeof(place));
		while (g < n && (groups[g].state != b->state || groups[g].hook != b->hook || strcmp(groups[g].place, place) != 0))
			g++;
		if (g == n && n == GROUPS_MAX) {
			g = n - 1; /* the last one takes the rest */
			(void)snprintf(groups[g].place, sizeof(groups[g].place), "many other places");
		} else if (g == n) {
			groups[n] = (struct group){ .state = b->state, .hook = b->hook, .rule = b->rule };
			memcpy(groups[n++].place, place, sizeof(place));
		}
		if (groups[g].count < EXAMPLES)
			groups[g].example[groups[g].count] = b;
		groups[g].count++;
	}
	return n;
}

static int larger(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->place, y->place);
}

static size_t denied_files(const struct survey *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->bad_count; i++)
		n += i == 0 || strcmp(s->bad[i].path, s->bad[i - 1].path) != 0;
	return n;
}

static unsigned line_of(const struct judging *j, unsigned rule)
{
	return rule < j->lint.count ? j->lint.rules[rule].line : 0;
}

static void print_groups(const struct survey *s, const struct judging *j)
{
	static struct group groups[GROUPS_MAX];
	struct shown plain;
	size_t n = group(s, groups);

	qsort(groups, n, sizeof(*groups), larger);
	for (size_t i = 0; i < n; i++) {
		const struct group *g = &groups[i];

		if (g->state == LABEL_STATE_UNREADABLE)
			(void)printf("\n  %zu in %s could not be read\n", g->count, shown(g->place, &plain));
		else
			(void)printf("\n  %zu in %s denied when %s: %s (%s:%u)\n", g->count, shown(g->place, &plain), hook_at(g->hook)->words,
			             label_state_name((enum label_state)g->state), j->policy_path, line_of(j, g->rule));
		for (size_t e = 0; e < EXAMPLES && g->example[e]; e++)
			(void)printf("      %s\n", shown(g->example[e]->path, &plain));
		if (g->count > EXAMPLES)
			(void)printf("      ... and %zu more\n", g->count - EXAMPLES);
	}
}

static void print_summary(const struct survey *s, const struct judging *j, double seconds)
{
	size_t denied = denied_files(s);

	(void)printf("%zu files looked at in %.1f s, %zu of them appraised by %s: ", (size_t)s->files, seconds,
	             (size_t)s->appraised, j->policy_path);
	if (denied)
		(void)printf("%zu would be denied\n", denied);
	else
		(void)printf("none would be denied\n");
	if (s->unverified)
		(void)printf("  %zu of these cannot be verified here, as a key or a hash algorithm is not at hand: taken for good\n",
		             (size_t)s->unverified);
	print_groups(s, j);
}

static struct json_object *to_json(const struct survey *s, const struct judging *j)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "policy", json_object_new_string(j->policy_path));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)s->files));
	json_object_object_add(o, "appraised", json_object_new_int64((int64_t)s->appraised));
	json_object_object_add(o, "unverified", json_object_new_int64((int64_t)s->unverified));
	json_object_object_add(o, "cached", json_object_new_int64((int64_t)s->cached));
	json_object_object_add(o, "denied", json_object_new_int64((int64_t)denied_files(s)));
	for (size_t i = 0; i < s->bad_count; i++) {
		const struct survey_bad *b = &s->bad[i];
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "path", shown_json(b->path));
		json_object_object_add(f, "hook", json_object_new_string(rule_func_name(hook_at(b->hook)->func)));
		json_object_object_add(f, "cause", json_object_new_string(label_state_name((enum label_state)b->state)));
		json_object_object_add(f, "line", json_object_new_int((int)line_of(j, b->rule)));
		json_object_array_add(list, f);
	}
	json_object_object_add(o, "denials", list);
	return o;
}

/* "MMAP_CHECK 4 allowed good /usr/bin/x": for tests and scripts */
static void print_one(const char *path, const struct hook *h, const struct examine_verdict *v, void *arg)
{
	(void)arg;
	(void)printf("%s %u %s %s %s\n", rule_func_name(h->func), h->mask,
	             !v->appraised ? "unjudged" : label_state_good(v->state) ? "allowed" : "denied",
	             v->appraised ? label_state_name(v->state) : "-", path);
}

/* -- together ---------------------------------------------------------------------------- */

static bool named(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; (p = strstr(p, name)) != NULL; p += len)
		if ((p == names || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static unsigned hooks_named(const char *names)
{
	unsigned bits = 0;

	for (unsigned i = 0; hook_at(i); i++)
		if (named(names, rule_func_name(hook_at(i)->func)))
			bits |= 1u << i;
	return bits;
}

static bool fingerprint(const struct judging *j, uint8_t ret[static 32])
{
	uint8_t keys[32];
	struct {
		uint32_t evm, hashes, hash_count, verity;
	} about = { j->about.evm, j->about.hashes, (uint32_t)j->about.hash_count, j->about.verity };
	const struct part parts[] = { { keys, sizeof(keys) }, { &about, sizeof(about) } };

	return keyset_fingerprint(j->keys, keys, NULL) == OUTCOME_OK && digest_parts(parts, 2, ret, NULL) == OUTCOME_OK;
}

static int survey(const struct files_wish *w, const struct judging *j, int root, struct survey *s, double *ret_seconds)
{
	struct prover provers[WALK_THREADS_MAX] = { 0 };
	struct cache cache = { 0 };
	struct progress p;
	struct why why = { 0 };
	uint8_t mark[32];
	CLEAN_FD dir = -1;
	enum outcome o = OUTCOME_OK;

	s->about = &j->about;
	s->provers = provers;
	for (unsigned i = 0; i < s->threads && o == OUTCOME_OK; i++)
		o = prover_open(j->keys, &provers[i], &why);
	if (w->cache && inode_mount_is_unique(root) && (mkdir(RUN_DIR, 0755) == 0 || errno == EEXIST))
		dir = open(RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0 && fingerprint(j, mark)) {
		cache_load(dir, CACHE_NAME, mark, &cache);
		s->cache = &cache;
	}
	progress_begin(&p, &s->files, &s->bytes, strcmp(w->root, "/") ? -1 : root);
	if (o == OUTCOME_OK)
		o = survey_run(root, s, &why);
	*ret_seconds = progress_end(&p);
	/* what is there already says the same */
	if (o == OUTCOME_OK && s->cache && (s->cached != s->files || s->cached != cache.count)) {
		int r = cache_save(dir, CACHE_NAME, mark, s->entries, s->entries_count);

		if (r < 0 && r != -EACCES && r != -EROFS)
			log_warning(RUN_DIR "/" CACHE_NAME ": %s: the next run starts anew", strerror(-r));
	}
	for (unsigned i = 0; i < s->threads; i++)
		prover_close(&provers[i]);
	cache_free(&cache);
	if (o != OUTCOME_OK) {
		char text[512];

		why_format(&why, text, sizeof(text));
		log_error("%s", text);
	}
	return o == OUTCOME_OK ? IMAGATE_OK : IMAGATE_FAILED;
}

int files_check(const struct files_wish *w, size_t *ret_denied, struct json_object **ret)
{
	static struct judging j;
	struct survey s = { .threads = walk_threads(w->threads), .tell = w->all ? print_one : NULL };
	CLEAN_FD root = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	double seconds;
	int r;

	*ret_denied = 0;
	if (root < 0) {
		log_error("%s: %s", w->root, strerror(errno));
		return IMAGATE_USAGE;
	}
	if (w->hooks) {
		s.all_hooks = true;
		s.hooks = hooks_named(w->hooks);
	}
	r = judging_begin(&w->judging, &j);
	if (r == IMAGATE_OK)
		r = survey(w, &j, root, &s, &seconds);
	if (r == IMAGATE_OK) {
		*ret_denied = denied_files(&s);
		if (w->json)
			*ret = to_json(&s, &j);
		else if (!w->all)
			print_summary(&s, &j, seconds);
	}
	survey_free(&s);
	judging_end(&j);
	return r;
}
