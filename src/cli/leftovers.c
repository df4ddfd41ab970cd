#include "cli/leftovers.h"

#include "base/file.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

struct counters {
	uint32_t index[2 * SEAL_SLOTS_MAX];
	size_t count;
};

static bool has(const struct counters *c, uint32_t index)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->index[i] == index)
			return true;
	return false;
}

/* Of path and suffix; false: it cannot be read. */
static bool named_by(const char *path, const char *suffix, struct counters *c)
{
	CLEAN_FREE char *text = NULL;
	static struct seal s;
	char name[PATH_MAX];
	size_t len;

	if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >= sizeof(name) ||
	    file_read(AT_FDCWD, name, SEAL_FILE_MAX, &text, &len) < 0 ||
	    seal_file_parse(name, text, len, &s, NULL) != OUTCOME_OK)
		return false;
	for (size_t i = 0; i < s.slots && c->count < sizeof(c->index) / sizeof(c->index[0]); i++)
		if (!has(c, s.slot[i].object.counter))
			c->index[c->count++] = s.slot[i].object.counter;
	return true;
}

/* What counts, and what did; false: nothing is known of what counts, so nothing may go. */
static bool look(const char *path, struct counters *live, struct counters *old)
{
	if (!named_by(path, "", live) || live->count == 0)
		return false;
	(void)named_by(path, ".old", old); /* may not be there */
	(void)named_by(path, ".new", old);
	return true;
}

/* Only who has the key can count it up; one that is to go may count. */
static bool obeys(struct tpm *t, uint32_t index, const struct secret *master)
{
	SECRET auth = { 0 };

	return counter_auth_of(master, &auth, NULL) == OUTCOME_OK && tpm_counter_increment(t, index, &auth, NULL) == OUTCOME_OK;
}

enum outcome leftovers_drop(struct tpm *t, const char *path, const struct secret *master, struct why *why)
{
	struct counters live = { 0 }, old = { 0 };
	uint32_t there[TPM_COUNTERS_MAX];
	size_t count;
	enum outcome o;

	if (!look(path, &live, &old))
		return OUTCOME_OK;
	o = tpm_counters(t, there, TPM_COUNTERS_MAX, &count, why);
	for (size_t i = 0; o == OUTCOME_OK && i < count; i++)
		if (!has(&live, there[i]) && (has(&old, there[i]) || (master && obeys(t, there[i], master))))
			o = tpm_counter_undefine(t, there[i], why);
	return o;
}

enum outcome leftovers_drop_named(const char *path, unsigned wait, struct why *why)
{
	struct counters live = { 0 }, old = { 0 };
	struct tpm *t = NULL;
	enum outcome o;
	bool any = false;

	if (!look(path, &live, &old))
		return OUTCOME_OK;
	for (size_t i = 0; i < old.count; i++)
		any |= !has(&live, old.index[i]);
	if (!any)
		return OUTCOME_OK;
	o = tpm_open(NULL, wait, &t, why);
	if (o == OUTCOME_OK)
		o = leftovers_drop(t, path, NULL, why);
	tpm_close(&t);
	return o == OUTCOME_ABSENT ? OUTCOME_OK : o; /* no TPM, no counters */
}
