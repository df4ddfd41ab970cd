#include "kernel/language.h"

#include "base/file.h"
#include "core/label.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define SMALL 4096
#define CRYPTO_MAX (1024 * 1024)
#define CONFIG_MAX (2 * 1024 * 1024)

/* "name         : sha256" */
static void read_crypto(int root, struct rule_kernel *ret)
{
	CLEAN_FREE char *text = NULL;
	const char *line;
	size_t len, line_len;

	if (file_read(root, "proc/crypto", CRYPTO_MAX, &text, &len) < 0)
		return;
	for (struct text t = { text, text + len }; text_line(&t, &line, &line_len);) {
		const char *colon = memchr(line, ':', line_len);
		int algo;

		if (!text_begins(line, line_len, "name") || !colon)
			continue;
		line_len -= (size_t)(colon + 1 - line);
		line = colon + 1;
		text_trim(&line, &line_len);
		algo = hash_algo_from_name(line, line_len);
		if (algo >= 0)
			ret->algos |= (uint32_t)1 << algo;
		ret->ecdsa |= text_begins(line, line_len, "ecdsa-nist-");
		ret->p521 |= text_begins(line, line_len, "ecdsa-nist-p521");
	}
	ret->hashes |= ret->algos;
	if (ret->hash_count < HASH_COUNT)
		ret->hashes &= ((uint32_t)1 << ret->hash_count) - 1;
}

static bool configured(const char *text, const char *option)
{
	size_t len = strlen(option);

	for (const char *p = text; (p = strstr(p, option)) != NULL; p += len)
		if (p > text && p[-1] == '\n' && p[len] == '=' && (p[len + 1] == 'y' || p[len + 1] == 'm'))
			return true;
	return false;
}

static bool in_commas(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
		if ((p == list || p[-1] == ',') && (p[len] == ',' || p[len] == '\0' || p[len] == '\n'))
			return true;
	return false;
}

/* The major LSMs exclude each other. */
static void read_lsm(int root, struct rule_kernel *ret)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	ret->lsm = RULE_LSM_UNKNOWN;
	if (file_read(root, "sys/kernel/security/lsm", SMALL, &text, &len) < 0)
		return;
	ret->lsm = in_commas(text, "selinux") ? RULE_LSM_SELINUX
	           : in_commas(text, "smack") ? RULE_LSM_SMACK
	           : in_commas(text, "apparmor") ? RULE_LSM_APPARMOR : RULE_LSM_NONE;
	ret->lsm_policy = file_exists(root, "sys/fs/selinux/policy") ||
	                  (ret->lsm == RULE_LSM_APPARMOR && file_exists(root, "etc/apparmor.d"));
}

static void read_config(int root, const char *release, struct rule_kernel *ret)
{
	CLEAN_FREE char *text = NULL;
	char path[128];
	size_t len;

	if (snprintf(path, sizeof(path), "boot/config-%s", release) >= (int)sizeof(path) ||
	    file_read(root, path, CONFIG_MAX, &text, &len) < 0)
		return;
	ret->modsig = configured(text, "CONFIG_IMA_APPRAISE_MODSIG");
	ret->key_check = configured(text, "CONFIG_IMA_MEASURE_ASYMMETRIC_KEYS");
	if (configured(text, "CONFIG_CRYPTO_SM3") || configured(text, "CONFIG_CRYPTO_SM3_GENERIC"))
		ret->hashes |= (uint32_t)1 << HASH_SM3;
	if (configured(text, "CONFIG_CRYPTO_ECDSA"))
		ret->ecdsa = true;
	ret->p521 = ret->ecdsa && ret->release >= KERNEL_RELEASE(6, 10);
}

bool kernel_language(int root, struct rule_kernel *ret)
{
	CLEAN_FREE char *release = NULL;
	size_t len;
	unsigned version;

	if (file_read(root, "proc/sys/kernel/osrelease", SMALL, &release, &len) < 0)
		return false;
	release[strcspn(release, "\n")] = '\0';
	version = kernel_release_parse(release);
	if (!version)
		return false;
	rule_kernel_debian(version, ret);
	read_crypto(root, ret);
	read_lsm(root, ret);
	read_config(root, release, ret);
	return true;
}

enum tri kernel_ima_keys(int root)
{
	CLEAN_FREE char *text = NULL;
	const char *p;
	size_t len;

	if (file_read(root, "proc/keys", CRYPTO_MAX, &text, &len) < 0)
		return TRI_UNKNOWN;
	p = strstr(text, " .ima: ");
	if (!p)
		p = strstr(text, " _ima: ");
	if (!p)
		return TRI_UNKNOWN; /* ours are visible to their possessor only */
	return strncmp(p + 7, "empty", 5) != 0 ? TRI_YES : TRI_NO;
}
