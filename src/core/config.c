#include "core/config.h"

#include "core/names.h"

#include <stdio.h>
#include <string.h>

enum kind { KIND_STAGE, KIND_WORD, KIND_NUMBER, KIND_PCRS, KIND_PATH, KIND_TEXT };

/* Words of one enum; their places are its values. */
static const char *const stop_words[] = { "rescue", "poweroff", "fallback", NULL };
static const char *const preflight_words[] = { "full", "labels", "off", NULL };
static const char *const source_words[] = { "tpm", "file", "none", NULL };
static const char *const failure_words[] = { "stop", "degrade", "rescue", "poweroff", "fallback", NULL };
static const char *const answer_words[] = { "yes", "no", NULL };

#define AT(field) offsetof(struct config, field)

/* The one list of keys. */
static const struct key {
	const char *section, *name;
	enum kind kind;
	size_t offset;
	const char *const *words; /* KIND_WORD */
	unsigned max;             /* KIND_NUMBER */
} keys[] = {
	{ "gate", "stage", KIND_STAGE, AT(stage), NULL, 0 },
	{ "gate", "floor", KIND_STAGE, AT(floor), NULL, 0 },
	{ "gate", "stop", KIND_WORD, AT(on_stop), stop_words, 0 },
	{ "gate", "preflight", KIND_WORD, AT(preflight), preflight_words, 0 },
	{ "gate", "words", KIND_TEXT, AT(words), NULL, 0 },
	{ "tpm", "wait", KIND_NUMBER, AT(tpm_wait), NULL, 120 },
	{ "tpm", "pcrs", KIND_PCRS, AT(pcrs), NULL, 0 },
	{ "tpm", "pcr-public-key", KIND_PATH, AT(pcr_public_key), NULL, 0 },
	{ "tpm", "pcr-signature", KIND_PATH, AT(pcr_signature), NULL, 0 },
	{ "tpm", "pcr-epoch", KIND_NUMBER, AT(pcr_epoch), NULL, 9999 },
	{ "key", "source", KIND_WORD, AT(key_source), source_words, 0 },
	{ "key", "seal", KIND_PATH, AT(seal), NULL, 0 },
	{ "key", "x509-evm", KIND_PATH, AT(x509_evm), NULL, 0 },
	{ "key", "x509-ima", KIND_PATH, AT(x509_ima), NULL, 0 },
	{ "key", "file", KIND_PATH, AT(key_file), NULL, 0 },
	{ "key", "evm-key", KIND_PATH, AT(evm_blob), NULL, 0 },
	{ "policy", "file", KIND_PATH, AT(policy), NULL, 0 },
	{ "policy", "measure", KIND_PATH, AT(measure_policy), NULL, 0 },
	{ "policy", "x509", KIND_PATH, AT(x509_policy), NULL, 0 },
	{ "catalogue", "dir", KIND_PATH, AT(catalogues), NULL, 0 },
	{ "catalogue", "x509", KIND_PATH, AT(x509_catalogue), NULL, 0 },
	{ "catalogue", "revoked", KIND_NUMBER, AT(revoked), NULL, 9999 },
	{ "reseal", "online", KIND_WORD, AT(reseal_online), answer_words, 0 },
	{ "rollout", "tries", KIND_NUMBER, AT(tries), NULL, 9 },
	{ "rollout", "blessings", KIND_NUMBER, AT(blessings), NULL, 9 },
	{ "rollout", "clean-boots", KIND_NUMBER, AT(clean_boots), NULL, 9 },
	{ "rollout", "automatic", KIND_WORD, AT(automatic), answer_words, 0 },
	{ "recovery", "fallback-to", KIND_STAGE, AT(fallback_to), NULL, 0 },
	{ "recovery", "ask", KIND_WORD, AT(ask), answer_words, 0 },
	{ "recovery", "key-absent", KIND_WORD, AT(on_key_absent), failure_words, 0 },
	{ "recovery", "key-refused", KIND_WORD, AT(on_key_refused), failure_words, 0 },
	{ "recovery", "preflight", KIND_WORD, AT(on_preflight), failure_words, 0 },
	{ "recovery", "policy", KIND_WORD, AT(on_policy), failure_words, 0 },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))
#define KEY_STAGE 0 /* rows of the table that others are judged by */
#define KEY_FLOOR 1
_Static_assert(KEYS <= 64, "struct config's seen has 64 bits");
/* KIND_WORD stores through an int */
_Static_assert(sizeof(enum action) == sizeof(int) && sizeof(enum stage) == sizeof(int), "enum size");

void config_defaults(struct config *c)
{
	*c = (struct config){
		.stage = STAGE_ENFORCE,
		.floor = STAGE_ENFORCE,
		.tpm_wait = 10,
		.tries = 3,
		.blessings = 3,
		.clean_boots = 3,
		.automatic = ANSWER_NO,
		.pcrs = { .bank = PCR_BANK_SHA256, .mask = 1u << 0 | 1u << 2 | 1u << 4 | 1u << 7 },
		.pcr_signature = "/etc/imagate/pcrsig.json",
		.seal = "/etc/imagate/seal.pem",
		.policy = "/etc/imagate/policy",
		.measure_policy = "/etc/imagate/measure.policy",
		.catalogues = "/etc/imagate/catalogues",
		.x509_catalogue = "/etc/imagate/x509-catalogue",
	};
}

static bool fail(char error[static CONFIG_ERROR_LEN], const char *text)
{
	(void)snprintf(error, CONFIG_ERROR_LEN, "%s", text); /* constants that fit */
	return false;
}

/* "stage: one of rescue, poweroff" */
static bool fail_words(char error[static CONFIG_ERROR_LEN], const char *name, const char *const *words)
{
	size_t n = (size_t)snprintf(error, CONFIG_ERROR_LEN, "%s: one of", name);

	for (size_t i = 0; words[i] && n < CONFIG_ERROR_LEN; i++)
		n += (size_t)snprintf(error + n, CONFIG_ERROR_LEN - n, "%s %s", i ? "," : "", words[i]);
	return false;
}

static bool set_word(int *field, const struct key *k, const char *value, char *error)
{
	for (int i = 0; k->words[i]; i++) {
		if (!strcmp(k->words[i], value)) {
			*field = i;
			return true;
		}
	}
	return fail_words(error, k->name, k->words);
}

static bool set_stage(enum stage *field, const struct key *k, const char *value, char *error)
{
	static const char *const words[] = { "off", "measure", "fix", "audit", "enforce", NULL };

	*field = stage_from_name(value);
	return *field != STAGE_UNSET || fail_words(error, k->name, words);
}

static bool set_number(unsigned *field, const struct key *k, const char *value, char *error)
{
	unsigned n = 0;
	size_t len = strlen(value);

	for (size_t i = 0; i < len && i < 6; i++)
		n = value[i] >= '0' && value[i] <= '9' ? n * 10 + (unsigned)(value[i] - '0') : k->max + 1;
	if (len == 0 || len > 4 || n > k->max || (len > 1 && *value == '0')) {
		(void)snprintf(error, CONFIG_ERROR_LEN, "%s: a number from 0 to %u", k->name,
		               k->max);
		return false;
	}
	*field = n;
	return true;
}

/* A path of the initramfs: absolute, without a component "..". */
static bool path_ok(const char *p)
{
	for (const char *s = p; (s = strstr(s, "..")); s += 2)
		if (s > p && s[-1] == '/' && (s[2] == '/' || s[2] == '\0'))
			return false;
	return *p == '/' && p[1] != '\0';
}

static bool set_path(char *field, const struct key *k, const char *value, char *error)
{
	if (!path_ok(value) || strlen(value) >= CONFIG_PATH_LEN) {
		(void)snprintf(error, CONFIG_ERROR_LEN,
		               "%s: an absolute path without '..', at most %d characters", k->name,
		               CONFIG_PATH_LEN - 1);
		return false;
	}
	memcpy(field, value, strlen(value) + 1);
	return true;
}

static bool set_text(char *field, const struct key *k, const char *value, char *error)
{
	if (strlen(value) >= CONFIG_WORDS_LEN) {
		(void)snprintf(error, CONFIG_ERROR_LEN, "%s: at most %d characters", k->name, CONFIG_WORDS_LEN - 1);
		return false;
	}
	memcpy(field, value, strlen(value) + 1);
	return true;
}

static bool set_pcrs(struct pcr_selection *field, const struct key *k, const char *value, char *error)
{
	const char *what;

	if (pcr_selection_parse(value, field, &what))
		return true;
	(void)snprintf(error, CONFIG_ERROR_LEN, "%s: %s", k->name, what);
	return false;
}

static bool assign(struct config *c, const struct key *k, const char *value, char *error)
{
	void *field = (char *)c + k->offset;

	switch (k->kind) {
	case KIND_STAGE: return set_stage(field, k, value, error);
	case KIND_WORD: return set_word(field, k, value, error);
	case KIND_NUMBER: return set_number(field, k, value, error);
	case KIND_PCRS: return set_pcrs(field, k, value, error);
	case KIND_PATH: return set_path(field, k, value, error);
	case KIND_TEXT: return set_text(field, k, value, error);
	}
	return false;
}

static const struct key *find(const char *section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].section, section) && !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

bool config_set(struct config *c, const char *section, const char *key, const char *value,
                char error[static CONFIG_ERROR_LEN])
{
	const struct key *k = find(section, key);
	uint64_t bit = k ? UINT64_C(1) << (k - keys) : 0;

	if (!k)
		return fail(error, "no such key in this section: imagate.conf(5) lists them");
	if (c->seen & bit) {
		(void)snprintf(error, CONFIG_ERROR_LEN, "%s is given twice: keep one", k->name);
		return false;
	}
	if (!assign(c, k, value, error))
		return false;
	c->seen |= bit;
	if (k == &keys[KEY_STAGE] && !(c->seen & UINT64_C(1) << KEY_FLOOR))
		c->floor = c->stage;
	return true;
}

bool config_check(const struct config *c, char error[static CONFIG_ERROR_LEN])
{
	if (c->floor > c->stage)
		return fail(error, "floor is above stage: the stage must be at least the floor");
	if (c->tries == 0 || c->blessings == 0 || c->clean_boots == 0)
		return fail(error, "tries, blessings and clean-boots are at least 1");
	if (c->key_source == KEY_SOURCE_FILE && c->floor > STAGE_FIX)
		return fail(error, "source = file is for development: it needs floor = fix or lower");
	if (c->key_source == KEY_SOURCE_FILE && (!*c->key_file || !*c->evm_blob))
		return fail(error, "source = file needs file = PATH and evm-key = PATH");
	if (c->key_source != KEY_SOURCE_FILE && (*c->key_file || *c->evm_blob))
		return fail(error, "file and evm-key only go with source = file");
	if (c->pcr_epoch && !*c->pcr_public_key)
		return fail(error, "pcr-epoch goes with pcr-public-key = FILE");
	if (c->key_source == KEY_SOURCE_NONE && !*c->x509_evm)
		return fail(error, "source = none needs x509-evm = DIRECTORY of certificates");
	return true;
}
