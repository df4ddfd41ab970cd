/* 'imagate catalogue sign' and 'verify': of catalogues, and of lists of what is revoked. */
#include "cli/catalogue.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/pin.h"
#include "core/revoked.h"
#include "crypto/detached.h"
#include "label/cataloguefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HEAD 64 /* enough to know which of both it is */

/* One of them. */
struct subject {
	struct catalogue_file file;
	char *list; /* malloc'ed; NULL: a catalogue */
	struct revoked revoked;
	const void *text;
	size_t len;
};

static void subject_free(struct subject *s)
{
	catalogue_file_free(&s->file);
	free(s->list);
}

static enum outcome parse_list(const char *path, struct subject *s, struct why *why)
{
	struct catalogue_error error;

	s->text = s->list;
	if (revoked_parse(s->list, s->len, &s->revoked, &error))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, error.line, "parse", path);
	why_detail(why, error.reason);
	return OUTCOME_REFUSED;
}

static bool is_list(const char *path)
{
	CLEAN_FD fd = -1;
	char head[HEAD];
	ssize_t n = file_open(AT_FDCWD, path, &fd) < 0 ? -1 : pread(fd, head, sizeof(head), 0);

	return n > 0 && revoked_is(head, (size_t)n);
}

/* v: NULL where its signature does not matter. */
static enum outcome subject_read(const char *path, const struct verifier *v, struct subject *ret, struct why *why)
{
	CLEAN_FREE char *signature = NULL;
	char beside[PATH_MAX];
	size_t len;
	enum outcome o;
	int r;

	*ret = (struct subject){ .list = NULL };
	if (!is_list(path)) {
		o = catalogue_file_load(AT_FDCWD, path, v, &ret->file, why);
		ret->text = ret->file.text;
		ret->len = ret->file.catalogue.len;
		return o;
	}
	r = snprintf(beside, sizeof(beside), "%s" CATALOGUE_SIGNATURE, path) < (int)sizeof(beside)
	    ? file_read(AT_FDCWD, path, REVOKED_MAX, &ret->list, &ret->len) : -ENAMETOOLONG;
	if (r == 0 && v)
		r = file_read(AT_FDCWD, beside, CATALOGUE_SIGNATURE_MAX, &signature, &len);
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", ret->list ? beside : path);
		return ret->list ? OUTCOME_REFUSED : OUTCOME_BROKEN;
	}
	o = v ? v->detached(v->state, path, ret->list, ret->len, (const uint8_t *)signature, len, why) : OUTCOME_OK;
	return o == OUTCOME_OK ? parse_list(path, ret, why) : o;
}

static int store(const char *path, const void *bytes, size_t len)
{
	char beside[PATH_MAX];
	int r = snprintf(beside, sizeof(beside), "%s" CATALOGUE_SIGNATURE, path) < (int)sizeof(beside)
	        ? file_write_atomic(AT_FDCWD, beside, bytes, len, 0644) : -ENAMETOOLONG;

	if (r == 0) {
		(void)printf("%s\n", beside);
		return IMAGATE_OK;
	}
	log_error("%s: %s", beside, strerror(-r));
	return IMAGATE_FAILED;
}

int catalogue_sign(const struct catalogue_wish *w)
{
	CLEAN_FREE uint8_t *signature = NULL;
	struct subject s;
	struct why why = { 0 };
	size_t len;
	enum outcome o;

	if (!w->key || !w->cert) {
		log_error("catalogue sign: --key KEY and --cert CERTIFICATE are wanted");
		return IMAGATE_USAGE;
	}
	o = subject_read(w->args[0], NULL, &s, &why);
	if (o == OUTCOME_OK)
		o = detached_sign(&(struct signer_wish){ w->key, w->cert, pin_ask }, s.text, s.len, &signature, &len, &why);
	subject_free(&s);
	return o == OUTCOME_OK ? store(w->args[0], signature, len) : catalogue_said(&why, IMAGATE_USAGE);
}

int catalogue_verify(const struct catalogue_wish *w)
{
	struct config c;
	struct detached_trust trust = { AT_FDCWD, c.x509_catalogue };
	struct verifier v = detached_verifier(&trust);
	struct subject s;
	struct why why = { 0 };
	enum outcome o;
	int r = catalogue_config(w, &c);

	if (r != IMAGATE_OK)
		return r;
	o = subject_read(w->args[0], &v, &s, &why);
	if (o != OUTCOME_OK)
		r = catalogue_said(&why, o == OUTCOME_REFUSED ? IMAGATE_NOT_ADMITTED : IMAGATE_USAGE);
	else if (s.list)
		(void)printf("%s: signed by a certificate of %s; what is revoked, epoch %u\n", w->args[0], c.x509_catalogue, s.revoked.epoch);
	else
		(void)printf("%s: signed by a certificate of %s; %.*s, epoch %u, %zu files\n", w->args[0], c.x509_catalogue,
		             (int)s.file.catalogue.name_len, s.file.catalogue.name, s.file.catalogue.epoch, s.file.catalogue.count);
	subject_free(&s);
	return r;
}
