#include "core/grubscript.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Anything as a grub.cfg: what is foreseen of it is what explains it, should GRUB run that; and anything as what GRUB ran. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char bytes[4 << 20];
	static struct grub_commands out, ran;
	static struct grub_learned none, learned;
	struct grub_memory m = { bytes, sizeof(bytes), 0 };
	struct grub_script s = { .text = (const char *)data, .len = size, .prefix = "(hd0)/boot/grub" };
	const char *why = NULL;

	if (grub_foresee(&m, &s, &none, &out, &why)) {
		/* with more unknown variables in one command than we try it is given up */
		if (!grub_learn(&m, &s, &out, &learned, &why) && !strstr(why, "too long") && !strstr(why, "too large"))
			abort();
	} else if (!why) {
		abort();
	}
	ran.count = 3;
	ran.line[0] = "[ -s (hd0)/boot/grub/grubenv ]";
	ran.line[1] = "set default=0";
	ran.line[2] = "setparams Debian";
	m.used = 0;
	(void)grub_learn(&m, &s, &ran, &learned, &why);
	s.guess = true;
	m.used = 0;
	(void)grub_foresee(&m, &s, &none, &out, &why);
	return 0;
}
