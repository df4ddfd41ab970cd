#include "gate/heal.h"

#include "base/file.h"
#include "base/log.h"
#include "core/advice.h"
#include "crypto/crypto.h"
#include "crypto/signer.h"
#include "gate/rootstate.h"
#include "gate/trusted.h"
#include "kernel/evm.h"
#include "label/labeller.h"

#include <string.h>

bool heal_is_on(const struct boot *b)
{
	return b->has_config && file_exists(b->root, b->config.x509_catalogue);
}

/* With these files as they should be: would the key be used, without anybody's leave? A label is a use of it. */
static bool key_would_be_used(const struct boot *b)
{
	struct stance s = boot_stance(b);
	struct evidence e = b->record.evidence;
	struct decision d;

	e.outcome[STEP_PREFLIGHT] = OUTCOME_OK;
	d = decide(&s, &e);
	return d.use_key && d.verdict != VERDICT_STOP && e.key.authority == AUTHORITY_NONE && b->master.len;
}

struct asked {
	const struct catalogues *catalogues;
	int root;
	bool revoked; /* the content that was asked about last */
};

static bool proven(const char *path, const uint8_t *digest, size_t len, void *arg)
{
	struct asked *p = arg;

	p->revoked = len == 32 && catalogue_proves_content(p->catalogues, digest) == OUTCOME_REFUSED;
	return len == 32 && catalogue_proves_at(p->catalogues, p->root, path, digest) == OUTCOME_OK;
}

static void said(const struct why *why, const char *doing)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_warning("%s: %s", doing, text);
}

static unsigned heal_files(struct boot *b, int root, const struct maker *maker, struct catalogues *c)
{
	struct asked asked = { c, root, false };
	unsigned healed = 0;

	for (size_t i = 0; i < b->preflight.count; i++) {
		const struct preflight_file *f = &b->preflight.file[i];
		struct labeller l = { .about = &b->examine, .makers = maker,
			.provers = b->prover.state ? &b->prover : NULL, .threads = 1, .start = f->path, .all = true,
			.proven = proven, .proven_arg = &asked };
		struct why why = { 0 };

		if (label_state_good(f->state) || f->state == LABEL_STATE_NO_FILE)
			continue;
		if (labeller_run(root, &l, &why) != OUTCOME_OK)
			said(&why, "heal");
		else if (l.labelled)
			log_warning("healed: %s (%s): a catalogue proves its content", f->path, label_state_name(f->state));
		else if (l.unproven)
			log_warning("not healed: %s: %s", f->path, asked.revoked ? "this content is revoked" : "no catalogue proves its content");
		healed += l.labelled > 0;
		labeller_free(&l);
	}
	return healed;
}

static unsigned heal_with(struct boot *b, int root, struct catalogues *c)
{
	const struct signer *const none[MAKER_KEYS] = { NULL, NULL };
	SECRET evm = { 0 };
	struct maker maker = { 0 };
	struct why why = { 0 };
	unsigned healed = 0;
	bool was = false;
	int r;

	if (evm_blob_unwrap(&b->master, b->seal.evm_blob, &evm, &why) != OUTCOME_OK ||
	    maker_open(HASH_SHA256, none, &evm, &maker, &why) != OUTCOME_OK || evm_allow_writes(b->root, &why) != OUTCOME_OK) {
		said(&why, "heal");
		maker_close(&maker);
		return 0;
	}
	r = root_writable(b, &was);
	if (r == 0)
		healed = heal_files(b, root, &maker, c);
	else
		log_warning("heal: the real root cannot be written: %s", strerror(-r));
	if (was && root_read_only(b) < 0)
		log_warning("heal: the real root could not be made read-only again");
	maker_close(&maker);
	return healed;
}

bool heal(struct boot *b, int root)
{
	struct catalogues *c = NULL;
	struct why why = { 0 };
	unsigned healed = 0;

	if (b->rehearse || !heal_is_on(b) || !key_would_be_used(b))
		return false;
	if (trusted_catalogues(root, b->root, &b->config, &c, &why) == OUTCOME_OK)
		healed = heal_with(b, root, c);
	else
		said(&why, "nothing is healed");
	trusted_warn(c);
	catalogues_free(&c);
	b->record.healed += healed;
	return healed;
}
