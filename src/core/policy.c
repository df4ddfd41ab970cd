#include "core/policy.h"

#include "core/text.h"

#include <string.h>

static const char *const actions[] = {
	"measure", "dont_measure", "appraise", "dont_appraise", "audit", "dont_audit", "hash", "dont_hash",
};

void policy_begin(struct policy_iter *it, const char *text, size_t len)
{
	*it = (struct policy_iter){ .next = text, .end = text + len };
}

bool policy_next(struct policy_iter *it, const char **ret_rule, size_t *ret_len)
{
	struct text t = { it->next, it->end };

	while (text_line(&t, ret_rule, ret_len)) {
		it->line++;
		text_trim(ret_rule, ret_len);
		if (*ret_len && **ret_rule != '#') {
			it->next = t.next;
			return true;
		}
	}
	it->next = it->end;
	return false;
}

static bool is_action(const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (text_is(p, len, actions[i]))
			return true;
	return false;
}

bool policy_rule_ok(const char *rule, size_t len, const char **ret_error)
{
	struct text t = { rule, rule + len };
	const char *word;
	size_t word_len;

	if (len > POLICY_RULE_MAX)
		*ret_error = "the line is longer than the kernel takes (4094 bytes)";
	else if (memchr(rule, '\0', len))
		*ret_error = "a NUL byte: this is no text file";
	else if (len && *rule == '/')
		*ret_error = "a path: the kernel would read that file instead; write the rule itself";
	else if (!text_word(&t, &word, &word_len) || !is_action(word, word_len))
		*ret_error = "a rule begins with measure, appraise, audit, hash or their dont_ forms";
	else
		return true;
	return false;
}

bool policy_epoch(const char *text, size_t len, unsigned *ret, unsigned *ret_line)
{
	static const char word[] = "imagate-epoch:";
	struct text t = { text, text + len };
	const char *line;
	size_t line_len;

	*ret = 0;
	for (*ret_line = 1; text_line(&t, &line, &line_len); (*ret_line)++) {
		if (!line_len || *line != '#')
			continue;
		line++;
		line_len--;
		text_trim(&line, &line_len);
		if (!text_begins(line, line_len, word))
			continue;
		line += sizeof(word) - 1;
		line_len -= sizeof(word) - 1;
		text_trim(&line, &line_len);
		if (*ret || !text_number(line, line_len, POLICY_EPOCH_MAX, ret) || *ret == 0)
			return false;
	}
	return true;
}
