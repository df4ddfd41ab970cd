/* Signed PCR policies: what is told of a file is within bounds. */
#include "core/base64.h"
#include "core/pcrsig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	const char *text;
	size_t len;
	unsigned count;
};

static void see(const struct pcrsig *s, void *arg)
{
	struct file *f = arg;

	if (s->pcrs.bank == PCR_BANK_NONE || s->pcrs.mask == 0 || s->pcrs.mask >> 24 || s->plain.len > PCRSIG_SIGNATURE_MAX ||
	    s->epochal.len > PCRSIG_SIGNATURE_MAX || (s->plain.len == 0 && s->epochal.len == 0) || !s->epoch != !s->epochal.len)
		abort();
	f->count++;
}

static void base64(const uint8_t *data, size_t size)
{
	static uint8_t bytes[PCRSIG_SIGNATURE_MAX];
	static char text[BASE64_LEN(PCRSIG_SIGNATURE_MAX) + 1];
	size_t len;

	if (!base64_decode((const char *)data, size, bytes, sizeof(bytes), &len))
		return;
	base64_encode(bytes, len, text);
	if (strlen(text) != size || memcmp(text, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file f;
	const char *error;
	unsigned line;

	f = (struct file){ .text = (const char *)data, .len = size };
	base64(data, size);
	if (!pcrsig_each(f.text, f.len, see, &f, &line, &error)) {
		if (!error || line == 0)
			abort();
		return 0;
	}
	if (error || line)
		abort();
	return 0;
}
