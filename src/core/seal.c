#include "core/seal.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN "
#define BLOB_PREFIX "default user:" MASTER_KEY_NAME " 64 "
/* IV, a zero byte, the key in whole AES blocks, HMAC-SHA256: encrypted.c */
#define BLOB_HEX_LEN (2 * (16 + 1 + EVM_KEY_LEN + 32))

static const uint8_t payload_magic[4] = { 'I', 'M', 'G', 1 };

enum header { HEADER_VERSION = 0, HEADER_SRK, HEADER_PCR, HEADER_EVM, HEADER_COUNT };
static const char *const header_names[HEADER_COUNT] = {
	"Imagate-Seal:", "Srk-Name:", "Pcr-Digest:", "Evm-Key:",
};

static const char *take_header(enum header h, const char *value, size_t len, struct seal *s)
{
	bool ok = false;

	switch (h) {
	case HEADER_VERSION:
		return text_is(value, len, "1") ? NULL : "made by another version of imagate: seal again";
	case HEADER_SRK:
		ok = hex_decode(value, len, s->srk_name, sizeof(s->srk_name), &s->srk_name_len) &&
		     s->srk_name_len > 2;
		return ok ? NULL : "not the hexadecimal name of a TPM key: restore the file or seal again";
	case HEADER_PCR:
		ok = hex_decode(value, len, s->object.pcr_digest, sizeof(s->object.pcr_digest),
		                &s->object.pcr_digest_len);
		return ok ? NULL : "not a hexadecimal digest: restore the file or seal again";
	case HEADER_EVM:
		if (len >= sizeof(s->evm_blob))
			break;
		memcpy(s->evm_blob, value, len);
		s->evm_blob[len] = '\0';
		return evm_blob_valid(s->evm_blob) ? NULL
		       : "not the blob of a 64-byte encrypted key: restore the file or seal again";
	case HEADER_COUNT: break;
	}
	return "too long: restore the file or seal again";
}

/* NULL, or what is wrong with the line. */
static const char *take_line(const char *line, size_t len, struct seal *s, unsigned *seen)
{
	for (int h = 0; h < HEADER_COUNT; h++) {
		const char *value;
		size_t value_len;

		if (!text_begins(line, len, header_names[h]))
			continue;
		if (*seen & 1u << h)
			return "given twice: restore the file or seal again";
		*seen |= 1u << h;
		value = line + strlen(header_names[h]);
		value_len = len - strlen(header_names[h]);
		text_trim(&value, &value_len);
		return take_header((enum header)h, value, value_len, s);
	}
	return "not a header of a seal: restore the file or seal again";
}

bool seal_headers_parse(const char *text, size_t len, struct seal *ret, size_t *ret_pem_offset,
                        unsigned *ret_line, const char **ret_error)
{
	struct text t = { text, text + len };
	const char *line;
	size_t line_len;
	unsigned seen = 0;

	memset(ret, 0, sizeof(*ret));
	*ret_error = NULL;
	for (*ret_line = 1; text_line(&t, &line, &line_len); (*ret_line)++) {
		if (text_begins(line, line_len, PEM_BEGIN)) {
			*ret_pem_offset = (size_t)(line - text);
			if (seen != (1u << HEADER_COUNT) - 1)
				*ret_error = "a header is missing: restore the file or seal again";
			return !*ret_error;
		}
		*ret_error = take_line(line, line_len, ret, &seen);
		if (*ret_error)
			return false;
	}
	*ret_error = "no TSS2 PRIVATE KEY block: restore the file or seal again";
	return false;
}

bool seal_headers_format(const struct seal *s, char *ret, size_t size)
{
	char srk[2 * SEAL_NAME_MAX + 1], pcr[2 * SEAL_DIGEST_MAX + 1];
	int n;

	hex_encode(s->srk_name, s->srk_name_len, srk);
	hex_encode(s->object.pcr_digest, s->object.pcr_digest_len, pcr);
	n = snprintf(ret, size, "%s 1\n%s %s\n%s %s\n%s %s\n", header_names[HEADER_VERSION],
	             header_names[HEADER_SRK], srk, header_names[HEADER_PCR], pcr,
	             header_names[HEADER_EVM], s->evm_blob);
	return n > 0 && (size_t)n < size;
}

bool evm_blob_valid(const char *blob)
{
	size_t len = strlen(blob), prefix = strlen(BLOB_PREFIX);
	uint8_t bytes[BLOB_HEX_LEN / 2];
	size_t n;

	return text_begins(blob, len, BLOB_PREFIX) && len - prefix == BLOB_HEX_LEN &&
	       hex_decode(blob + prefix, len - prefix, bytes, sizeof(bytes), &n);
}

void payload_build(const uint8_t master[static MASTER_KEY_LEN], uint8_t ret[static PAYLOAD_LEN])
{
	memcpy(ret, payload_magic, sizeof(payload_magic));
	memcpy(ret + sizeof(payload_magic), master, MASTER_KEY_LEN);
}

bool payload_master(const uint8_t *payload, size_t len, const uint8_t **ret_master)
{
	if (len != PAYLOAD_LEN || memcmp(payload, payload_magic, sizeof(payload_magic)) != 0)
		return false;
	*ret_master = payload + sizeof(payload_magic);
	return true;
}
