/* /etc/imagate/imagate.conf of the initramfs. Sections and keys are listed once, in
 * config.c; the manual page's table is tested against it. Pure: the INI reader hands
 * in one (section, key, value) at a time. */
#ifndef IMAGATE_CORE_CONFIG_H
#define IMAGATE_CORE_CONFIG_H

#include "core/pcr.h"
#include "core/stage.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_PATH_LEN 128
#define CONFIG_WORDS_LEN 256

enum answer { ANSWER_YES = 0, ANSWER_NO };

/* What happens where the stage is enforce and something is missing. In lower stages the
 * boot always goes on, degraded. Zero stops. */
enum on_failure {
	ON_FAILURE_STOP = 0, /* and what a stop is, [gate] stop says */
	ON_FAILURE_DEGRADE,
	ON_FAILURE_RESCUE,
	ON_FAILURE_POWEROFF,
	ON_FAILURE_FALLBACK
};
/* What a stop is. Zero is rescue: a shell in the initramfs, for who has the recovery key. */
enum action {
	ACTION_RESCUE = 0,
	ACTION_POWEROFF,
	ACTION_FALLBACK, /* reboot, where a trial falls back to the stage before it; bounded */
	ACTION_COUNT
};
enum preflight_mode { PREFLIGHT_FULL = 0, PREFLIGHT_LABELS, PREFLIGHT_OFF };
/* Where the master key comes from. PLAIN_FILE is for development and benchmarks only;
 * it never comes with a floor above fix. */
enum key_source { KEY_SOURCE_TPM = 0, KEY_SOURCE_FILE, KEY_SOURCE_NONE };

struct config {
	enum stage stage;      /* [gate] stage: what runs if the command line asks for none. Default enforce */
	enum stage floor;      /* [gate] floor: the lowest stage that still gets the key. Default = stage */
	enum action on_stop;   /* [gate] stop = rescue | poweroff | fallback */
	enum preflight_mode preflight; /* [gate] preflight = full | labels | off */
	unsigned tpm_wait;     /* [tpm] wait: seconds to wait for the device, 0..120. Default 10 */
	struct pcr_selection pcrs; /* [tpm] pcrs, what `imagate seal` binds to. Default sha256:0,2,4,7 */
	char pcr_public_key[CONFIG_PATH_LEN]; /* [tpm] pcr-public-key: PEM, whose owner signs for which PCR values the seal opens; "" = none */
	char pcr_signature[CONFIG_PATH_LEN];  /* [tpm] pcr-signature = /etc/imagate/pcrsig.json: what it has signed */
	unsigned pcr_epoch;    /* [tpm] pcr-epoch: of the signatures that the seal is bound to; 0 = those of none */
	enum key_source key_source; /* [key] source = tpm | file | none (certificates only) */
	char seal[CONFIG_PATH_LEN];     /* [key] seal = /etc/imagate/seal.pem */
	char x509_evm[CONFIG_PATH_LEN]; /* [key] x509-evm: directory of *.der; "" = none */
	char x509_ima[CONFIG_PATH_LEN]; /* [key] x509-ima: the same for IMA */
	char key_file[CONFIG_PATH_LEN]; /* [key] file: raw master key, only with source = file */
	char evm_blob[CONFIG_PATH_LEN]; /* [key] evm-key: the EVM key's blob, only with source = file */
	char policy[CONFIG_PATH_LEN];   /* [policy] file = /etc/imagate/policy */
	char x509_policy[CONFIG_PATH_LEN]; /* [policy] x509: directory of *.der; "" = policies need no signature */
	char measure_policy[CONFIG_PATH_LEN]; /* [policy] measure = /etc/imagate/measure.policy */
	char catalogues[CONFIG_PATH_LEN];     /* [catalogue] dir = /etc/imagate/catalogues */
	char x509_catalogue[CONFIG_PATH_LEN]; /* [catalogue] x509 = /etc/imagate/x509-catalogue: *.der */
	unsigned revoked;      /* [catalogue] revoked: the lowest epoch of a revocation list that will do; 0: none need be there */
	char words[CONFIG_WORDS_LEN];   /* [gate] words: names of command line words that may change */
	enum stage fallback_to;         /* [recovery] fallback-to: the stage that a fallback outside a trial asks for, once */
	enum answer ask;                /* [recovery] ask = yes | no: the recovery key, at the console */
	enum on_failure on_key_absent;  /* [recovery] key-absent = stop | degrade | rescue | poweroff | fallback */
	enum on_failure on_key_refused; /* [recovery] key-refused: the same */
	enum on_failure on_preflight;   /* [recovery] preflight: the same */
	enum on_failure on_policy;      /* [recovery] policy: the same */
	enum answer reseal_online;      /* [reseal] online = yes | no: may root of the running, verified system approve PCR values? */
	unsigned tries;        /* [rollout] tries: boots that a trial may fail, 1..9. Default 3 */
	unsigned blessings;    /* [rollout] blessings: good trial boots until the floor rises, 1..9. Default 3 */
	unsigned clean_boots;  /* [rollout] clean-boots in audit before enforce, 1..9. Default 3 */
	enum answer automatic; /* [rollout] automatic = yes | no: promote without being asked. Default no */
	uint64_t seen;                  /* which keys were given, to find doubles */
};

#define CONFIG_ERROR_LEN 160

void config_defaults(struct config *c);

/* One assignment. False: error says what is wrong and what would be right, without
 * repeating the rejected value. */
bool config_set(struct config *c, const char *section, const char *key, const char *value,
                char error[static CONFIG_ERROR_LEN]);

/* After the last assignment: what only makes sense together (floor above stage, relative
 * paths, a plain key file with a floor above fix, certificates missing with source = none). */
bool config_check(const struct config *c, char error[static CONFIG_ERROR_LEN]);

#endif
