/* imagate seal: new master key and EVM key, sealed; proven from the disk before it counts. */
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/approving.h"
#include "cli/verb.h"
#include "cli/qr.h"
#include "cli/sealing.h"
#include "core/recoverykey.h"
#include "core/seal.h"
#include "crypto/crypto.h"
#include "gate/boot.h"
#include "kernel/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct wish {
	const char *config, *output, *tcti, *public_key;
	bool force;
};

static bool fresh(struct secret *s, size_t len, const char *what, struct why *why)
{
	if (secret_random(s, len))
		return true;
	why_set(why, WHY_ERRNO, errno, "getrandom", what);
	return false;
}

/* Master key, EVM key, recovery key: everything that is new. */
static enum outcome make_keys(struct seal *s, struct secret *master, struct secret *recovery, struct why *why)
{
	enum outcome o;

	if (!fresh(master, MASTER_KEY_LEN, "master key", why) || !fresh(recovery, RECOVERY_KEY_LEN, "recovery key", why))
		return OUTCOME_BROKEN;
	o = keyring_private(why);
	if (o == OUTCOME_OK)
		o = keyring_make_evm_key(master, s->evm_blob, why);
	keyring_drop_evm_key();
	if (o == OUTCOME_OK)
		o = key_id_of(master, s->key_id, why);
	return o == OUTCOME_OK ? recovery_wrap(recovery, master, s->key_id, s->recovery, why) : o;
}

/* Before the seal counts: a key that nobody has seen would be lost. */
static bool show_recovery_key(const struct secret *recovery)
{
	char text[RECOVERY_TEXT_LEN + 1];

	recovery_key_format(recovery->bytes, text);
	(void)printf("\nThe recovery key, shown this once. Whoever has it has the key of this machine; without it a lost TPM\n"
	             "means new labels for every file. Write it down, or photograph it, and lock it away. It only counts once\n"
	             "the last line below says 'sealed':\n\n    %s\n\n", text);
	(void)qr_print(stdout, text); /* the text is there */
	(void)printf("\n");
	explicit_bzero(text, sizeof(text));
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* Instead of the configuration's. The gate reads the configuration only. */
static bool take_public_key(const struct wish *w, struct config *c)
{
	if (!w->public_key || !strcmp(w->public_key, c->pcr_public_key))
		return true;
	if (snprintf(c->pcr_public_key, sizeof(c->pcr_public_key), "%s", w->public_key) >= (int)sizeof(c->pcr_public_key)) {
		log_error("--pcr-public-key: the path is too long");
		return false;
	}
	log_warning("the gate goes by imagate.conf: say there, in [tpm], pcr-public-key = %s", w->public_key);
	return true;
}

static int seal(const struct wish *w)
{
	static struct config c;
	static struct seal s;
	SECRET master = { 0 };
	SECRET recovery = { 0 };
	SECRET payload = { 0 };
	struct why why = { 0 };
	struct sealing g = { .config = &c, .tcti = w->tcti, .root = "/" };
	CLEAN_FD lock = -1;
	int code;

	if (ini_config_load(AT_FDCWD, w->config, &c, &why) != OUTCOME_OK)
		return sealing_failed("configuration", &why), IMAGATE_USAGE;
	if (!take_public_key(w, &c))
		return IMAGATE_USAGE;
	g.path = w->output ? w->output : c.seal;
	g.floor = c.floor;
	g.stage = sealing_stage(&c);
	lock = approving_lock(g.path);
	if (lock < 0) {
		log_error("%s: it cannot be locked; nothing was changed", g.path);
		return IMAGATE_FAILED;
	}
	if (file_exists(AT_FDCWD, g.path) && !w->force) {
		log_error("%s is there already: a new seal means a new EVM key, and every HMAC on "
		          "this system would be invalid", g.path);
		log_error("to seal the key that is there to this machine again: imagate recover; to replace it all the "
		          "same: imagate seal --force (the old one is kept as %s.old), then label again in the fix stage", g.path);
		return IMAGATE_USAGE;
	}
	code = secret_harden_process();
	if (code < 0)
		log_warning("could not lock memory: %s", strerror(-code));
	if (make_keys(&s, &master, &recovery, &why) != OUTCOME_OK || sealing_slot(&g, &s, &master, &payload, &why) != OUTCOME_OK)
		return sealing_failed("nothing was stored", &why);
	code = sealing_store(&g, &s, &payload);
	if (code != IMAGATE_OK)
		return code;
	if (!show_recovery_key(&recovery)) {
		sealing_undo(&g, &s);
		log_error("the recovery key could not be shown (%s): nothing was stored", strerror(errno));
		return IMAGATE_FAILED;
	}
	code = sealing_count(&g, &master);
	if (code != IMAGATE_OK)
		return code;
	sealing_say(&g, &s);
	(void)printf("sealed\n");
	return IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "output", required_argument, NULL, 'o' },
		{ "tcti", required_argument, NULL, 't' },   { "force", no_argument, NULL, 'f' },
		{ "pcr-public-key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	struct wish w = { .config = BOOT_CONFIG_PATH };

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'c': w.config = optarg; break;
		case 'o': w.output = optarg; break;
		case 't': w.tcti = optarg; break;
		case 'f': w.force = true; break;
		case 'k': w.public_key = optarg; break;
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
	.help = "usage: imagate seal [--force] [--config FILE] [--output FILE] [--pcr-public-key FILE] [--tcti TCTI]\n"
	        "Makes a new master key and a new EVM key, seals the master key to the PCRs that\n"
	        "imagate.conf names (default sha256:0,2,4,7) as they are now and to a counter in the TPM,\n"
	        "and stores both as one file. Before that file counts it is read back, unsealed, compared,\n"
	        "and loaded, and the recovery key is shown, once: text and QR code. If that cannot be written out,\n"
	        "nothing is stored. The recovery key counts once the last line says 'sealed'.\n"
	        "  --force         replace a seal that is there; the old one is kept as FILE.old\n"
	        "  --output FILE   instead of the path in imagate.conf\n"
	        "  --pcr-public-key FILE  instead of what imagate.conf has: the seal opens for other PCR values, too, where\n"
	        "                  this key has signed them ('imagate pcr-policy sign')\n"
	        "  --tcti TCTI     another TPM than /dev/tpmrm0, as tpm2-tss names it\n"
	        "Exit status: 0 done, 2 usage, bad configuration or a seal is there, 3 failed and\n"
	        "nothing was changed.\n",
	.run = run,
};
