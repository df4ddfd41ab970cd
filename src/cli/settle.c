#include "cli/settle.h"

#include "base/clean.h"
#include "base/file.h"
#include "cli/approving.h"
#include "cli/asking.h"
#include "cli/verb.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Of the selection that this generation's slots are bound to. */
static enum outcome digest_of_now(const struct approving *a, struct tpm *t, uint8_t ret[static 32], struct why *why)
{
	uint8_t values[24 * SEAL_DIGEST_MAX];
	struct part all = { values, 0 };
	enum outcome o;

	for (size_t i = 0; i < a->seal.slots; i++) {
		const struct seal_object *x = &a->seal.slot[i].object;

		if (x->generation != a->generation || !x->pcrs.mask)
			continue;
		o = tpm_pcr_read(t, &x->pcrs, values, sizeof(values), &all.len, why);
		return o == OUTCOME_OK ? digest_parts(&all, 1, ret, why) : o;
	}
	return OUTCOME_ABSENT;
}

static enum outcome drop(struct approving *a, struct tpm *t, const struct record *r, struct settled *ret, struct why *why)
{
	uint32_t resets = 0;
	uint8_t now[32];
	enum outcome o = digest_of_now(a, t, now, why);

	if (o != OUTCOME_OK)
		return o == OUTCOME_ABSENT ? OUTCOME_OK : o;
	o = tpm_resets(t, &resets, why);
	if (o != OUTCOME_OK)
		return o;
	ret->suspended = !r->suspended && approving_end_suspension(a, resets); /* first: the other drops some of these, too */
	ret->dropped = approving_superseded(&a->seal, a->generation, r->decision.stage, r->foreseen, now);
	if (!ret->dropped && !ret->suspended)
		return OUTCOME_OK;
	/* somebody may have kept a copy of the file. Asked first: a power cut then costs one count, and does not spare the copy */
	if (asking_count_up(r->evidence.key.floor) != IMAGATE_OK) {
		why_set(why, WHY_TEXT, 0, "ask", "for counting up");
		return OUTCOME_BROKEN;
	}
	return approving_store(a, why);
}

enum outcome settle_slots(const struct config *c, const struct record *r, struct settled *ret, struct why *why)
{
	static struct approving a;
	struct tpm *t = NULL;
	CLEAN_FD lock = -1;
	enum outcome o;

	*ret = (struct settled){ 0 };
	a.path = c->seal;
	o = file_exists(AT_FDCWD, c->seal) ? asking_key(&a.generation, &a.request, why) : OUTCOME_ABSENT;
	if (o != OUTCOME_OK)
		return o == OUTCOME_ABSENT ? OUTCOME_OK : o;
	lock = approving_lock(c->seal);
	if (lock < 0) {
		why_set(why, WHY_ERRNO, errno, "lock", c->seal);
		o = OUTCOME_BROKEN;
	}
	if (o == OUTCOME_OK)
		o = approving_read(&a, why);
	if (o == OUTCOME_OK && a.seal.slots > 1)
		o = tpm_open(NULL, c->tpm_wait, &t, why);
	if (o == OUTCOME_OK && t)
		o = drop(&a, t, r, ret, why);
	tpm_close(&t);
	secret_wipe(&a.request);
	return o;
}
