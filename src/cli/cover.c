#include "cli/cover.h"

#include "base/file.h"
#include "cli/pcr.h"
#include "core/config.h"
#include "crypto/crypto.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define GRUB_MASK 0x300u

void cover_of(const struct pcr_selection *pcrs, struct cover *ret)
{
	CLEAN_FREE char *bytes = NULL;
	struct eventlog_error error;
	struct eventlog log;
	uint16_t alg = bank_from_name(pcr_bank_name(pcrs->bank));
	unsigned events;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	ret->strict = (pcrs->mask & GRUB_MASK) == GRUB_MASK;
	if (file_read(AT_FDCWD, PCR_LOG, EVENTLOG_MAX, &bytes, &len) < 0 ||
	    !eventlog_open((const uint8_t *)bytes, len, &log, &error) || !eventlog_check(&log, &events, &error) || !eventlog_has(&log, alg))
		return;
	ret->known = true;
	coverage_of(&log, alg, digest_hash, NULL, &ret->what);
	ret->holds = coverage_holds(&ret->what, ASPECT_INITRD, pcrs->mask) && coverage_holds(&ret->what, ASPECT_CMDLINE, pcrs->mask);
	ret->strict |= ret->holds;
	ret->uki = ret->what.uki && (ret->what.aspect[ASPECT_INITRD].any & pcrs->mask);
}

static void say_open(const struct coverage *c, const struct pcr_selection *pcrs)
{
	struct pcr_selection more = { pcrs->bank, pcrs->mask | coverage_recommend(c, pcrs->mask) };
	char text[96];

	for (int a = ASPECT_INITRD; a <= ASPECT_CMDLINE; a++)
		if (!coverage_holds(c, (enum aspect)a, pcrs->mask))
			(void)printf("Not covered: %s: %s.\n", aspect_words((enum aspect)a), coverage_open_words(c, (enum aspect)a, pcrs->mask));
	if (more.mask != pcrs->mask && pcr_selection_format(&more, text, sizeof(text)))
		(void)printf("In imagate.conf, [tpm], set pcrs = %s to cover what can be covered, and seal again.\n", text);
}

static void say_uki(const struct cover *c, const struct pcr_selection *pcrs)
{
	(void)printf("This machine boots a unified kernel image: PCR 4 covers it, and the kernel, the initramfs and the command line in it.\n");
	if (!c->holds)
		say_open(&c->what, pcrs);
	else
		(void)printf("Each stage is such an image, with a command line of its own: boot it with the recovery key once, then "
		             "'imagate recover --add'.\n");
	(void)printf("Leave the seal where it is: the gate finds it on the root, and a new image would be another one to PCR 4.\n");
}

void cover_say(const struct pcr_selection *pcrs)
{
	struct cover c;

	cover_of(pcrs, &c);
	if (c.strict)
		(void)printf("Binding: strict. The TPM itself refuses the key where kernel command line or initramfs differ from "
		             "this boot's.\n");
	else
		(void)printf("Binding: plain.\n");
	if (c.uki) {
		say_uki(&c, pcrs);
	} else if (c.strict) { /* the gate finds it on the root; a new initramfs would be another one to PCR 9 */
		(void)printf("Each stage has a command line of its own, so it needs a slot of its own: boot it with the "
		             "recovery key once,\nthen 'imagate recover --add'. A new initramfs needs new slots.\n");
	} else {
		(void)printf("These PCRs do not cover the kernel command line and the initramfs where GRUB starts the kernel:\nwho can change "
		             "those can unseal the key. A unified kernel image (PCR 4) or PCRs 8 and 9 cover them.\n"
		             "Now put it into the initramfs: dracut -f\n");
	}
}
