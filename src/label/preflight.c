#include "label/preflight.h"

#include "base/file.h"
#include "label/closure.h"
#include "label/critical.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Where the kernel and systemd look for init, in their order: init/main.c, switch-root.c */
static const char *const inits[] = {
	"/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh",
};

struct walk {
	const struct preflight_about *about;
	struct preflight *ret;
	struct examiner *examiner;
	bool essential; /* init's own: what it needs must be there */
	bool broken;
};

static struct preflight_file *note(struct walk *w, const char *path, enum label_state state)
{
	struct preflight *p = w->ret;
	struct preflight_file *bigger;

	if (p->count == p->room) {
		bigger = realloc(p->file, (p->room ? p->room * 2 : 256) * sizeof(*bigger));
		if (!bigger) {
			w->broken = true;
			return NULL;
		}
		p->file = bigger;
		p->room = p->room ? p->room * 2 : 256;
	}
	p->file[p->count] = (struct preflight_file){ .path = strdup(path), .state = state };
	if (!p->file[p->count].path) {
		w->broken = true;
		return NULL;
	}
	p->bad += !label_state_good(state);
	return &p->file[p->count++];
}

void preflight_free(struct preflight *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->file[i].path);
	free(p->file);
	*p = (struct preflight){ 0 };
}

/* The worst of its hooks: the first one that denies. */
static enum label_state judge(const struct walk *w, const char *path, const struct inode *inode,
                              const struct evidence_file *found, const struct hook **ret_hook, bool *ret_mapped)
{
	unsigned scope = examine_scope(path, inode, found);
	enum label_state s = LABEL_STATE_GOOD;
	struct match_file file;

	inode_match_file(inode, &file);
	*ret_hook = NULL;
	*ret_mapped = false;
	for (unsigned i = 0; hook_at(i); i++) {
		struct examine_verdict v;

		if (!(scope >> i & 1))
			continue;
		examine_judge(w->about->examine, &file, found, hook_at(i), &v);
		if (!v.appraised)
			continue;
		*ret_mapped |= hook_at(i)->func == FUNC_MMAP_CHECK;
		if (s == LABEL_STATE_UNVERIFIED || s == LABEL_STATE_GOOD)
			s = v.state == LABEL_STATE_GOOD ? s : v.state;
		if (!label_state_good(v.state) && !*ret_hook)
			*ret_hook = hook_at(i);
	}
	return s;
}

static enum label_state examine(const struct walk *w, int fd, const char *path, const struct hook **ret_hook, bool *ret_mapped)
{
	struct evidence_file found;
	struct inode inode;

	*ret_hook = NULL;
	*ret_mapped = false;
	if (inode_read(fd, &w->examiner->fs, &inode) < 0 || inode.size == 0 ||
	    examine_file(w->examiner, fd, path, &inode, &found, NULL) != OUTCOME_OK)
		return LABEL_STATE_UNREADABLE;
	return judge(w, path, &inode, &found, ret_hook, ret_mapped);
}

static void visit(int fd, const char *path, int error, void *arg)
{
	struct walk *w = arg;
	const struct hook *hook;
	struct preflight_file *f;
	enum label_state s;
	struct stat st;
	bool mapped;

	if (fd < 0) {
		/* a program on the list that is not there, or not whole, was so yesterday */
		if (w->essential)
			(void)note(w, path, error == -ENOENT ? LABEL_STATE_NO_FILE : LABEL_STATE_UNREADABLE);
		return;
	}
	if (!w->essential && fstat(fd, &st) == 0 && !critical_is_roots(&st))
		return;
	s = examine(w, fd, path, &hook, &mapped);
	f = note(w, path, s);
	if (f) {
		f->hook = hook;
		f->mapped = mapped;
	}
}

static void add_init(struct walk *w, struct closure *c, int root)
{
	if (*w->about->init) {
		closure_add(c, w->about->init, true);
		return;
	}
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		CLEAN_FD fd = -1;

		if (file_open_in_root(root, inits[i], &fd) < 0)
			continue;
		closure_add(c, inits[i], true);
		return;
	}
	(void)note(w, "/sbin/init", LABEL_STATE_NO_FILE);
}

/* False: it is no list; why says so. */
static bool add_critical(const struct walk *w, struct closure *c, int root, struct why *why)
{
	const char *line, *error;
	struct critical list;
	char path[PATH_MAX];
	unsigned at;
	size_t len;

	if (!w->about->critical)
		return true;
	if (!critical_parse(w->about->critical, w->about->critical_len, &list, &at, &error)) {
		why_set(why, WHY_TEXT, at, "preflight", CRITICAL_PATH);
		why_detail(why, error);
		return false;
	}
	w->ret->has_list = true;
	w->ret->stale = list.stamp != critical_stamp(root);
	while (critical_next(&list, &line, &len)) {
		memcpy(path, line, len); /* shorter than PATH_MAX */
		path[len] = '\0';
		closure_add(c, path, false);
	}
	return true;
}

/* One examiner is enough, and it is large. */
static struct examiner *examiner_for(const struct preflight_about *about)
{
	static struct examiner e;

	e = (struct examiner){ .about = about->examine, .prover = about->prover };
	return &e;
}

enum outcome preflight_run(int root, const struct preflight_about *about, struct preflight *ret, struct why *why)
{
	struct walk w = { .about = about, .ret = ret, .examiner = examiner_for(about), .essential = true };
	struct closure *c = closure_begin(root, visit, &w);
	bool ok = c != NULL;

	*ret = (struct preflight){ 0 };
	if (ok) {
		add_init(&w, c, root);
		ok = closure_walk(c);
		w.essential = false;
		if (!add_critical(&w, c, root, why)) {
			closure_free(&c);
			return OUTCOME_BROKEN;
		}
		(void)closure_walk(c); /* a damaged program of the list is judged by its label like all others */
		closure_free(&c);
	}
	for (size_t i = 0; i < ret->count; i++) {
		if (label_state_good(ret->file[i].state))
			continue;
		why_set(why, WHY_LABEL, ret->file[i].state, "label", ret->file[i].path);
		why_detail(why, label_state_name(ret->file[i].state));
		return OUTCOME_REFUSED;
	}
	if (ok && !w.broken && ret->count)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "preflight", "init");
	why_detail(why, "not all files could be looked at");
	return OUTCOME_BROKEN;
}

/* What we find wrong with a file that the kernel denies; if nothing, it is the HMAC. */
static enum label_state why_denied(int fd, const char *path, const struct preflight_about *about)
{
	const struct walk w = { .about = about, .examiner = examiner_for(about) };
	const struct hook *hook;
	bool mapped;
	enum label_state s = examine(&w, fd, path, &hook, &mapped);

	return label_state_good(s) ? LABEL_STATE_INVALID_HMAC : s;
}

static enum label_state prove(int root, const char *path, const struct preflight_about *about)
{
	CLEAN_FD fd = -1;
	void *p;

	if (file_open_in_root(root, path, &fd) < 0)
		return LABEL_STATE_UNREADABLE;
	p = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno == EACCES ? why_denied(fd, path, about) : LABEL_STATE_UNREADABLE;
	(void)munmap(p, 1); /* a mapping of ours: cannot fail */
	return LABEL_STATE_GOOD;
}

enum outcome preflight_prove(int root, const struct preflight_about *about, struct preflight *p, struct why *why)
{
	enum outcome o = OUTCOME_OK;

	for (size_t i = 0; i < p->count; i++) {
		struct preflight_file *f = &p->file[i];

		if (!f->mapped)
			continue;
		f->state = prove(root, f->path, about);
		if (label_state_good(f->state))
			continue;
		p->bad++;
		if (o == OUTCOME_OK) {
			why_set(why, WHY_LABEL, f->state, "start", f->path);
			why_detail(why, label_state_name(f->state));
			o = OUTCOME_REFUSED;
		}
	}
	return o;
}

bool preflight_modules_compressed(int root, const char *release)
{
	char path[128], head[4096];
	CLEAN_FD fd = -1;
	ssize_t n;

	/* "kernel/drivers/...ko.xz: ..." lines; the first ones tell */
	(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release); /* release is short */
	if (file_open_in_root(root, path, &fd) < 0)
		return false;
	n = pread(fd, head, sizeof(head) - 1, 0);
	head[n > 0 ? n : 0] = '\0';
	return strstr(head, ".ko.") != NULL;
}
