#include "core/cmdline.h"

#include "core/text.h"

#include <string.h>

/* lib/ctype.c: isspace() of the kernel, ASCII part and the no-break space */
static bool space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

void cmdline_begin(struct cmdline_iter *it, const char *text, size_t len)
{
	const char *nul = memchr(text, '\0', len);

	*it = (struct cmdline_iter){ .next = text, .end = nul ? nul : text + len };
}

/* lib/cmdline.c, next_arg(): a quote toggles anywhere; the value loses a quote in front and
 * one behind, and so does a word that began with one. */
static const char *scan_word(const struct cmdline_iter *it, const char **ret_equals, bool *ret_quoted)
{
	const char *p = it->next;
	bool in_quote = false;

	*ret_equals = NULL;
	*ret_quoted = *p == '"';
	if (*ret_quoted) {
		p++;
		in_quote = true;
	}
	for (const char *start = p; p < it->end; p++) {
		if (space(*p) && !in_quote)
			break;
		if (*p == '=' && !*ret_equals && p != start)
			*ret_equals = p;
		if (*p == '"')
			in_quote = !in_quote;
	}
	return p;
}

bool cmdline_next(struct cmdline_iter *it, struct cmdline_word *ret)
{
	const char *end, *equals;
	bool quoted;

	while (it->next < it->end && space(*it->next))
		it->next++;
	if (it->next == it->end)
		return false;
	end = scan_word(it, &equals, &quoted);
	*ret = (struct cmdline_word){ .name = it->next + quoted };
	ret->name_len = (size_t)((equals ? equals : end) - ret->name);
	it->next = end;
	if (equals) {
		ret->value = equals + 1;
		ret->value_len = (size_t)(end - ret->value);
		if (ret->value_len && *ret->value == '"') {
			ret->value++;
			ret->value_len--;
			if (ret->value_len && ret->value[ret->value_len - 1] == '"')
				ret->value_len--;
		}
	}
	if (quoted && end[-1] == '"') {
		size_t *len = equals ? &ret->value_len : &ret->name_len;

		if (*len && (equals ? ret->value : ret->name)[*len - 1] == '"')
			(*len)--;
	}
	return true;
}

static char dash(char c)
{
	return c == '-' ? '_' : c;
}

bool cmdline_name_is(const struct cmdline_word *w, const char *name)
{
	if (w->name_len != strlen(name))
		return false;
	for (size_t i = 0; i < w->name_len; i++)
		if (dash(w->name[i]) != dash(name[i]))
			return false;
	return true;
}

/* False: it did not fit, and the field holds what did. */
static bool copy_value(const struct cmdline_word *w, char *ret, size_t size)
{
	size_t n = w->value_len < size ? w->value_len : size - 1;

	if (w->value)
		memcpy(ret, w->value, n);
	ret[n] = '\0';
	return n == w->value_len;
}

/* Words that cannot matter: what is shown and where, what the boot loader says of itself, how a
 * machine that hangs comes back. imagate's own and ima_appraise= are judged by themselves. */
static const char *const harmless[] = {
	"quiet", "splash", "nosplash", "loglevel", "console", "earlyprintk", "BOOT_IMAGE", "initrd", "ro", "rw",
	"imagate.stage", "imagate.trial", "imagate.rescue", "ima_appraise", "panic", "systemd.crash_reboot",
	"systemd.show_status", "vt.handoff", "fbcon", "logo.nologo",
};

static bool listed(const struct cmdline_word *w, const char *words)
{
	struct text t = { words, words + strlen(words) };
	const char *p;
	size_t len;
	char name[64];

	while (text_word(&t, &p, &len)) {
		if (len >= sizeof(name))
			continue;
		memcpy(name, p, len);
		name[len] = '\0';
		if (cmdline_name_is(w, name))
			return true;
	}
	return false;
}

static bool matters(const struct cmdline_word *w, const char *words)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (cmdline_name_is(w, harmless[i]))
			return false;
	return !listed(w, words);
}

struct normal {
	char *p;
	size_t left;
	bool ok;
};

static void put(struct normal *n, const char *p, size_t len, bool name)
{
	n->ok = n->ok && len < n->left;
	for (size_t i = 0; n->ok && i < len; i++, n->left--)
		*n->p++ = name ? dash(p[i]) : p[i];
}

size_t cmdline_normal(const char *text, size_t len, const char *words, char *ret, size_t size)
{
	struct normal n = { ret, size, true };
	struct cmdline_iter it;
	struct cmdline_word w;
	bool init = false; /* behind "--" everything is init's, and counts */

	cmdline_begin(&it, text, len);
	while (cmdline_next(&it, &w)) {
		init = init || (!w.value && text_is(w.name, w.name_len, "--"));
		if (!init && !matters(&w, words))
			continue;
		put(&n, w.name, w.name_len, true);
		if (w.value) {
			put(&n, "=", 1, false);
			put(&n, w.value, w.value_len, false);
		}
		put(&n, "\n", 1, false);
	}
	if (n.ok && n.p == ret)
		put(&n, "\n", 1, false);
	return n.ok ? (size_t)(n.p - ret) : 0;
}

/* Only to say what an unknown word could do; the digest is what decides. */
static const struct {
	const char *name, *what;
} hostile[] = {
	{ "init", "starts another program than init" },
	{ "rdinit", "starts another program than the initramfs's init" },
	{ "rd.break", "gives a shell in the initramfs" },
	{ "rd.shell", "gives a shell in the initramfs" },
	{ "rd.debug", "prints what the initramfs does" },
	{ "rd.systemd.mask", "keeps a unit of the initramfs from running" },
	{ "rd.systemd.unit", "starts another target in the initramfs" },
	{ "rd.systemd.debug_shell", "gives a shell in the initramfs" },
	{ "systemd.mask", "keeps a unit from running" },
	{ "systemd.unit", "starts another target" },
	{ "systemd.debug_shell", "gives a root shell without a password" },
	{ "systemd.wants", "starts a unit that nobody sealed" },
	{ "systemd.run", "runs a command as root" },
	{ "systemd.setenv", "changes the environment of every service" },
	{ "emergency", "gives a shell instead of the system" },
	{ "rescue", "gives a shell instead of the system" },
	{ "single", "gives a shell instead of the system" },
	{ "ima_policy", "loads another IMA policy" },
	{ "ima", "switches IMA off" },
	{ "evm", "changes what EVM accepts" },
	{ "lsm", "changes which security modules are active" },
	{ "security", "changes which security modules are active" },
	{ "module.sig_enforce", "changes which modules are loaded" },
	{ "lockdown", "changes what root may do to the kernel" },
};

bool cmdline_hostile(const char *text, size_t len, struct cmdline_word *ret, const char **ret_what)
{
	struct cmdline_iter it;

	cmdline_begin(&it, text, len);
	while (cmdline_next(&it, ret)) {
		for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
			*ret_what = hostile[i].what;
			if (cmdline_name_is(ret, hostile[i].name))
				return true;
		}
	}
	return false;
}

static void take_stage(const struct cmdline_word *w, struct cmdline *c)
{
	/* too long for the field is no stage either */
	bool whole = copy_value(w, c->stage_word, sizeof(c->stage_word));

	c->stage = whole ? stage_from_name(c->stage_word) : STAGE_UNSET;
	c->stage_bad = c->stage == STAGE_UNSET;
}

static void take_word(const struct cmdline_word *w, struct cmdline *c)
{
	bool fits = true;

	if (cmdline_name_is(w, "imagate.stage")) {
		take_stage(w, c);
	} else if (cmdline_name_is(w, "imagate.rescue")) {
		c->rescue = true;
	} else if (cmdline_name_is(w, "imagate.trial")) {
		c->trial = true;
		c->trial_left = w->value && w->value_len == 1 && *w->value >= '0' && *w->value <= '9'
		                ? (unsigned)(*w->value - '0') : 10;
	} else if (cmdline_name_is(w, "ima_appraise") && w->value) {
		/* the kernel looks at seven characters at most */
		(void)copy_value(w, c->appraise, sizeof(c->appraise));
	} else if (cmdline_name_is(w, "lsm") && w->value) {
		c->has_lsm = true;
		fits = copy_value(w, c->lsm, sizeof(c->lsm));
	} else if (cmdline_name_is(w, "evm") && w->value) {
		c->evm_fix = c->evm_fix || text_begins(w->value, w->value_len, "fix");
	} else if (cmdline_name_is(w, "ima_policy") || cmdline_name_is(w, "ima_tcb") ||
	           cmdline_name_is(w, "ima_appraise_tcb")) {
		c->ima_policy = true;
	} else if (cmdline_name_is(w, "init") && w->value) {
		fits = copy_value(w, c->init, sizeof(c->init));
	}
	if (!fits)
		c->truncated = true;
}

void cmdline_parse(const char *text, size_t len, struct cmdline *ret)
{
	struct cmdline_iter it;
	struct cmdline_word w;

	memset(ret, 0, sizeof(*ret));
	/* /proc/cmdline ends in a newline, which is a blank */
	cmdline_begin(&it, text, len);
	while (cmdline_next(&it, &w)) {
		if (!w.value && text_is(w.name, w.name_len, "--"))
			break; /* the rest is init's */
		take_word(&w, ret);
	}
}
