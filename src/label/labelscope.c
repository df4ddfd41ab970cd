#include "label/labelscope.h"

#include <string.h>

bool label_scope_code(const char *path, const char *name, const struct inode *inode)
{
	return (inode->mode & 0111) || strstr(name, ".so") || strstr(path, "/lib/modules/") || strstr(path, "/lib/firmware/") ||
	       strstr(path, "/boot/");
}

bool label_scope_reads(const struct examine_about *a)
{
	for (size_t i = 0; i < a->rules_count; i++) {
		const struct rule *r = &a->rules[i];

		if ((r->action == ACT_APPRAISE || (r->has & RULE_VERITY)) && (r->func == FUNC_NONE || r->func == FUNC_FILE_CHECK))
			return true;
	}
	return false;
}

static struct match at(const struct examine_about *a, const struct match_file *file, enum rule_func func, unsigned mask)
{
	const struct match_event event = { func, mask, file, a->cred, NULL };
	struct match m;

	policy_match(a->rules, a->rules_count, &event, &m);
	return m;
}

struct label_scope label_scope_of(const struct examine_about *a, const char *path, const struct inode *inode, bool is_elf)
{
	const struct evidence_file found = { .is_elf = is_elf };
	unsigned scope = examine_scope(path, inode, &found);
	struct label_scope ret = { false, false, false };
	struct match_file file;

	inode_match_file(inode, &file);
	for (unsigned i = 0; hook_at(i); i++) {
		struct match m;

		if (!(scope >> i & 1))
			continue;
		m = at(a, &file, hook_at(i)->func, hook_at(i)->mask);
		ret.content |= m.appraises && !(m.demands & RULE_VERITY);
		ret.verity |= m.appraises && (m.demands & RULE_VERITY);
		ret.measured |= m.measures && (m.demands & RULE_VERITY);
	}
	return ret;
}

/* Source: ima_policy.c, "hash"; ima_main.c, ima_check_last_writer(), which writes the label when the file is closed. */
static bool kernel_labels(const struct examine_about *a, const struct match_file *file)
{
	const struct match m = at(a, file, FUNC_FILE_CHECK, MASK_WRITE);

	return m.hashes || m.appraises;
}

bool label_scope_denies_new(const struct examine_about *a, const char *path, const struct inode *inode, bool is_elf)
{
	const struct evidence_file found = { .is_elf = is_elf };
	unsigned scope = examine_scope(path, inode, &found);
	struct match_file file;
	bool labelled;

	inode_match_file(inode, &file);
	labelled = kernel_labels(a, &file);
	for (unsigned i = 0; hook_at(i); i++) {
		struct match m;

		if (!(scope >> i & 1))
			continue;
		m = at(a, &file, hook_at(i)->func, hook_at(i)->mask);
		if (m.appraises && (!labelled || m.demands & (RULE_IMASIG | RULE_SIGV3 | RULE_VERITY)))
			return true;
	}
	return false;
}
