#include "core/coverage.h"

#include <stdio.h>
#include <string.h>

#define BIT(n) (UINT32_C(1) << (n))

static const struct {
	const char *name, *words, *open;
} aspects[] = {
	[ASPECT_FIRMWARE] = { "firmware", "the firmware", "whoever can write the firmware's chip can have the key" },
	[ASPECT_DRIVERS] = { "drivers", "drivers and option ROMs", "whoever plugs in a card with a ROM of its own can have the key" },
	[ASPECT_SECURE_BOOT] = { "secure-boot", "Secure Boot's state and keys",
	                         "whoever can enter the firmware's setup can switch Secure Boot off and still have the key" },
	[ASPECT_LOADER] = { "loader", "the boot loader",
	                    "whoever can write to the ESP can boot a program of their own and have the key" },
	[ASPECT_KERNEL] = { "kernel", "the kernel", "whoever can write to /boot can boot a kernel of their own and have the key" },
	[ASPECT_INITRD] = { "initrd", "the initramfs",
	                    "whoever can write to /boot can put a shell into the initramfs and have the key" },
	[ASPECT_CMDLINE] = { "cmdline", "the kernel command line",
	                     "whoever can write to /boot, or stands at the keyboard when the boot menu shows, can start a shell instead of "
	                     "the gate and have the key" },
};
_Static_assert(sizeof(aspects) / sizeof(aspects[0]) == ASPECT_COUNT, "an aspect has no words");

const char *aspect_name(enum aspect a)
{
	return (size_t)a < ASPECT_COUNT ? aspects[a].name : "?";
}

const char *aspect_words(enum aspect a)
{
	return (size_t)a < ASPECT_COUNT ? aspects[a].words : "?";
}

const char *coverage_open_words(const struct coverage *c, enum aspect a, uint32_t mask)
{
	if (a >= ASPECT_KERNEL && (c->aspect[a].any & mask) && !(mask & BIT(4)))
		return "whoever can write to the ESP can boot a program that measures what they like: PCR 4 must be among these";
	if ((a == ASPECT_KERNEL || a == ASPECT_LOADER) && c->secure_boot)
		return "whoever has one that is signed by a key of Secure Boot, an old one for instance, can boot it and have the key";
	if (a == ASPECT_INITRD && c->uki && (mask & BIT(4)))
		return "whoever can write to the ESP can put credentials and system extensions beside the UKI, which systemd-stub hands to the "
		       "initramfs, with Secure Boot, too";
	if (a == ASPECT_CMDLINE && c->uki && (c->aspect[a].also & ~mask & BIT(12)))
		return "Secure Boot is off: whoever can set a boot entry's options can replace the command line in the UKI and have the key";
	return (size_t)a < ASPECT_COUNT ? aspects[a].open : "?";
}

static void measured(struct coverage *c, enum aspect a, uint32_t pcr, enum measurer by)
{
	c->aspect[a].any |= BIT(pcr);
	c->aspect[a].by |= 1u << by;
}

/* A section in PCR 11 is part of the program in PCR 4: either tells. */
static void take_uki(struct coverage *c, const struct story *s, uint32_t pcr)
{
	static const struct {
		const char *section;
		enum aspect aspect;
	} sections[] = { { ".linux", ASPECT_KERNEL }, { ".initrd", ASPECT_INITRD }, { ".cmdline", ASPECT_CMDLINE } };

	c->uki = true;
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (strcmp(s->name, sections[i].section) != 0)
			continue;
		measured(c, sections[i].aspect, pcr, BY_SYSTEMD_STUB);
		measured(c, sections[i].aspect, 4, BY_FIRMWARE);
	}
}

static void take_image(struct coverage *c, const struct story *s, uint32_t pcr)
{
	const char *slash = strrchr(s->name, '/'), *name = slash ? slash + 1 : s->name;

	measured(c, ASPECT_LOADER, pcr, s->by);
	if (!strncmp(name, "vmlinuz", 7) || !strncmp(name, "vmlinux", 7) || !strncmp(name, "bzImage", 7))
		measured(c, ASPECT_KERNEL, pcr, s->by);
}

/* What a variable says counts only where it hashes to what was measured. */
static void take_secure_boot(struct coverage *c, const struct event *e, const struct story *s)
{
	struct efi_variable v;

	measured(c, ASPECT_SECURE_BOOT, e->pcr, s->by);
	if (s->proven && !strcmp(s->name, "SecureBoot") && efi_variable_parse(e->data, e->len, &v))
		c->secure_boot = v.len == 1 && v.data[0] == 1;
}

static void measured_whole(struct coverage *c, enum aspect a, const struct event *e, const struct story *s)
{
	measured(c, a, e->pcr, s->by);
	if (s->by == BY_KERNEL_STUB)
		c->aspect[a].whole |= BIT(e->pcr);
}

static void take(struct coverage *c, const struct event *e, const struct story *s)
{
	c->grub |= s->by == BY_GRUB;
	switch (s->subject) {
	case SUBJECT_FIRMWARE: measured(c, ASPECT_FIRMWARE, e->pcr, s->by); break;
	case SUBJECT_DRIVER: measured(c, ASPECT_DRIVERS, e->pcr, s->by); break;
	case SUBJECT_SEPARATOR:
		if (e->pcr == 2) /* none is there: one more would show */
			measured(c, ASPECT_DRIVERS, e->pcr, s->by);
		break;
	case SUBJECT_SECURE_BOOT: take_secure_boot(c, e, s); break;
	case SUBJECT_IMAGE: take_image(c, s, e->pcr); break;
	case SUBJECT_KERNEL: measured(c, ASPECT_KERNEL, e->pcr, s->by); break;
	case SUBJECT_INITRD: measured_whole(c, ASPECT_INITRD, e, s); break;
	case SUBJECT_CMDLINE: measured_whole(c, ASPECT_CMDLINE, e, s); break;
	case SUBJECT_UKI: take_uki(c, s, e->pcr); break;
	default: break;
	}
}

void coverage_of(const struct eventlog *log, uint16_t alg, hash_fn hash, void *arg, struct coverage *ret)
{
	struct story_teller teller = { 0 };
	struct event_cursor c;
	struct event e;

	memset(ret, 0, sizeof(*ret));
	event_begin(&c, log);
	while (event_next(&c, &e)) {
		struct story s;

		event_story(&teller, log, &e, alg, hash, arg, &s);
		if (event_extends(&e))
			take(ret, &e, &s);
	}
	/* what a boot program measures is worth what the boot program is */
	for (int a = ASPECT_KERNEL; a < ASPECT_COUNT; a++)
		ret->aspect[a].also = BIT(4);
	if (!ret->uki)
		return;
	/* what lies beside the UKI on the ESP: systemd-stub measures credentials into 12, extensions into 13 */
	ret->aspect[ASPECT_INITRD].also |= BIT(12) | BIT(13);
	/* it takes another command line where Secure Boot is off, or where the UKI has none, and measures it into 12 */
	if (!ret->secure_boot || !(ret->aspect[ASPECT_CMDLINE].any & BIT(4)))
		ret->aspect[ASPECT_CMDLINE].also |= BIT(12);
}

bool coverage_holds(const struct coverage *c, enum aspect a, uint32_t mask)
{
	uint32_t also = c->aspect[a].whole & mask ? c->aspect[a].also & BIT(4) : c->aspect[a].also;

	return (c->aspect[a].any & mask) && !(also & ~mask);
}

/* Of several PCRs the lowest: 4 rather than 11, which systemd extends later in the boot. */
uint32_t coverage_recommend(const struct coverage *c, uint32_t mask)
{
	uint32_t more = 0;

	for (int a = ASPECT_LOADER; a < ASPECT_COUNT; a++) {
		uint32_t any = c->aspect[a].any;

		if (!any || coverage_holds(c, (enum aspect)a, mask | more))
			continue;
		if (!(any & (mask | more)))
			more |= any & -any;
		more |= c->aspect[a].also & ~(mask | more);
	}
	return more;
}

void measurers_words(unsigned by, char *ret, size_t size)
{
	size_t used = 0;

	if (size)
		*ret = '\0';
	for (int m = 0; m < BY_COUNT; m++) {
		if (!(by & 1u << m) || used >= size)
			continue;
		by &= ~(1u << m);
		used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? by ? ", " : " and " : "", measurer_name((enum measurer)m));
	}
}
