#include "core/story.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

/* GRUB's; those without a colon are Red Hat's, before GRUB itself measured. Whether a kernel command line follows. */
static const struct {
	const char *text;
	bool cmdline;
} prefixes[] = {
	{ "kernel_cmdline: ", true },      { "grub_cmd: ", false }, { "module_cmdline: ", false },
	{ "grub_kernel_cmdline ", true },  { "grub_cmd ", false },
};
/* Linux efistub.h */
#define TAG_INITRD 0x8f3b22ecu
#define TAG_LOAD_OPTIONS 0x8f3b22edu
/* systemd tpm2-pcr.h */
#define TAG_LOADER_CONF 0xf5bc582au
#define TAG_DEVICETREE 0x6c46f751u
#define TAG_INITRD_ADDON 0x49dffe0fu
#define TAG_UCODE_ADDON 0xdac08e1au
#define TAG_UKI_PROFILE 0x13aed6dbu

static const char *const measurers[] = {
	[BY_UNKNOWN] = "unknown",           [BY_FIRMWARE] = "firmware",         [BY_SHIM] = "shim",
	[BY_GRUB] = "GRUB",                 [BY_KERNEL_STUB] = "kernel's EFI stub",
	[BY_SYSTEMD_BOOT] = "systemd-boot", [BY_SYSTEMD_STUB] = "systemd-stub",
	[BY_WINDOWS] = "Windows",
};
_Static_assert(sizeof(measurers) / sizeof(measurers[0]) == BY_COUNT, "a measurer has no name");

static const struct {
	const char *name, *words; /* words: before the name of the thing */
} subjects[] = {
	[SUBJECT_OTHER] = { "other", "something not understood" },
	[SUBJECT_NOTE] = { "note", "a note, which measures nothing" },
	[SUBJECT_SEPARATOR] = { "separator", "the end of what the firmware measures before it boots" },
	[SUBJECT_ACTION] = { "action", "a step" },
	[SUBJECT_FIRMWARE] = { "firmware", "the firmware" },
	[SUBJECT_HARDWARE] = { "hardware", "the hardware's configuration" },
	[SUBJECT_DRIVER] = { "driver", "a driver or option ROM" },
	[SUBJECT_BOOT_VARIABLE] = { "boot-variable", "the boot variable" },
	[SUBJECT_PARTITIONS] = { "partitions", "the boot disk's partition table" },
	[SUBJECT_SECURE_BOOT] = { "secure-boot", "the Secure Boot variable" },
	[SUBJECT_AUTHORITY] = { "authority", "the key that vouched for an image, from" },
	[SUBJECT_IMAGE] = { "image", "the EFI program" },
	[SUBJECT_BOOT_CONFIG] = { "boot-config", "the boot loader's configuration:" },
	[SUBJECT_CMDLINE] = { "cmdline", "the kernel command line" },
	[SUBJECT_KERNEL] = { "kernel", "the kernel" },
	[SUBJECT_INITRD] = { "initrd", "the initramfs" },
	[SUBJECT_FILE] = { "file", "a file that the boot loader read," },
	[SUBJECT_OWNER_KEYS] = { "owner-keys", "the machine owner's keys," },
	[SUBJECT_UKI] = { "uki", "the unified kernel image's section" },
};
_Static_assert(sizeof(subjects) / sizeof(subjects[0]) == SUBJECT_COUNT, "a subject has no name");

const char *measurer_name(enum measurer m)
{
	return (size_t)m < BY_COUNT ? measurers[m] : "?";
}

const char *subject_name(enum subject s)
{
	return (size_t)s < SUBJECT_COUNT ? subjects[s].name : "?";
}

void story_words(const struct story *s, char *ret, size_t size)
{
	const char *words = (size_t)s->subject < SUBJECT_COUNT ? subjects[s->subject].words : "?";

	if (s->subject == SUBJECT_SEPARATOR || !*s->name)
		(void)snprintf(ret, size, "%s", words); /* cut */
	else
		(void)snprintf(ret, size, "%s%s %s", words, s->subject == SUBJECT_ACTION ? ":" : "", s->name); /* cut */
}

/* PFP table 1, and the Linux TPM PCR Registry of the UAPI group. */
const char *pcr_words(unsigned pcr)
{
	static const char *const words[EVENTLOG_PCRS] = {
		"the firmware's code", "the firmware's configuration, the boot variables", "drivers and option ROMs",
		"their configuration", "the programs that boot: boot loader, UKI", "the boot loader's configuration, the partition table",
		"the maker's own", "Secure Boot: on or off, its keys, who vouched", "GRUB: its commands and the kernel command line",
		"GRUB: files it read; the kernel: initramfs", "IMA's measurements of files", "systemd-stub: what is in the UKI",
		"systemd: command line, credentials, configuration beside the UKI", "systemd: system extensions",
		"shim: the machine owner's keys", "systemd: the machine's identity", "debugging", NULL, NULL, NULL, NULL, NULL, NULL,
		"applications",
	};

	return pcr < EVENTLOG_PCRS && words[pcr] ? words[pcr] : "dynamic launch";
}

/* -- what was hashed -------------------------------------------------------------------- */

static bool begins(const struct event *e, const char *prefix)
{
	return text_begins((const char *)e->data, e->len, prefix);
}

bool event_grub_string(const struct event *e, bool *ret_cmdline, const char **ret, size_t *ret_len)
{
	for (size_t i = 0; e->type == EV_IPL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const size_t skip = strlen(prefixes[i].text);

		if (!begins(e, prefixes[i].text))
			continue;
		*ret_cmdline = prefixes[i].cmdline;
		*ret = (const char *)e->data + skip;
		*ret_len = strnlen(*ret, e->len - skip);
		return true;
	}
	return false;
}

struct hashing {
	uint16_t alg;
	hash_fn hash;
	void *arg;
};

static bool is(const struct event *e, const struct hashing *h, const void *p, size_t len, struct part *ret)
{
	*ret = (struct part){ p, len };
	return event_digest_is(e, h->alg, ret, 1, h->hash, h->arg);
}

/* The whole data; the same without its final NUL; and what each kind of record wraps. */
bool event_measured(const struct event *e, uint16_t alg, hash_fn hash, void *arg, struct part *ret)
{
	const struct hashing h = { alg, hash, arg };
	struct efi_variable v;
	struct efi_tagged t;
	const char *string;
	size_t len;
	bool cmdline;

	if (is(e, &h, e->data, e->len, ret) || (e->len && !e->data[e->len - 1] && is(e, &h, e->data, e->len - 1, ret)))
		return true;
	if (event_grub_string(e, &cmdline, &string, &len)) /* Red Hat's hashed the NUL, too */
		return is(e, &h, string, len, ret) ||
		       ((const uint8_t *)string + len < e->data + e->len && is(e, &h, string, len + 1, ret));
	/* EDK2 measures the boot variables' data alone (MeasureVariable, EV_EFI_VARIABLE_BOOT) */
	if (e->type == EV_EFI_VARIABLE_BOOT && efi_variable_parse(e->data, e->len, &v))
		return is(e, &h, v.data, v.len, ret);
	return e->type == EV_EVENT_TAG && efi_tagged_parse(e->data, e->len, &t) && is(e, &h, t.data, t.len, ret);
}

/* -- who and what ------------------------------------------------------------------------ */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool name_begins(const char *name, const char *a, const char *b)
{
	return text_begins(name, strlen(name), a) || (b && text_begins(name, strlen(name), b));
}

static enum subject file_subject(const char *path)
{
	const char *name = last_part(path);

	if (name_begins(name, "initrd", "initramfs"))
		return SUBJECT_INITRD;
	if (name_begins(name, "vmlinuz", "vmlinux") || name_begins(name, "bzImage", "linux-"))
		return SUBJECT_KERNEL;
	return name_begins(name, "grub.cfg", "grubenv") ? SUBJECT_BOOT_CONFIG : SUBJECT_FILE;
}

static void tell_image(const struct story_teller *t, const struct eventlog *log, const struct event *e, struct story *ret)
{
	struct efi_image image;

	ret->by = t->shim ? BY_SHIM : BY_FIRMWARE;
	ret->subject = e->type == EV_EFI_BOOT_SERVICES_APPLICATION ? SUBJECT_IMAGE : SUBJECT_DRIVER;
	if (!efi_image_parse(e->data, e->len, log->uintn, &image))
		return;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", *image.path.file ? image.path.file
	               : *image.path.text ? image.path.text : "from memory, without a path");
	if (strcmp(ret->name, EFI_PATH_STUB_PAYLOAD) != 0)
		return;
	ret->subject = SUBJECT_KERNEL;
	(void)snprintf(ret->name, sizeof(ret->name), "in the unified kernel image");
}

/* "Boot0001": the name that the firmware's menu shows, and what it starts. */
static void tell_load_option(const struct efi_variable *v, struct story *ret)
{
	struct efi_path path;
	char name[EFI_NAME_MAX];

	if (strlen(v->name) != 8 || strncmp(v->name, "Boot", 4) != 0 || strspn(v->name + 4, "0123456789ABCDEFabcdef") != 4)
		return;
	if (efi_load_option_parse(v->data, v->len, name, sizeof(name), &path))
		(void)snprintf(ret->name, sizeof(ret->name), "%s: %s %.240s", v->name, name, *path.file ? path.file : path.text);
}

static void tell_blob(const struct event *e, struct story *ret)
{
	struct efi_blob blob;

	ret->by = BY_FIRMWARE;
	ret->subject = SUBJECT_FIRMWARE;
	if (efi_blob_parse(e->data, e->len, e->type == EV_EFI_PLATFORM_FIRMWARE_BLOB2, &blob))
		(void)snprintf(ret->name, sizeof(ret->name), "%s%s0x%llx, %llu bytes", blob.name, *blob.name ? " at " : "at ",
		               (unsigned long long)blob.base, (unsigned long long)blob.length);
}

static void tell_variable(const struct event *e, struct story *ret)
{
	struct efi_variable v;

	ret->by = BY_FIRMWARE;
	ret->subject = e->type == EV_EFI_VARIABLE_AUTHORITY ? SUBJECT_AUTHORITY
	               : e->pcr == 7 ? SUBJECT_SECURE_BOOT
	               : e->type == EV_EFI_VARIABLE_DRIVER_CONFIG ? SUBJECT_HARDWARE : SUBJECT_BOOT_VARIABLE;
	if (efi_variable_parse(e->data, e->len, &v)) {
		(void)snprintf(ret->name, sizeof(ret->name), "%s", v.name);
		if (ret->subject == SUBJECT_BOOT_VARIABLE)
			tell_load_option(&v, ret);
	}
	if (!strcmp(ret->name, "MokList") || !strcmp(ret->name, "Shim") || !strcmp(ret->name, "SbatLevel") ||
	    !strcmp(ret->name, "MokListTrusted"))
		ret->by = BY_SHIM;
}

/* EV_IPL: everyone behind the firmware uses it. GRUB and shim write 8-bit text, systemd UTF-16. */
static void tell_ipl(struct story_teller *t, const struct event *e, struct story *ret)
{
	const char *string;
	size_t len;
	bool cmdline;

	if (event_grub_string(e, &cmdline, &string, &len)) {
		ret->by = BY_GRUB;
		ret->subject = cmdline ? SUBJECT_CMDLINE : SUBJECT_BOOT_CONFIG;
		(void)efi_text((const uint8_t *)string, len, ret->name, sizeof(ret->name)); /* cut */
		return;
	}
	if (efi_is_utf16(e->data, e->len))
		(void)efi_utf16_text(e->data, e->len, ret->name, sizeof(ret->name)); /* cut */
	else
		(void)efi_text(e->data, e->len, ret->name, sizeof(ret->name)); /* cut */
	if (e->pcr == 11 || e->pcr == 13) {
		ret->by = BY_SYSTEMD_STUB;
		ret->subject = e->pcr == 11 ? SUBJECT_UKI : SUBJECT_FILE;
	} else if (e->pcr == 14) {
		ret->by = BY_SHIM;
		ret->subject = SUBJECT_OWNER_KEYS;
	} else if (e->pcr == 12 || (e->pcr == 8 && efi_is_utf16(e->data, e->len))) {
		/* systemd before 252 used PCR 8 */
		ret->by = t->stub ? BY_SYSTEMD_STUB : BY_SYSTEMD_BOOT;
		ret->subject = SUBJECT_CMDLINE;
	} else if (e->pcr == 9 || e->pcr == 8) {
		ret->by = BY_GRUB;
		ret->subject = e->pcr == 9 ? file_subject(ret->name) : SUBJECT_BOOT_CONFIG;
	}
}

static const struct {
	uint32_t tag;
	enum measurer by;
	enum subject subject;
	const char *name;
} tags[] = {
	{ TAG_INITRD, BY_KERNEL_STUB, SUBJECT_INITRD, "as the kernel got it" },
	{ TAG_LOAD_OPTIONS, BY_KERNEL_STUB, SUBJECT_CMDLINE, "as the kernel got it" },
	{ TAG_LOADER_CONF, BY_SYSTEMD_BOOT, SUBJECT_BOOT_CONFIG, "loader.conf" },
	{ TAG_DEVICETREE, BY_SYSTEMD_STUB, SUBJECT_UKI, "device tree" },
	{ TAG_INITRD_ADDON, BY_SYSTEMD_STUB, SUBJECT_INITRD, "addon" },
	{ TAG_UCODE_ADDON, BY_SYSTEMD_STUB, SUBJECT_FILE, "microcode addon" },
	{ TAG_UKI_PROFILE, BY_SYSTEMD_STUB, SUBJECT_UKI, "profile" },
};

static void tell_tag(const struct event *e, struct story *ret)
{
	struct efi_tagged t;

	if (!efi_tagged_parse(e->data, e->len, &t))
		return;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (tags[i].tag != t.tag)
			continue;
		ret->by = tags[i].by;
		ret->subject = tags[i].subject;
		(void)snprintf(ret->name, sizeof(ret->name), "%s", tags[i].name);
		return;
	}
	/* wbcl.h, SIPAEVENT: in these PCRs nobody else's are known to be */
	if (e->pcr >= 11 && e->pcr <= 14)
		ret->by = BY_WINDOWS;
	(void)snprintf(ret->name, sizeof(ret->name), "tag 0x%08x", (unsigned)t.tag);
}

/* Types whose data says little: what they are by the type alone, and the data as text where it is text. */
static const struct {
	uint32_t type;
	enum subject subject;
	bool text;
} plain[] = {
	{ EV_SEPARATOR, SUBJECT_SEPARATOR, false },
	{ EV_ACTION, SUBJECT_ACTION, true },
	{ EV_EFI_ACTION, SUBJECT_ACTION, true },
	{ EV_NO_ACTION, SUBJECT_NOTE, true },
	{ EV_S_CRTM_VERSION, SUBJECT_FIRMWARE, false },
	{ EV_S_CRTM_CONTENTS, SUBJECT_FIRMWARE, true },
	{ EV_EFI_HCRTM_EVENT, SUBJECT_FIRMWARE, true },
	{ EV_POST_CODE, SUBJECT_FIRMWARE, true },
	{ EV_POST_CODE2, SUBJECT_FIRMWARE, false },
	{ EV_NONHOST_CODE, SUBJECT_FIRMWARE, true },
	{ EV_CPU_MICROCODE, SUBJECT_FIRMWARE, true },
	{ EV_PLATFORM_CONFIG_FLAGS, SUBJECT_HARDWARE, true },
	{ EV_TABLE_OF_DEVICES, SUBJECT_HARDWARE, true },
	{ EV_NONHOST_CONFIG, SUBJECT_HARDWARE, true },
	{ EV_NONHOST_INFO, SUBJECT_HARDWARE, true },
	{ EV_EFI_HANDOFF_TABLES, SUBJECT_HARDWARE, false },
	{ EV_EFI_HANDOFF_TABLES2, SUBJECT_HARDWARE, false },
	{ EV_EFI_SPDM_FIRMWARE_BLOB, SUBJECT_DRIVER, false },
	{ EV_EFI_SPDM_FIRMWARE_CONFIG, SUBJECT_HARDWARE, false },
	{ EV_EFI_SPDM_DEVICE_POLICY, SUBJECT_HARDWARE, false },
	{ EV_EFI_SPDM_DEVICE_AUTHORITY, SUBJECT_AUTHORITY, false },
	{ EV_EFI_GPT_EVENT, SUBJECT_PARTITIONS, false },
	{ EV_EFI_GPT_EVENT2, SUBJECT_PARTITIONS, false },
	{ EV_IPL_PARTITION_DATA, SUBJECT_PARTITIONS, false },
	{ EV_OMIT_BOOT_DEVICE_EVENTS, SUBJECT_ACTION, true },
	{ EV_COMPACT_HASH, SUBJECT_OTHER, true },
};

/* Makers put numbers where others put text. */
static bool unreadable(const struct event *e)
{
	for (size_t i = 0; i < e->len && e->data[i]; i++)
		if (e->data[i] > 0x20 && e->data[i] < 0x7f)
			return false;
	return true;
}

static void tell_plain(const struct event *e, struct story *ret)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].type != e->type)
			continue;
		ret->by = BY_FIRMWARE;
		ret->subject = plain[i].subject;
		if (plain[i].text && !unreadable(e))
			(void)efi_text(e->data, e->len, ret->name, sizeof(ret->name)); /* cut */
		else if (e->type == EV_S_CRTM_VERSION && efi_is_utf16(e->data, e->len))
			(void)efi_utf16_text(e->data, e->len, ret->name, sizeof(ret->name)); /* cut */
		if (ret->subject != SUBJECT_OTHER || *ret->name)
			return;
	}
	(void)snprintf(ret->name, sizeof(ret->name), "%s (0x%x)", event_type_name(e->type), (unsigned)e->type);
}

void story_hear(struct story_teller *t, const struct event *e)
{
	t->stub |= e->pcr == 11;
	t->shim |= e->pcr == 14;
}

void event_story(struct story_teller *t, const struct eventlog *log, const struct event *e, uint16_t alg, hash_fn hash,
                 void *arg, struct story *ret)
{
	struct part measured;

	memset(ret, 0, sizeof(*ret));
	story_hear(t, e);
	switch (e->type) {
	case EV_EFI_BOOT_SERVICES_APPLICATION:
	case EV_EFI_BOOT_SERVICES_DRIVER:
	case EV_EFI_RUNTIME_SERVICES_DRIVER: tell_image(t, log, e, ret); break;
	case EV_EFI_VARIABLE_DRIVER_CONFIG:
	case EV_EFI_VARIABLE_BOOT:
	case EV_EFI_VARIABLE_BOOT2:
	case EV_EFI_VARIABLE_AUTHORITY: tell_variable(e, ret); break;
	case EV_EFI_PLATFORM_FIRMWARE_BLOB:
	case EV_EFI_PLATFORM_FIRMWARE_BLOB2: tell_blob(e, ret); break;
	case EV_IPL: tell_ipl(t, e, ret); break;
	case EV_EVENT_TAG: tell_tag(e, ret); break;
	default: tell_plain(e, ret); break;
	}
	ret->proven = event_extends(e) && event_measured(e, alg, hash, arg, &measured);
}
