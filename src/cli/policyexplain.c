/* 'imagate policy explain PATH': each hook, the rule that decides, and what the kernel will do. */
#include "cli/judging.h"
#include "cli/policy.h"

#include "base/clean.h"
#include "base/log.h"
#include "core/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

struct explained {
	const struct policy_wish *w;
	const struct judging *j;
	struct inode inode;
	struct evidence_file found;
	struct json_object *list; /* NULL: text */
	bool denied;
};

static unsigned line_of(const struct judging *j, int rule)
{
	return rule < 0 ? 0 : j->lint.rules[rule].line;
}

static void print_hook(const struct explained *e, const struct hook *h, const struct examine_verdict *v)
{
	(void)printf("  %-22s", h->words);
	if (v->appraised)
		(void)printf("%s: %s (line %u)", label_state_good(v->state) ? "allowed" : "DENIED", label_state_name(v->state),
		             line_of(e->j, v->rule));
	else if (v->rule >= 0)
		(void)printf("not appraised (line %u)", line_of(e->j, v->rule));
	else
		(void)printf("not appraised (no rule)");
	if (v->measured)
		(void)printf(", measured (line %u)", line_of(e->j, v->measure_rule));
	(void)puts(v->unsure ? ", if its label matches" : "");
}

static void add_hook(const struct explained *e, const struct hook *h, const struct examine_verdict *v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "hook", json_object_new_string(rule_func_name(h->func)));
	json_object_object_add(o, "when", json_object_new_string(h->words));
	json_object_object_add(o, "appraised", json_object_new_boolean(v->appraised));
	json_object_object_add(o, "measured", json_object_new_boolean(v->measured));
	json_object_object_add(o, "line", json_object_new_int((int)line_of(e->j, v->rule)));
	if (v->appraised) {
		json_object_object_add(o, "allowed", json_object_new_boolean(label_state_good(v->state)));
		json_object_object_add(o, "cause", json_object_new_string(label_state_name(v->state)));
	}
	json_object_array_add(e->list, o);
}

static void each_hook(struct explained *e)
{
	unsigned scope = examine_scope(e->w->path, &e->inode, &e->found);
	struct match_file file;

	inode_match_file(&e->inode, &file);
	for (unsigned i = 0; hook_at(i); i++) {
		struct examine_verdict v;

		examine_judge(&e->j->about, &file, &e->found, hook_at(i), &v);
		/* what is never done to such a file is no news */
		e->denied |= (scope >> i & 1) && v.appraised && !label_state_good(v.state);
		if (e->list)
			add_hook(e, hook_at(i), &v);
		else
			print_hook(e, hook_at(i), &v);
	}
}

static const char *kind(const struct evidence_file *f)
{
	static const char *const kinds[] = { [1] = "a hash (md5 or sha1)", [3] = "an IMA signature", [4] = "a hash",
		[6] = "an fs-verity signature" };

	return f->ima_len == 0 ? "none" : f->ima_head[0] < 7 && kinds[f->ima_head[0]] ? kinds[f->ima_head[0]] : "unknown bytes";
}

static int look(struct explained *e)
{
	struct prover prover = { 0 };
	static struct examiner examiner;
	struct why why = { 0 };
	char text[512];
	CLEAN_FD fd = open(e->w->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	enum outcome o;
	int r;

	if (fd < 0 || (r = inode_read(fd, &examiner.fs, &e->inode)) < 0) {
		log_error("%s: %s", e->w->path, fd < 0 ? strerror(errno) : r == -EINVAL ? "not a regular file" : strerror(-r));
		return IMAGATE_USAGE;
	}
	examiner.about = &e->j->about;
	examiner.prover = &prover;
	o = prover_open(e->j->keys, &prover, &why);
	if (o == OUTCOME_OK)
		o = examine_file(&examiner, fd, e->w->path, &e->inode, &e->found, &why);
	prover_close(&prover);
	if (o == OUTCOME_OK) {
		if (!e->list)
			(void)printf("%s: on %s, owner %u, label: %s\n", e->w->path, *e->inode.fs->name ? e->inode.fs->name : "?",
			             e->inode.uid, kind(&e->found));
		each_hook(e);
		return e->denied ? IMAGATE_NOT_ADMITTED : IMAGATE_OK;
	}
	why_format(&why, text, sizeof(text));
	log_error("%s: %s", e->w->path, text);
	return IMAGATE_FAILED;
}

int policy_explain(const struct policy_wish *w)
{
	static struct judging j;
	const struct judging_wish wish = {
		.config = "/etc/imagate/imagate.conf", .policy = w->file_given ? w->file : NULL, .evm_key_fd = -1, .evm = -1,
		.kernel = w->about.kernel,
	};
	struct explained e = { .w = w, .j = &j, .list = w->json ? json_object_new_array() : NULL };
	int r = judging_begin(&wish, &j);

	if (r == IMAGATE_OK)
		r = look(&e);
	if (e.list && (r == IMAGATE_OK || r == IMAGATE_NOT_ADMITTED))
		(void)puts(json_object_to_json_string_ext(e.list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(e.list);
	judging_end(&j);
	return r;
}
