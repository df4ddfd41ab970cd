#include "gate/fleet.h"

#include "base/file.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- files ------------------------------------------------------------------------------------ */

void fleet_add(int root, const char *path, struct fleet *f)
{
	struct fleet_file *file = &f->file[f->files];
	CLEAN_FD fd = -1;

	/* what cannot be read has signed nothing: that is said where it matters */
	if (f->files < FLEET_FILES && file_open_in_root(root, path, &fd) == 0 &&
	    file_read_fd(fd, PCRSIG_FILE_MAX, &file->text, &file->len) == 0) {
		file->path = path;
		f->files++;
	}
}

enum outcome fleet_load(int root, const struct config *c, struct fleet *ret, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	enum outcome o;
	size_t len;
	int r;

	*ret = (struct fleet){ .epoch = c->pcr_epoch };
	if (!*c->pcr_public_key)
		return OUTCOME_OK;
	r = file_read(root, c->pcr_public_key, POLICYKEY_FILE_MAX, &text, &len);
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", c->pcr_public_key);
		return OUTCOME_BROKEN;
	}
	o = policykey_read_all(c->pcr_public_key, text, len, ret->key, FLEET_KEYS, &ret->keys, why);
	if (o != OUTCOME_OK)
		return ret->keys = 0, o;
	fleet_add(root, FLEET_STUB_PATH, ret);
	fleet_add(root, FLEET_SYSTEMD_PATH, ret);
	fleet_add(root, c->pcr_signature, ret);
	return OUTCOME_OK;
}

void fleet_free(struct fleet *f)
{
	for (size_t i = 0; i < f->files; i++)
		free(f->file[i].text);
	*f = (struct fleet){ .keys = 0 };
}

/* -- branches of a policy ----------------------------------------------------------------------- */

void fleet_wanted(const struct fleet *f, struct seal_signer *ret)
{
	policykey_signer(&f->key[0], f->epoch, ret);
}

static bool is_branch(const struct policykey *k, unsigned epoch, const struct seal_object *o)
{
	uint8_t branch[PCRSIG_DIGEST_LEN];
	bool ok = pcrsig_branch(k->name, epoch, digest_hash, NULL, branch);

	for (size_t i = 0; ok && i < o->branches; i++)
		if (!memcmp(o->branch[i], branch, SEAL_BRANCH_LEN))
			return true;
	return false;
}

bool fleet_is_named(const struct fleet *f, const struct seal_object *o)
{
	return is_branch(&f->key[0], f->epoch, o);
}

/* An epoch after the wanted one that it names, by the same key; 0: none. The configuration is then an older image's, or the
 * seal was made for the next. */
static unsigned later_epoch(const struct fleet *f, const struct seal_object *o)
{
	for (unsigned e = f->epoch + 1; o->branches && e <= f->epoch + FLEET_LATER && e <= PCRSIG_EPOCH_MAX; e++)
		if (is_branch(&f->key[0], e, o))
			return e;
	return 0;
}

/* -- signatures --------------------------------------------------------------------------------- */

struct search {
	const struct fleet *f;
	struct tpm *t;
	struct chip_state *c;
	struct seal_object *o;     /* NULL: is it signed by the wanted one at all? */
	struct pcr_selection pcrs; /* whose values policy is for; and, where found, which were signed */
	uint8_t policy[PCRSIG_DIGEST_LEN];
	bool signed_now, found;
	struct why ignored; /* of what does not matter: a bank that is not there */
};

static const struct policykey *key_of(const struct fleet *f, const struct pcrsig *s)
{
	for (size_t i = 0; i < f->keys; i++)
		if (!memcmp(f->key[i].fingerprint, s->key, PCRSIG_DIGEST_LEN))
			return &f->key[i];
	return NULL;
}

/* Are the values of now those that s is about? */
static bool is_now(struct search *q, const struct pcrsig *s)
{
	if (q->pcrs.bank != s->pcrs.bank || q->pcrs.mask != s->pcrs.mask) {
		q->pcrs = (struct pcr_selection){ 0 };
		if (chip_ask(q->t, &s->pcrs, q->c, &q->ignored) != OUTCOME_OK || !pcrsig_policy(&s->pcrs, q->c->digest, digest_hash, NULL, q->policy))
			return false; /* a bank that this TPM does not have, as like as not */
		q->pcrs = s->pcrs;
	}
	return !memcmp(q->policy, s->policy, PCRSIG_DIGEST_LEN);
}

static bool take(struct search *q, const struct policykey *k, unsigned epoch, const struct signature *sig)
{
	if (sig->len == 0)
		return false;
	if (!q->o)
		return k == &q->f->key[0] && epoch == q->f->epoch;
	if (!is_branch(k, epoch, q->o) || policykey_approval(k, epoch, sig, &q->o->approval, &q->ignored) != OUTCOME_OK)
		return false;
	q->o->pcrs = q->pcrs;
	memcpy(q->o->pcr_digest, q->c->digest, q->c->digest_len);
	q->o->pcr_digest_len = q->c->digest_len;
	return true;
}

static void look(const struct pcrsig *s, void *arg)
{
	struct search *q = arg;
	const struct policykey *k = q->found ? NULL : key_of(q->f, s);

	if (!k || !is_now(q, s))
		return;
	q->signed_now = true;
	q->found = (s->epoch && take(q, k, s->epoch, &s->epochal)) || take(q, k, 0, &s->plain);
}

static enum outcome not_found(const struct search *q, bool malformed, struct why *why)
{
	if (malformed)
		return OUTCOME_REFUSED; /* said already */
	why_set(why, WHY_TEXT, 0, "compare", "PCRs");
	why_detail(why, q->signed_now ? "these PCR values are signed, but not by the key and epoch that this seal is bound to: the image is too "
	                                "old for it (revoked), or too new: sign it for that epoch, too, with 'imagate pcr-policy sign'"
	           : q->f->files ? "neither sealed to nor signed: no signature by the key of [tpm] pcr-public-key for these PCR values; is the "
	                           "file of signatures this image's? See 'imagate pcr-policy show'"
	                         : "not those that were sealed to, and there is no file of signatures for others: " FLEET_STUB_PATH
	                           " or [tpm] pcr-signature");
	return OUTCOME_REFUSED;
}

static enum outcome search(struct search *q, struct why *why)
{
	const char *error;
	unsigned line;
	bool malformed = false;

	for (size_t i = 0; !q->found && i < q->f->files; i++) {
		const struct fleet_file *file = &q->f->file[i];

		if (pcrsig_each(file->text, file->len, look, q, &line, &error))
			continue;
		malformed = true;
		why_set(why, WHY_TEXT, line, "read", file->path);
		why_detail(why, error);
	}
	return q->found ? OUTCOME_OK : not_found(q, malformed, why);
}

enum outcome fleet_approve(const struct fleet *f, struct tpm *t, struct chip_state *c, struct seal_object *o, struct why *why)
{
	struct search q = { .f = f, .t = t, .c = c, .o = o };

	o->approval.signature_len = 0;
	o->resets = 0;
	return search(&q, why);
}

enum outcome fleet_has_signed(const struct fleet *f, struct tpm *t, struct chip_state *c, struct pcr_selection *ret_pcrs,
                              struct why *why)
{
	struct search q = { .f = f, .t = t, .c = c };
	enum outcome o = search(&q, why);

	*ret_pcrs = q.pcrs;
	return o;
}

/* Of all that have signed something: whom does it name? An epoch that is in no file has nothing to open it with anyway. */
struct naming {
	const struct fleet *f;
	const struct seal_object *o;
	struct seal_signer *ret;
	bool found;
};

static void name(const struct pcrsig *s, void *arg)
{
	struct naming *n = arg;
	const struct policykey *k = n->found ? NULL : key_of(n->f, s);

	if (!k || !s->epoch || !is_branch(k, s->epoch, n->o))
		return;
	policykey_signer(k, s->epoch, n->ret);
	n->found = true;
}

static bool named(const struct fleet *f, const struct seal_object *o, struct seal_signer *ret)
{
	struct naming n = { f, o, ret, false };
	const char *error;
	unsigned line;

	for (size_t i = 0; !n.found && i < f->keys; i++) {
		n.found = is_branch(&f->key[i], 0, o);
		if (n.found)
			policykey_signer(&f->key[i], 0, ret);
	}
	for (size_t i = 0; !n.found && i < f->files; i++)
		(void)pcrsig_each(f->file[i].text, f->file[i].len, name, &n, &line, &error); /* a bad one was said, or will be */
	return n.found;
}

bool fleet_moves(const struct fleet *f, struct tpm *t, struct chip_state *c, const struct seal_object *used)
{
	struct pcr_selection pcrs;

	return f->keys && !fleet_is_named(f, used) && !later_epoch(f, used) && fleet_has_signed(f, t, c, &pcrs, NULL) == OUTCOME_OK;
}

bool fleet_next(const struct fleet *f, struct tpm *t, const struct seal_object *used, struct seal_signer *ret, bool *ret_moves)
{
	struct chip_state c = { 0 };
	unsigned later;

	*ret_moves = fleet_moves(f, t, &c, used);
	if (f->keys == 0)
		return false;
	later = later_epoch(f, used);
	if (later)
		policykey_signer(&f->key[0], later, ret);
	else if (*ret_moves || fleet_is_named(f, used) || !named(f, used, ret))
		fleet_wanted(f, ret);
	return true;
}
