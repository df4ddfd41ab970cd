#include "core/rollout.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block out of anything behind the signature: it is read, changed, and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "# GRUB Environment Block\n";
	char block[GRUBENV_LEN], value[64];
	struct rollout r = { .stage = STAGE_AUDIT, .trial = STAGE_ENFORCE, .tries = 3 }, back;
	struct boot_evidence e;

	memset(block, '#', sizeof(block));
	memcpy(block, head, sizeof(head) - 1);
	memcpy(block + sizeof(head) - 1, data, size < sizeof(block) - sizeof(head) + 1 ? size : sizeof(block) - sizeof(head) + 1);
	if (!grubenv_valid(block, sizeof(block)))
		abort();
	rollout_read(block, &back);
	(void)grubenv_get(block, "saved_entry", value, sizeof(value));
	if (rollout_write(&r, block)) {
		rollout_read(block, &back);
		if (!grubenv_valid(block, sizeof(block)) || back.stage != r.stage || back.trial != r.trial || back.tries != 3 || back.once != STAGE_UNSET)
			abort();
	}
	(void)evidence_parse((const char *)data, size, &e);
	(void)evidence_clean((const char *)data, size, "b");
	return 0;
}
