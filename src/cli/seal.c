/* imagate seal: new master key and EVM key, sealed; proven from the disk before it counts. */
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "gate/boot.h"
#include "kernel/keyring.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct wish {
	const char *config, *output, *tcti;
	bool force;
};

struct tpm_scope {
	struct tpm *t;
};
static void tpm_scope_end(struct tpm_scope *s)
{
	tpm_close(&s->t);
}
#define TPM_SCOPE __attribute__((cleanup(tpm_scope_end))) struct tpm_scope

static int failed(const char *doing, const struct why *why)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s: %s", doing, text);
	return IMAGATE_FAILED;
}

/* Master key, EVM key, sealed object into *ret; the payload is kept to compare with. */
static enum outcome make(const struct wish *w, const struct config *c, struct seal *ret,
                         struct secret *ret_payload, struct why *why)
{
	SECRET master = { 0 };
	TPM_SCOPE tpm = { 0 };
	enum outcome o;

	if (!secret_random(&master, MASTER_KEY_LEN)) {
		why_set(why, WHY_ERRNO, errno, "getrandom", "master key");
		return OUTCOME_BROKEN;
	}
	payload_build(master.bytes, ret_payload->bytes);
	ret_payload->len = PAYLOAD_LEN;
	o = keyring_private(why);
	if (o == OUTCOME_OK)
		o = keyring_make_evm_key(&master, ret->evm_blob, why);
	keyring_drop_evm_key();
	if (o == OUTCOME_OK)
		o = tpm_open(w->tcti, c->tpm_wait, &tpm.t, why);
	if (o == OUTCOME_OK)
		o = tpm_srk(tpm.t, ret->srk_name, &ret->srk_name_len, why);
	if (o == OUTCOME_OK)
		o = tpm_seal(tpm.t, &c->pcrs, ret_payload, &ret->object, why);
	return o;
}

/* What lies on the disk, by the gate's own path: parse, unseal in a new connection, compare,
 * load in the kernel, open the blob. */
static enum outcome prove(const struct wish *w, const struct config *c, const char *path,
                          const struct secret *payload, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	SECRET again = { 0 };
	SECRET master = { 0 };
	SECRET evm_key = { 0 };
	TPM_SCOPE tpm = { 0 };
	static struct seal s;
	const uint8_t *m;
	size_t len;
	int r = file_read(AT_FDCWD, path, SEAL_FILE_MAX, &text, &len);
	enum outcome o;

	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read back", path);
		return OUTCOME_BROKEN;
	}
	o = seal_file_parse(path, text, len, &s, why);
	if (o == OUTCOME_OK)
		o = tpm_open(w->tcti, c->tpm_wait, &tpm.t, why);
	if (o == OUTCOME_OK)
		o = tpm_unseal(tpm.t, &s.object, s.srk_name, s.srk_name_len, &again, why);
	if (o != OUTCOME_OK)
		return o;
	if (!secret_equal(&again, payload) || !payload_master(again.bytes, again.len, &m) ||
	    !secret_set(&master, m, MASTER_KEY_LEN)) {
		why_set(why, WHY_TEXT, 0, "compare", path);
		why_detail(why, "what was unsealed is not what was sealed");
		return OUTCOME_BROKEN;
	}
	o = evm_blob_unwrap(&master, s.evm_blob, &evm_key, why);
	if (o == OUTCOME_OK)
		o = keyring_load_evm_key(&master, s.evm_blob, why);
	keyring_drop_evm_key();
	return o;
}

/* The file under a name of its own first, proven there; then the old one is kept as
 * PATH.old, and one rename() makes the new one count. */
static int store(const struct wish *w, const struct config *c, const char *path,
                 const struct seal *s, const struct secret *payload)
{
	char text[SEAL_FILE_MAX], fresh[PATH_MAX], old[PATH_MAX];
	struct why why = { 0 };
	size_t len;
	int r;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", path); /* path is far shorter */
	(void)snprintf(old, sizeof(old), "%s.old", path);
	if (seal_file_format(s, text, sizeof(text), &len, &why) != OUTCOME_OK)
		return failed("seal", &why);
	r = file_write_atomic(AT_FDCWD, fresh, text, len, 0600);
	if (r < 0) {
		why_set(&why, WHY_ERRNO, -r, "write", fresh);
		return failed("nothing was changed", &why);
	}
	if (prove(w, c, fresh, payload, &why) != OUTCOME_OK) {
		(void)unlink(fresh); /* what is left of it is worthless, not dangerous */
		return failed("the new seal does not prove itself; nothing was changed", &why);
	}
	r = file_replace(AT_FDCWD, fresh, path, old);
	if (r < 0) {
		why_set(&why, WHY_ERRNO, -r, "rename", path);
		return failed("the new seal is good and could not be put in place", &why);
	}
	return IMAGATE_OK;
}

static void say_done(const char *path, const struct seal *s)
{
	char pcrs[64];

	if (!pcr_selection_format(&s->object.pcrs, pcrs, sizeof(pcrs)))
		pcrs[0] = '\0';
	(void)printf("%s: sealed to %s, read back, unsealed and loaded.\n", path, pcrs);
	if ((s->object.pcrs.mask & (1u << 8)) == 0 || (s->object.pcrs.mask & (1u << 9)) == 0)
		(void)printf("These PCRs do not cover the kernel command line and the initramfs where "
		             "GRUB starts the kernel:\nwho can change those can unseal the key. A "
		             "unified kernel image (PCR 4) or PCRs 8 and 9 cover them.\n");
	(void)printf("Now put it into the initramfs: dracut -f\n");
}

static int seal(const struct wish *w)
{
	static struct config c;
	static struct seal s;
	SECRET payload = { 0 };
	struct why why = { 0 };
	const char *path;
	int code;

	if (ini_config_load(AT_FDCWD, w->config, &c, &why) != OUTCOME_OK)
		return failed("configuration", &why), IMAGATE_USAGE;
	path = w->output ? w->output : c.seal;
	if (file_exists(AT_FDCWD, path) && !w->force) {
		log_error("%s is there already: a new seal means a new EVM key, and every HMAC on "
		          "this system would be invalid", path);
		log_error("to replace it all the same: imagate seal --force (the old one is kept as "
		          "%s.old), then label again in the fix stage", path);
		return IMAGATE_USAGE;
	}
	code = secret_harden_process();
	if (code < 0)
		log_warning("could not lock memory: %s", strerror(-code));
	if (make(w, &c, &s, &payload, &why) != OUTCOME_OK)
		return failed("nothing was stored", &why);
	code = store(w, &c, path, &s, &payload);
	if (code == IMAGATE_OK)
		say_done(path, &s);
	return code;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "output", required_argument, NULL, 'o' },
		{ "tcti", required_argument, NULL, 't' },   { "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	struct wish w = { .config = BOOT_CONFIG_PATH };

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'c': w.config = optarg; break;
		case 'o': w.output = optarg; break;
		case 't': w.tcti = optarg; break;
		case 'f': w.force = true; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (w.output && strlen(w.output) > PATH_MAX - 8) {
		log_error("--output: the path is too long");
		return IMAGATE_USAGE;
	}
	return seal(&w);
}

const struct verb verb_seal = {
	.name = "seal",
	.summary = "make the master key and the EVM key, and seal them to this TPM",
	.help = "usage: imagate seal [--force] [--config FILE] [--output FILE] [--tcti TCTI]\n"
	        "Makes a new master key and a new EVM key, seals the master key to the PCRs that\n"
	        "imagate.conf names (default sha256:0,2,4,7) as they are now, and stores both as one\n"
	        "file. Before that file counts it is read back, unsealed, compared, and loaded.\n"
	        "  --force         replace a seal that is there; the old one is kept as FILE.old\n"
	        "  --output FILE   instead of the path in imagate.conf\n"
	        "  --tcti TCTI     another TPM than /dev/tpmrm0, as tpm2-tss names it\n"
	        "Exit status: 0 done, 2 usage, bad configuration or a seal is there, 3 failed and\n"
	        "nothing was changed.\n",
	.run = run,
};
