#include "core/predict.h"
#include "core/efi.h"
#include "core/story.h"
#include "core/text.h"

#include <string.h>

struct run {
	const struct forecast *f;
	struct prediction *ret;
	const struct change *db; /* the change of the list that authority records refer to */
	bool digests; /* programs or files change */
};

static void doubt(struct run *r, const struct event *e, bool blocks, const char *reason)
{
	const struct doubt d = { blocks, e->number, e->pcr, reason };

	if (e->pcr >= EVENTLOG_PCRS || !(r->f->mask & UINT32_C(1) << e->pcr))
		return;
	if (blocks)
		r->ret->blocked |= UINT32_C(1) << e->pcr;
	r->f->emit(&d, r->f->emit_arg);
}

static const struct change *change_of(const struct forecast *f, const struct event *e)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->changes[i].kind != CHANGE_INSERT && f->changes[i].event == e->number)
			return &f->changes[i];
	return NULL;
}

/* -- what a changed record will have as its digest ----------------------------------------- */

static bool is_variable(uint32_t type)
{
	return type == EV_EFI_VARIABLE_DRIVER_CONFIG || type == EV_EFI_VARIABLE_BOOT || type == EV_EFI_VARIABLE_BOOT2;
}

/* As the firmware did it for the old data: over the whole record, or over the data alone. Where neither is so, nobody
 * knows what it will do with the new. */
static bool variable_digest(struct run *r, const struct event *e, const struct change *c, uint8_t *ret, bool *ret_unknown)
{
	const struct forecast *f = r->f;
	struct part parts[EFI_VARIABLE_PARTS], measured;
	struct efi_variable v;
	uint8_t store[16];

	if (!is_variable(e->type) || !efi_variable_parse(e->data, e->len, &v))
		return false;
	*ret_unknown = !event_measured(e, f->alg, f->hash, f->hash_arg, &measured);
	if (*ret_unknown)
		return true;
	efi_variable_parts(&v, c->bytes, c->len, store, parts);
	if (measured.p == v.data)
		return f->hash(f->hash_arg, f->alg, parts + 3, 1, ret);
	return f->hash(f->hash_arg, f->alg, parts, EFI_VARIABLE_PARTS, ret);
}

/* GRUB hashes the string without prefix and NUL (grub-core/commands/tpm.c), Red Hat's GRUB 2.02 with the NUL; where the
 * log's own string shows neither, as with one that was cut, the new one cannot be foretold. */
static bool string_digest(struct run *r, const struct event *e, const struct change *c, uint8_t *ret, bool *ret_unknown)
{
	const struct forecast *f = r->f;
	const struct part new[] = { { c->bytes, c->len }, { "", 1 } };
	struct part measured;
	const char *string;
	bool cmdline;
	size_t len;

	if (!event_grub_string(e, &cmdline, &string, &len))
		return false;
	*ret_unknown = !event_measured(e, f->alg, f->hash, f->hash_arg, &measured) || measured.p != string;
	return *ret_unknown || f->hash(f->hash_arg, f->alg, new, measured.len > len ? 2 : 1, ret);
}

static const char *changed_digest(struct run *r, const struct event *e, const struct change *c, uint8_t *ret)
{
	bool unknown = false, ok;

	switch (c->kind) {
	case CHANGE_DIGEST:
		if (c->len != r->ret->values.size)
			return "a changed record's digest is of another bank's length";
		memcpy(ret, c->bytes, c->len);
		return NULL;
	case CHANGE_VARIABLE: ok = variable_digest(r, e, c, ret, &unknown); break;
	case CHANGE_STRING: ok = string_digest(r, e, c, ret, &unknown); break;
	default: return "a change of no known kind";
	}
	if (!ok)
		return "a change is for a record of another kind, or the hash failed";
	if (unknown) {
		doubt(r, e, true, "what the log shows of this record is not what was hashed: how the new one will be, nobody knows");
		memset(ret, 0, r->ret->values.size);
	}
	return NULL;
}

/* -- what follows from changes -------------------------------------------------------------- */

static bool is_image(const struct event *e)
{
	return e->type == EV_EFI_BOOT_SERVICES_APPLICATION || e->type == EV_EFI_BOOT_SERVICES_DRIVER ||
	       e->type == EV_EFI_RUNTIME_SERVICES_DRIVER;
}

static void remember(struct run *r, const struct event *e, const struct change *c)
{
	struct efi_variable v;

	if (c->kind == CHANGE_VARIABLE && e->pcr == 7 && efi_variable_parse(e->data, e->len, &v) && !strcmp(v.name, "db"))
		r->db = c;
}

/* The key that vouches for an image is taken from db (PFP 3.3.4.8): it is in the new one, or another will be measured. */
static void check_authority(struct run *r, const struct event *e)
{
	struct efi_variable v;

	if (r->db && efi_variable_parse(e->data, e->len, &v) && !strcmp(v.name, "db") &&
	    !efi_signatures_hold(r->db->bytes, r->db->len, v.data, v.len))
		doubt(r, e, true, "the key that vouched for a program in this boot is not in the new db: another will be measured, or none");
	else if (r->digests)
		doubt(r, e, false, "holds if the changed programs are signed by the same keys as now");
}

static bool not_understood(struct run *r, const struct event *e)
{
	struct story_teller teller = { 0 };
	struct story s;

	event_story(&teller, r->f->log, e, r->f->alg, r->f->hash, r->f->hash_arg, &s);
	return s.subject == SUBJECT_OTHER;
}

static void check_unchanged(struct run *r, const struct event *e)
{
	if (e->type == EV_EFI_VARIABLE_AUTHORITY)
		check_authority(r, e);
	else if (!strcmp(event_type_name(e->type), "?"))
		doubt(r, e, true, "a kind of record that the profile does not have: whether it comes again as it was, nobody knows");
	else if (not_understood(r, e))
		doubt(r, e, false, "not understood: taken as it was in this boot");
}

/* -- the replay ------------------------------------------------------------------------------ */

static const char *take(struct run *r, const struct event *e)
{
	const struct forecast *f = r->f;
	const struct change *c = change_of(f, e);
	uint8_t digest[BANK_DIGEST_MAX];
	const char *wrong = NULL;

	if (!c) {
		if (event_extends(e))
			check_unchanged(r, e);
		return pcr_values_take(&r->ret->values, e, f->hash, f->hash_arg) ? NULL
		       : "the record has no digest of this bank, or the hash failed";
	}
	r->ret->applied++;
	if (!event_extends(e))
		return "a change is for a record that measures nothing";
	remember(r, e, c);
	if (c->kind == CHANGE_DROP)
		return NULL;
	wrong = changed_digest(r, e, c, digest);
	if (wrong)
		return wrong;
	return pcr_values_extend(&r->ret->values, e->pcr, digest, f->hash, f->hash_arg) ? NULL : "the hash failed";
}

/* Those before this record; at the end, all that are left. */
static const char *insert(struct run *r, unsigned number, bool end)
{
	const struct forecast *f = r->f;

	for (size_t i = 0; i < f->count; i++) {
		const struct change *c = &f->changes[i];

		if (c->kind != CHANGE_INSERT || (end ? c->event < number : c->event != number))
			continue;
		r->ret->applied++;
		if (c->len != r->ret->values.size || !pcr_values_extend(&r->ret->values, c->pcr, c->bytes, f->hash, f->hash_arg))
			return "an added record's digest is of another bank's length, or its PCR is none";
	}
	return NULL;
}

bool predict(const struct forecast *f, struct prediction *ret, struct eventlog_error *error)
{
	struct run r = { .f = f, .ret = ret };
	struct event_cursor c;
	struct event e = { 0 };
	const char *wrong = NULL;

	memset(ret, 0, sizeof(*ret));
	*error = (struct eventlog_error){ 0, NULL };
	pcr_values_reset(&ret->values, f->alg);
	for (size_t i = 0; i < f->count; i++)
		r.digests |= f->changes[i].kind == CHANGE_DIGEST;
	if (!eventlog_has(f->log, f->alg) || !ret->values.size)
		wrong = "the log has no digests of this bank";
	event_begin(&c, f->log);
	while (!wrong && event_next(&c, &e)) {
		wrong = insert(&r, e.number, false);
		if (!wrong)
			wrong = take(&r, &e);
	}
	if (!wrong && !c.error.reason)
		wrong = insert(&r, c.number, true);
	if (!wrong && !c.error.reason && ret->applied != f->count)
		wrong = "a change is for a record that the log does not have, or two are for the same";
	*error = wrong ? (struct eventlog_error){ e.offset, wrong } : c.error;
	return !error->reason;
}

/* -- finding what to change -------------------------------------------------------------------- */

bool predict_find_image(const struct eventlog *log, const char *path, unsigned from, struct event *ret)
{
	struct event_cursor c;
	struct efi_image image;

	event_begin(&c, log);
	while (event_next(&c, ret))
		if (ret->number >= from && is_image(ret) && efi_image_parse(ret->data, ret->len, log->uintn, &image) &&
		    !strcmp(image.path.file, path))
			return true;
	return false;
}

bool predict_find_variable(const struct eventlog *log, uint32_t pcr, const char *name, unsigned from, struct event *ret)
{
	struct event_cursor c;
	struct efi_variable v;

	event_begin(&c, log);
	while (event_next(&c, ret))
		if (ret->number >= from && ret->pcr == pcr && is_variable(ret->type) &&
		    efi_variable_parse(ret->data, ret->len, &v) && !strcmp(v.name, name))
			return true;
	return false;
}

bool predict_find_file(const struct eventlog *log, const char *path, unsigned from, struct event *ret)
{
	struct event_cursor c;

	event_begin(&c, log);
	while (event_next(&c, ret)) {
		const char *name = (const char *)ret->data;
		size_t len = ret->len ? strnlen(name, ret->len) : 0;
		const char *close = len && *name == '(' ? memchr(name, ')', len) : NULL;

		if (ret->number < from || ret->type != EV_IPL || ret->pcr != 9)
			continue;
		if (close) {
			len -= (size_t)(close + 1 - name);
			name = close + 1;
		}
		if (text_is(name, len, path))
			return true;
	}
	return false;
}

bool predict_find_string(const struct eventlog *log, bool cmdline, const char *string, unsigned from, struct event *ret)
{
	struct event_cursor c;
	const char *is;
	size_t len;
	bool is_cmdline;

	event_begin(&c, log);
	while (event_next(&c, ret))
		if (ret->number >= from && event_grub_string(ret, &is_cmdline, &is, &len) && is_cmdline == cmdline &&
		    text_is(is, len, string))
			return true;
	return false;
}
