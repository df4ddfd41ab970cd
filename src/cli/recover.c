/* imagate recover: the key that is there, by the recovery key, sealed to this machine as it is now. */
#include "base/clean.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/approving.h"
#include "cli/bykey.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "core/recoverykey.h"
#include "crypto/crypto.h"
#include "gate/ask.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wish {
	const char *root, *tcti;
	enum stage floor;
	bool add;
};

/* A person may take long to type the key: what was done to the seal meanwhile, by a package's hook, is not undone. */
static int lock_and_read_again(const char *path, struct seal *s)
{
	uint8_t id[KEY_ID_LEN];
	struct why why = { 0 };
	int lock = approving_lock(path);

	memcpy(id, s->key_id, KEY_ID_LEN);
	if (lock >= 0 && read_seal(path, s, &why) == OUTCOME_OK && !memcmp(id, s->key_id, KEY_ID_LEN))
		return lock;
	log_error(lock < 0 ? "%s: it cannot be locked; nothing was changed" : "%s was replaced meanwhile; nothing was changed", path);
	clean_fd(&lock);
	return -1;
}

/* The file can be edited, and a running system can approve a slot: only what the key itself has sealed says the floor. */
static enum stage sealed_floor(const struct seal *s, const struct secret *master)
{
	enum stage floor = STAGE_UNSET;

	for (size_t i = 0; i < s->slots; i++)
		if (!s->slot[i].object.approval.signature_len && s->slot[i].floor > floor &&
		    slot_mac_verify(master, &s->slot[i], NULL) == OUTCOME_OK)
			floor = s->slot[i].floor;
	return floor;
}

/* STAGE_UNSET: nobody can be believed, and that has been said. */
static enum stage new_floor(const struct wish *w, const struct seal *s, const struct config *c, const struct secret *master)
{
	enum stage floor = w->floor != STAGE_UNSET || !s->slots ? w->floor : sealed_floor(s, master);

	if (floor == STAGE_UNSET && s->slots && c->floor < STAGE_ENFORCE)
		log_error("the seal says floor %s, and that was not written by who had its key (it was edited, or is just after an update): "
		          "nothing was changed. Say which it was, --floor enforce if in doubt", stage_name(seal_floor(s)));
	else if (floor < c->floor)
		floor = c->floor;
	return floor;
}

static int recover(const struct wish *w)
{
	static struct config c;
	static struct seal s;
	static char config[PATH_MAX], path[PATH_MAX];
	SECRET master = { 0 };
	SECRET payload = { 0 };
	struct why why = { 0 };
	struct sealing g = { .config = &c, .tcti = w->tcti, .root = w->root, .path = path };
	CLEAN_FD lock = -1;

	(void)snprintf(config, sizeof(config), "%s%s", strcmp(w->root, "/") ? w->root : "", BOOT_CONFIG_PATH);
	if (ini_config_load(AT_FDCWD, config, &c, &why) != OUTCOME_OK)
		return sealing_failed("configuration", &why), IMAGATE_USAGE;
	(void)snprintf(path, sizeof(path), "%s%s", strcmp(w->root, "/") ? w->root : "", c.seal);
	if (read_seal(path, &s, &why) != OUTCOME_OK)
		return sealing_failed("no seal to recover", &why), IMAGATE_USAGE;
	(void)secret_harden_process(); /* best effort: said by seal */
	if (!master_by_recovery_key(&s, &master)) {
		log_error("that is not the recovery key of %s; nothing was changed", path);
		return IMAGATE_FAILED;
	}
	lock = lock_and_read_again(path, &s);
	if (lock < 0)
		return IMAGATE_FAILED;
	g.floor = new_floor(w, &s, &c, &master);
	if (g.floor == STAGE_UNSET)
		return IMAGATE_FAILED;
	g.stage = sealing_stage(&c);
	if (w->add && sealing_add(&g, &s, &master, &payload, &why) != OUTCOME_OK)
		return sealing_failed("the key is right, and no slot could be added; nothing was changed", &why);
	if (!w->add && sealing_slot(&g, &s, &master, &payload, &why) != OUTCOME_OK)
		return sealing_failed("the key is right, and could not be sealed to this TPM; nothing was changed. Without a TPM "
		                      "the gate takes the recovery key at each boot", &why);
	if (sealing_store(&g, &s, &payload) != IMAGATE_OK || sealing_count(&g, &master) != IMAGATE_OK)
		return IMAGATE_FAILED;
	sealing_say(&g, &s);
	return IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' }, { "tcti", required_argument, NULL, 't' },
		{ "floor", required_argument, NULL, 'f' }, { "add", no_argument, NULL, 'a' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct wish w = { .root = "/" };

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'r': w.root = optarg; break;
		case 't': w.tcti = optarg; break;
		case 'a': w.add = true; break;
		case 'h': return verb_help(self);
		case 'f':
			w.floor = stage_from_name(optarg);
			if (w.floor != STAGE_UNSET)
				break;
			log_error("--floor: off, measure, fix, audit or enforce");
			return IMAGATE_USAGE;
		default: return verb_usage(self);
		}
	}
	if (optind < argc)
		return verb_extra(self, argv[optind]);
	if (strlen(w.root) > PATH_MAX - 256) {
		log_error("--root: the path is too long");
		return IMAGATE_USAGE;
	}
	return recover(&w);
}

const struct verb verb_recover = {
	.name = "recover",
	.summary = "with the recovery key: seal the key that is there to this machine again",
	.help = "usage: imagate recover [--add] [--root DIR] [--floor STAGE] [--tcti TCTI]\n"
	        "After a change of firmware, boot loader or command line, a cleared or another TPM: asks for\n"
	        "the recovery key (or reads it from standard input where that is no terminal) and seals the\n"
	        "same master key to the TPM, command line and root as they are now. Labels stay valid. The\n"
	        "old seal dies with its counter. Afterwards: what it says.\n"
	        "  --add           keep the slots that are there, add one for this boot: strict binding, where\n"
	        "                  each stage has its own\n"
	        "  --root DIR      the system's root, from a rescue shell: /sysroot\n"
	        "  --floor STAGE   the new floor; the old one's otherwise\n"
	        "Exit status: 0 done, 2 usage, configuration or no seal, 3 failed and nothing was changed.\n",
	.run = run,
};
