/* A fleet's key: its owner signs for which PCR values seals open (core/pcrsig.h). The seal is bound to key and epoch by a
 * branch of its policy; keys and signatures come from the initramfs, or wherever: what is not the branch's opens nothing.
 *
 * Moving on: the first key of [tpm] pcr-public-key and [tpm] pcr-epoch say what the seal ought to be bound to. Where it is
 * not yet, but the boot's values are signed by that, a blessed boot asks for the seal to be renewed, and counting up kills
 * the one that the older key or epoch opens. So an image of a new epoch is signed for both. */
#ifndef IMAGATE_GATE_FLEET_H
#define IMAGATE_GATE_FLEET_H

#include "core/config.h"
#include "crypto/policykey.h"
#include "gate/chip.h"

#define FLEET_KEYS 4
#define FLEET_FILES 4
#define FLEET_LATER 1000 /* so many epochs ahead are told from none */
#define FLEET_STUB_PATH "/.extra/tpm2-pcr-signature.json"          /* systemd-stub, from the UKI's .pcrsig */
#define FLEET_SYSTEMD_PATH "/run/systemd/tpm2-pcr-signature.json" /* the same, on the running system: systemd-tmpfiles */

struct fleet {
	struct policykey key[FLEET_KEYS];
	size_t keys; /* 0: none is configured */
	struct fleet_file {
		const char *path; /* constant, or the configuration's */
		char *text;
		size_t len;
	} file[FLEET_FILES];
	size_t files;
	unsigned epoch; /* wanted */
};

/* Keys and signatures below root, by the configuration; without a key OUTCOME_OK and nothing. Files that are not there are
 * none. Whatever it says: to be freed. */
enum outcome fleet_load(int root, const struct config *c, struct fleet *ret, struct why *why);
/* One more: path below root, where links are followed as if root were "/". */
void fleet_add(int root, const char *path, struct fleet *f);
void fleet_free(struct fleet *f);

/* Whom the seal ought to name. f->keys is not 0. */
void fleet_wanted(const struct fleet *f, struct seal_signer *ret);
/* Is the seal to move on to the wanted one? It is another than used names, and has signed the values of now. Never back to an
 * earlier epoch of the same key: an old image may be signed for a newer one, too. c: what is known of the PCRs. */
bool fleet_moves(const struct fleet *f, struct tpm *t, struct chip_state *c, const struct seal_object *used);
/* Whom the next generation is to name: the wanted one, where the seal is to move on to it (*ret_moves); else the one that used names; else, where it names none, the wanted one. used: what opened. False:
 * there is no fleet's key. */
bool fleet_next(const struct fleet *f, struct tpm *t, const struct seal_object *used, struct seal_signer *ret, bool *ret_moves);
/* Does the object's policy name this one? By its digest: no TPM is asked. */
bool fleet_is_named(const struct fleet *f, const struct seal_object *o);

/* Into o: its PCRs become those that are signed, its approval the signature. REFUSED: the values of now are not signed for
 * it. c: what is known of the PCRs. */
enum outcome fleet_approve(const struct fleet *f, struct tpm *t, struct chip_state *c, struct seal_object *o, struct why *why);
/* Has the wanted one signed the values of now? *ret_pcrs: of which PCRs. */
enum outcome fleet_has_signed(const struct fleet *f, struct tpm *t, struct chip_state *c, struct pcr_selection *ret_pcrs,
                              struct why *why);

#endif
