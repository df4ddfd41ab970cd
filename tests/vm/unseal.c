/* What an attacker who is root would try: every slot of a seal, straight at the TPM.
 * usage: unseal SEAL.PEM -> one line a slot: "slot N: ok|refused|broken code detail" */
#include "base/file.h"
#include "core/advice.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	CLEAN_FREE char *text = NULL;
	static struct seal s;
	struct why why = { 0 };
	struct tpm *t = NULL;
	char words[512];
	size_t len;

	if (argc != 2 || file_read(AT_FDCWD, argv[1], SEAL_FILE_MAX, &text, &len) < 0 ||
	    seal_file_parse(argv[1], text, len, &s, &why) != OUTCOME_OK || tpm_open(NULL, 2, &t, &why) != OUTCOME_OK) {
		why_format(&why, words, sizeof(words));
		(void)printf("slot none: %s\n", words);
		return 1;
	}
	for (size_t i = 0; i < s.slots; i++) {
		SECRET payload = { 0 };
		struct why w = { 0 };
		enum outcome o = tpm_unseal(t, &s.slot[i].object, s.srk_name, s.srk_name_len, &payload, &w);

		why_format(&w, words, sizeof(words));
		(void)printf("slot %zu: %s %s\n", i, outcome_name(o), words);
	}
	tpm_close(&t);
	return 0;
}
