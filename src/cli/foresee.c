#include "cli/foresee.h"

#include "base/file.h"
#include "cli/foreseegrub.h"
#include "cli/grubtrace.h"
#include "core/efi.h"
#include "core/pe.h"
#include "core/story.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 30)
#define VARIABLE_MAX (1u << 20)
#define EFIVARS "/sys/firmware/efi/efivars/"
#define ALWAYS_THERE EFIVARS "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c" /* UEFI, 3.3: wherever PCR 7 is measured */

/* -- what is found ------------------------------------------------------------------------------ */

void foresee_say(struct foresight *f, const struct event *e, int how, const char *fmt, ...)
{
	struct said *s = &f->said[f->said_count];
	va_list ap;

	if (e->pcr < 32 && !(f->mask & UINT32_C(1) << e->pcr))
		return;
	if (how == FORESEE_BLOCKED)
		f->blocked |= UINT32_C(1) << e->pcr;
	if (f->said_count == FORESEE_SAID)
		return;
	*s = (struct said){ .pcr = e->pcr, .blocks = how == FORESEE_BLOCKED, .doubt = how == FORESEE_DOUBT };
	va_start(ap, fmt);
	(void)vsnprintf(s->words, sizeof(s->words), fmt, ap); /* cut is fine */
	va_end(ap);
	f->said_count++;
}

bool foresee_change(struct foresight *f, enum change_kind kind, const struct event *e, const void *bytes, size_t len)
{
	void *copy;

	if (e->pcr < 32 && !(f->mask & UINT32_C(1) << e->pcr))
		return true; /* nobody asked */
	copy = f->count < FORESEE_CHANGES ? malloc(len + 1) : NULL;
	if (!copy) {
		foresee_say(f, e, FORESEE_BLOCKED, "too many changes");
		return false;
	}
	if (len)
		memcpy(copy, bytes, len);
	f->bytes[f->count] = copy;
	f->change[f->count++] = (struct change){ .kind = kind, .event = e->number, .pcr = e->pcr, .bytes = copy, .len = len };
	return true;
}

/* -- files --------------------------------------------------------------------------------------- */

/* Each FAT file system that is mounted, then where the others usually are. */
static int read_below(const struct foresight *f, const char *where, const char *path, char **ret, size_t *ret_len)
{
	CLEAN_FD fd = -1;
	char name[1024];
	int r;

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", where, path + (*path == '/')) >= sizeof(name))
		return -ENAMETOOLONG;
	r = file_open_in_root(f->root, name, &fd);
	return r == 0 ? file_read_fd(fd, FILE_MAX, ret, ret_len) : r;
}

static int read_on_fat(const struct foresight *f, const char *path, char **ret, size_t *ret_len)
{
	CLEAN_FREE char *mounts = NULL;
	char *line, *next;
	size_t len;
	int r = file_read(f->root, "/proc/self/mounts", VARIABLE_MAX, &mounts, &len);

	if (r < 0)
		return -ENOENT;
	r = -ENOENT;
	for (line = mounts; r == -ENOENT && line && *line; line = next) {
		char where[512], type[32];

		next = strchr(line, '\n');
		next = next ? next + 1 : NULL;
		if (sscanf(line, "%*s %511s %31s", where, type) == 2 && !strcmp(type, "vfat"))
			r = read_below(f, where, path, ret, ret_len);
	}
	return r;
}

int foresee_read(const struct foresight *f, const char *path, char **ret, size_t *ret_len)
{
	static const char *const places[] = { "", "/boot", "/boot/efi", "/efi" };
	int r = -ENOENT;

	if (*path == '(') /* GRUB's device */
		path = strchr(path, ')') ? strchr(path, ')') + 1 : path;
	for (size_t i = 0; r == -ENOENT && i < sizeof(places) / sizeof(places[0]); i++)
		r = read_below(f, places[i], path, ret, ret_len);
	return r == -ENOENT ? read_on_fat(f, path, ret, ret_len) : r;
}

bool foresee_digest(const struct foresight *f, const char *bytes, size_t len, bool image, uint8_t ret[static BANK_DIGEST_MAX])
{
	static struct pe pe;
	const struct part all = { bytes, len };
	const char *reason;
	size_t at;

	if (!image)
		return digest_hash(NULL, f->alg, &all, 1, ret);
	return pe_parse((const uint8_t *)bytes, len, &pe, &at, &reason) && pe_digest(&pe, f->alg, digest_hash, NULL, ret);
}

static bool same_digest(const struct foresight *f, const struct event *e, const uint8_t *digest)
{
	return !memcmp(event_digest(e, f->alg), digest, bank_size(f->alg));
}

/* -- EFI programs --------------------------------------------------------------------------------- */

static bool is_program(const struct event *e)
{
	return e->type == EV_EFI_BOOT_SERVICES_APPLICATION || e->type == EV_EFI_BOOT_SERVICES_DRIVER ||
	       e->type == EV_EFI_RUNTIME_SERVICES_DRIVER;
}

/* The stub starts the kernel that is inside of the unified image by the firmware, which measures it once more. */
struct inside {
	uint8_t kernel[BANK_DIGEST_MAX];
	bool has;           /* the kernel's digest */
	bool other, now;    /* the next boot starts another image than this one; this one did start one: its stub's records are there */
	struct event image; /* where the log names the other */
};

static bool is_uki(const char *bytes, size_t len)
{
	static struct pe pe;
	const char *reason;
	size_t n;

	return pe_parse((const uint8_t *)bytes, len, &pe, &n, &reason) && pe_is_uki(&pe);
}

/* What is none leaves it as it was: an addon that the stub has loaded meanwhile, for one. */
static void look_inside(struct foresight *f, const char *bytes, size_t len, struct inside *in)
{
	static struct pe pe;
	const struct pe_section *s;
	const uint8_t *p;
	const char *reason;
	size_t n;

	if (!pe_parse((const uint8_t *)bytes, len, &pe, &n, &reason) || !pe_is_uki(&pe))
		return;
	s = pe_section_find(&pe, ".cmdline");
	if (s && !f->next_cmdline && pe_section_bytes((const uint8_t *)bytes, len, s, &p, &n))
		f->next_cmdline = strndup((const char *)p, n);
	s = pe_section_find(&pe, ".linux");
	in->has = s && pe_section_bytes((const uint8_t *)bytes, len, s, &p, &n) && foresee_digest(f, (const char *)p, n, true, in->kernel);
}

static void from_disk(struct foresight *f, const struct event *e, const struct efi_image *image, struct inside *in)
{
	const struct event sections = { .pcr = 11, .number = e->number }; /* systemd-stub(7) */
	CLEAN_FREE char *bytes = NULL;
	uint8_t digest[BANK_DIGEST_MAX];
	size_t len;
	int r = foresee_read(f, image->path.file, &bytes, &len);

	if (r < 0) {
		foresee_say(f, e, FORESEE_BLOCKED, "%s: %s: the next boot would start something else (is the EFI system partition "
		            "mounted?)", image->path.file, strerror(-r));
		return;
	}
	if (!foresee_digest(f, bytes, len, true, digest)) {
		foresee_say(f, e, FORESEE_BLOCKED, "%s is no EFI program any more", image->path.file);
		return;
	}
	look_inside(f, bytes, len, in);
	if (same_digest(f, e, digest))
		return;
	foresee_say(f, e, FORESEE_CHANGED, "%s changed", image->path.file);
	if (is_uki(bytes, len)) {
		in->other = true;
		in->image = *e;
		foresee_say(f, &sections, FORESEE_BLOCKED, "%s changed: what its stub will measure is for signed PCR policies ('imagate "
		            "pcr-policy')", image->path.file);
	}
	(void)foresee_change(f, CHANGE_DIGEST, e, digest, bank_size(f->alg));
}

static void payload(struct foresight *f, const struct event *e, const struct inside *in)
{
	if (!in->has) {
		foresee_say(f, e, FORESEE_BLOCKED, "there is no unified kernel image any more, or no kernel in it that could be measured");
	} else if (!same_digest(f, e, in->kernel)) {
		foresee_say(f, e, FORESEE_CHANGED, "the kernel inside of the unified kernel image changed");
		(void)foresee_change(f, CHANGE_DIGEST, e, in->kernel, bank_size(f->alg));
	}
}

static void program(struct foresight *f, const struct event *e, struct inside *in)
{
	struct efi_image image;

	if (!efi_image_parse(e->data, e->len, f->log->uintn, &image))
		foresee_say(f, e, FORESEE_DOUBT, "a program whose record is not understood: taken as it was");
	else if (*image.path.file && image.path.source == EFI_SOURCE_DISK)
		from_disk(f, e, &image, in);
	else if (!strcmp(image.path.text, EFI_PATH_STUB_PAYLOAD))
		payload(f, e, in);
}

/* Where GRUB was, a unified kernel image is: records will come that this boot has not. */
static void other_chain(struct foresight *f, const struct inside *in)
{
	if (in->other && !in->now)
		foresee_say(f, &in->image, FORESEE_BLOCKED, "it is a unified kernel image now, which measures more than what this boot began with");
}

/* -- EFI variables ---------------------------------------------------------------------------------- */

static void variable(struct foresight *f, const struct event *e)
{
	CLEAN_FREE char *bytes = NULL;
	struct efi_variable v;
	char guid[EFI_GUID_TEXT], path[512];
	const char *data = "";
	size_t len = 0;
	int r;

	if (!efi_variable_parse(e->data, e->len, &v))
		return; /* predict() has a doubt about what it does not understand */
	efi_guid_text(v.guid, guid);
	(void)snprintf(path, sizeof(path), EFIVARS "%s-%s", v.name, guid); /* both are bounded */
	r = file_read(f->root, path, VARIABLE_MAX, &bytes, &len);
	/* one that is not there is empty; but not because nobody mounted them */
	if (r == -ENOENT && !file_exists(f->root, ALWAYS_THERE)) {
		foresee_say(f, e, FORESEE_BLOCKED, "%s: efivarfs is not mounted there", v.name);
		return;
	}
	if (r == 0 && len >= 4) {
		data = bytes + 4; /* behind the attributes: efivarfs(5) */
		len -= 4;
	} else if (r != -ENOENT) {
		foresee_say(f, e, FORESEE_BLOCKED, "%s: %s", path, r ? strerror(-r) : "too short");
		return;
	}
	if (len == v.len && !memcmp(data, v.data, len))
		return;
	foresee_say(f, e, FORESEE_CHANGED, "the variable %s changed", v.name);
	(void)foresee_change(f, CHANGE_VARIABLE, e, data, len);
}

/* -- GRUB's files -------------------------------------------------------------------------------------- */

/* Before GRUB read its grub.cfg: its own modules, and a configuration that leads there. */
static bool steers(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcmp(path + n - 4, ".cfg");
}

static void steered(struct foresight *f, const struct event *e, const char *path)
{
	const struct event commands = { .pcr = 8, .number = e->number };

	foresee_say(f, e, FORESEE_BLOCKED, "%s changed: which files GRUB will read by it is not known", path);
	foresee_say(f, &commands, FORESEE_BLOCKED, "%s changed: which commands GRUB will run by it is not known", path);
}

static void grub_file(struct foresight *f, const struct event *e)
{
	CLEAN_FREE char *bytes = NULL;
	uint8_t digest[BANK_DIGEST_MAX];
	char path[EFI_PATH_MAX];
	size_t len;
	int r;

	(void)efi_text(e->data, e->len, path, sizeof(path)); /* cut: then it is nowhere */
	if (!strncmp(path, "(memdisk)", 9))
		return; /* a part of GRUB's own program */
	r = foresee_read(f, path, &bytes, &len);
	if (r < 0 || !foresee_digest(f, bytes, len, false, digest)) {
		foresee_say(f, e, FORESEE_BLOCKED, "%s: %s: GRUB read it in this boot", path, strerror(r < 0 ? -r : EIO));
	} else if (!same_digest(f, e, digest) && steers(path)) {
		steered(f, e, path);
	} else if (!same_digest(f, e, digest)) {
		foresee_say(f, e, FORESEE_CHANGED, "%s changed", path);
		(void)foresee_change(f, CHANGE_DIGEST, e, digest, bank_size(f->alg));
	}
}

/* The kernel's own record of its command line or initramfs: of what changed before it came to the kernel, its form is not known. */
static void kernel_stub(struct foresight *f, const struct event *e, const struct inside *in)
{
	bool changed = in->other;

	for (size_t i = 0; i < f->count; i++)
		changed |= f->change[i].pcr == 9;
	if (changed)
		foresee_say(f, e, FORESEE_BLOCKED, "what the kernel itself will measure of its other initramfs or command line is not known");
}

/* -- all of it ------------------------------------------------------------------------------------------- */

static void look_at(struct foresight *f, const struct event *e, struct inside *in)
{
	/* GRUB's files are looked at for its commands, too, and programs for what they measure */
	uint32_t of = e->pcr == 4 ? UINT32_C(0xa10) : e->pcr == 9 ? UINT32_C(3) << 8 : e->pcr < EVENTLOG_PCRS ? UINT32_C(1) << e->pcr : 0;

	in->now |= e->pcr == 11 && e->type == EV_IPL;
	if (!event_extends(e) || !(f->mask & of) || !event_digest(e, f->alg) || foresee_is_grubs(f, e))
		return;
	if (is_program(e))
		program(f, e, in);
	else if (e->type == EV_EFI_VARIABLE_DRIVER_CONFIG || e->type == EV_EFI_VARIABLE_BOOT || e->type == EV_EFI_VARIABLE_BOOT2)
		variable(f, e);
	else if (e->type == EV_IPL && e->pcr == 9)
		grub_file(f, e);
	else if (e->type == EV_EVENT_TAG && e->pcr == 9)
		kernel_stub(f, e, in);
}

static void doubt(const struct doubt *d, void *arg)
{
	const struct event e = { .pcr = d->pcr, .number = d->event };

	foresee_say(arg, &e, d->blocks ? FORESEE_BLOCKED : FORESEE_DOUBT, "record %u: %s", d->event, d->reason);
}

bool foresee(struct foresight *f, struct eventlog_error *error)
{
	struct forecast c = { .log = f->log, .alg = f->alg, .mask = f->mask, .hash = digest_hash, .emit = doubt, .emit_arg = f };
	struct event_cursor cursor;
	struct inside in = { 0 };
	struct event e;

	foresee_grub(f);
	event_begin(&cursor, f->log);
	while (event_next(&cursor, &e))
		look_at(f, &e, &in);
	other_chain(f, &in);
	c.changes = f->change;
	c.count = f->count;
	if (!predict(&c, &f->prediction, error))
		return false;
	f->blocked |= f->prediction.blocked;
	return true;
}

void foresee_end(struct foresight *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->bytes[i]);
	f->count = 0;
	free(f->next_cmdline);
	f->next_cmdline = NULL;
	grub_trace_free(&f->grub);
}
