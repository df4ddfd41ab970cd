/* 'imagate policy sign' and 'verify': a policy's detached signature, and the one that the kernel itself looks at. */
#include "cli/policy.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/pin.h"
#include "core/advice.h"
#include "core/label.h"
#include "core/policy.h"
#include "crypto/crypto.h"
#include "crypto/detached.h"
#include "crypto/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refused(const struct why *why, int code)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return code;
}

static int store(const char *path, const void *bytes, size_t len)
{
	int r = file_write_atomic(AT_FDCWD, path, bytes, len, 0644);

	if (r == 0) {
		(void)printf("%s\n", path);
		return IMAGATE_OK;
	}
	log_error("%s: %s", path, strerror(-r));
	return IMAGATE_FAILED;
}

static int sign_cms(const struct policy_wish *w, const struct policy_file *p)
{
	CLEAN_FREE uint8_t *signature = NULL;
	struct why why = { 0 };
	char path[PATH_MAX];
	size_t len;

	if (detached_sign(&(struct signer_wish){ w->key, w->cert, pin_ask }, p->text, p->len, &signature, &len, &why) != OUTCOME_OK)
		return refused(&why, IMAGATE_USAGE);
	(void)snprintf(path, sizeof(path), "%s.p7s", w->file); /* its length was looked at */
	return store(path, signature, len);
}

/* security.ima, version 2, over the SHA-256 of the file: what 'evmctl ima_sign --sigfile' writes. */
static int sign_ima(const struct policy_wish *w, const struct policy_file *p)
{
	const struct part part = { p->text, p->len };
	uint8_t digest[32], label[MAKER_LABEL_MAX];
	struct signer *s = NULL;
	struct why why = { 0 };
	char path[PATH_MAX];
	size_t len;
	enum outcome o = signer_open(&(struct signer_wish){ w->key, w->cert, pin_ask }, &s, &why);

	if (o == OUTCOME_OK)
		o = digest_parts(&part, 1, digest, &why);
	if (o == OUTCOME_OK)
		o = signer_sign(s, 3, 2, HASH_SHA256, digest, sizeof(digest), label, &len, &why);
	signer_close(&s);
	if (o != OUTCOME_OK)
		return refused(&why, IMAGATE_USAGE);
	(void)snprintf(path, sizeof(path), "%s.ima", w->file);
	return store(path, label, len);
}

static bool has_good_epoch(const struct policy_wish *w, const struct policy_file *p)
{
	unsigned epoch, line;

	if (policy_epoch(p->text, p->len, &epoch, &line))
		return true;
	log_error("%s:%u: imagate-epoch: one number from 1 on, once", w->file, line);
	return false;
}

int policy_sign(const struct policy_wish *w)
{
	static struct policy_file p;
	int r;

	if (!w->key || !w->cert) {
		log_error("policy sign: --key KEY and --cert CERTIFICATE are wanted");
		return IMAGATE_USAGE;
	}
	if (strlen(w->file) > PATH_MAX - 8) {
		log_error("the path is too long");
		return IMAGATE_USAGE;
	}
	r = policy_file_read(w, &p, NULL, NULL);
	if (r == IMAGATE_NOT_ADMITTED)
		log_error("%s: the kernel would refuse it, and so it is not signed: see 'imagate policy lint %s'", w->file, w->file);
	if (r == IMAGATE_OK && !has_good_epoch(w, &p))
		r = IMAGATE_USAGE;
	if (r == IMAGATE_OK)
		r = sign_cms(w, &p);
	if (r == IMAGATE_OK && w->ima)
		r = sign_ima(w, &p);
	free(p.text);
	return r;
}

static int verify(const char *dir, const struct policy_wish *w, const struct policy_file *p)
{
	CLEAN_FREE char *signature = NULL;
	struct why why = { 0 };
	char path[PATH_MAX];
	unsigned epoch, line;
	size_t len;
	int r = snprintf(path, sizeof(path), "%s.p7s", w->file) < (int)sizeof(path)
	        ? file_read(AT_FDCWD, path, DETACHED_MAX, &signature, &len) : -ENAMETOOLONG;

	if (r < 0) {
		log_error("%s: %s: sign it with 'imagate policy sign'", path, strerror(-r));
		return IMAGATE_NOT_ADMITTED;
	}
	if (detached_verify(AT_FDCWD, dir, w->file, p->text, p->len, (const uint8_t *)signature, len, &why) != OUTCOME_OK)
		return refused(&why, IMAGATE_NOT_ADMITTED);
	if (!has_good_epoch(w, p))
		return IMAGATE_NOT_ADMITTED;
	(void)policy_epoch(p->text, p->len, &epoch, &line); /* it is good */
	(void)printf("%s: signed by a certificate of %s; epoch %u\n", w->file, dir, epoch);
	return IMAGATE_OK;
}

int policy_verify(const struct policy_wish *w)
{
	static struct config c;
	static struct policy_file p;
	struct why why = { 0 };
	const char *dir = w->x509;
	int r;

	if (!dir && ini_config_load(AT_FDCWD, "/etc/imagate/imagate.conf", &c, &why) == OUTCOME_OK)
		dir = c.x509_policy;
	if (!dir || !*dir) {
		log_error("policy verify: which certificates? [policy] x509 is not set; give --x509 DIRECTORY");
		return IMAGATE_USAGE;
	}
	r = policy_file_read(w, &p, NULL, NULL);
	if (r != IMAGATE_USAGE)
		r = verify(dir, w, &p);
	free(p.text);
	return r;
}
