#include "core/seal.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define BLOB_PREFIX "default user:" MASTER_KEY_NAME " 64 "
/* IV, a zero byte, the key in whole AES blocks, HMAC-SHA256: encrypted.c */
#define BLOB_HEX_LEN (2 * (16 + 1 + EVM_KEY_LEN + 32))
#define AGAIN ": restore the file or seal again"

/* Lines about the whole, then those of a slot. */
enum header { HEAD_VERSION = 0, HEAD_SRK, HEAD_ID, HEAD_EVM, HEAD_RECOVERY, SLOT_SLOT, SLOT_CMDLINE, SLOT_PCR, SLOT_VALUES, SLOT_MAC, HEADERS };
#define HEAD_ALL ((1u << SLOT_SLOT) - 1)
#define SLOT_ANY (((1u << HEADERS) - 1) & ~HEAD_ALL)
#define SLOT_ALL (SLOT_ANY & ~(1u << SLOT_VALUES | 1u << SLOT_MAC)) /* older ones have neither; without a Mac they are not renewed unless used */
static const char *const names[HEADERS] = {
	"Imagate-Seal:", "Srk-Name:", "Key-Id:", "Evm-Key:", "Recovery:", "Slot:", "Cmdline:", "Pcr-Digest:", "Pcr-Values:", "Mac:",
};

struct value {
	const char *p;
	size_t len;
};

static bool exact_hex(struct value v, uint8_t *ret, size_t size)
{
	size_t n;

	return hex_decode(v.p, v.len, ret, size, &n) && n == size;
}

static bool take_stage(struct value v, const char *prefix, bool any, enum stage *ret)
{
	char word[16] = "";
	size_t n = strlen(prefix);

	if (!text_begins(v.p, v.len, prefix) || v.len - n >= sizeof(word))
		return false;
	memcpy(word, v.p + n, v.len - n);
	*ret = stage_from_name(word);
	return *ret != STAGE_UNSET || (any && !strcmp(word, "any"));
}

/* "stage=any floor=fix once=no" */
static bool take_slot(struct value v, struct seal_slot *s)
{
	struct text t = { v.p, v.p + v.len };
	struct value word[3], more;

	for (int i = 0; i < 3; i++)
		if (!text_word(&t, &word[i].p, &word[i].len))
			return false;
	s->once = text_is(word[2].p, word[2].len, "once=yes");
	return !text_word(&t, &more.p, &more.len) && take_stage(word[0], "stage=", true, &s->stage) &&
	       take_stage(word[1], "floor=", false, &s->floor) &&
	       (s->once || text_is(word[2].p, word[2].len, "once=no"));
}

static const char *take_blob(struct value v, struct seal *s)
{
	if (v.len >= sizeof(s->evm_blob))
		return "too long" AGAIN;
	memcpy(s->evm_blob, v.p, v.len);
	s->evm_blob[v.len] = '\0';
	return evm_blob_valid(s->evm_blob) ? NULL : "not the blob of a 64-byte encrypted key" AGAIN;
}

static const char *take_header(enum header h, struct value v, struct seal *s)
{
	struct seal_slot *slot = &s->slot[s->slots];

	switch (h) {
	case HEAD_VERSION:
		return text_is(v.p, v.len, "2") ? NULL : "made by another version of imagate: seal again";
	case HEAD_SRK:
		return hex_decode(v.p, v.len, s->srk_name, sizeof(s->srk_name), &s->srk_name_len) &&
		       s->srk_name_len > 2 ? NULL : "not the hexadecimal name of a TPM key" AGAIN;
	case HEAD_ID:
		return exact_hex(v, s->key_id, KEY_ID_LEN) ? NULL : "not a key's identity" AGAIN;
	case HEAD_EVM: return take_blob(v, s);
	case HEAD_RECOVERY:
		return exact_hex(v, s->recovery, RECOVERY_WRAP_LEN) ? NULL : "not a wrapped master key" AGAIN;
	case SLOT_SLOT:
		return take_slot(v, slot) ? NULL : "not 'stage=... floor=... once=...'" AGAIN;
	case SLOT_CMDLINE:
		slot->cmdline_bound = !text_is(v.p, v.len, "any");
		return !slot->cmdline_bound || exact_hex(v, slot->cmdline, CMDLINE_DIGEST_LEN)
		       ? NULL : "not a digest and not 'any'" AGAIN;
	case SLOT_PCR:
		if (text_is(v.p, v.len, "none"))
			return NULL;
		return hex_decode(v.p, v.len, slot->object.pcr_digest, SEAL_DIGEST_MAX, &slot->object.pcr_digest_len)
		       ? NULL : "not a hexadecimal digest" AGAIN;
	case SLOT_VALUES:
		return seal_values_parse(v.p, v.len, &slot->values) ? NULL : "not 'NUMBER=DIGEST ...'" AGAIN;
	case SLOT_MAC:
		slot->has_mac = exact_hex(v, slot->mac, SEAL_MAC_LEN);
		return slot->has_mac ? NULL : "not a Mac" AGAIN;
	case HEADERS: break;
	}
	return "unknown" AGAIN;
}

/* NULL, or what is wrong with the line. */
static const char *take_line(struct value line, struct seal *s, unsigned *seen)
{
	for (int h = 0; h < HEADERS; h++) {
		struct value v;

		if (!text_begins(line.p, line.len, names[h]))
			continue;
		if (*seen & 1u << h)
			return "given twice" AGAIN;
		if (h >= SLOT_SLOT && s->slots == SEAL_SLOTS_MAX)
			return "too many slots" AGAIN;
		if (h >= SLOT_SLOT && (*seen & HEAD_ALL) != HEAD_ALL)
			return "a header is missing" AGAIN;
		*seen |= 1u << h;
		v = (struct value){ line.p + strlen(names[h]), line.len - strlen(names[h]) };
		text_trim(&v.p, &v.len);
		return take_header((enum header)h, v, s);
	}
	return "not a line of a seal" AGAIN;
}

/* A PEM block from its BEGIN line to its END line, taken as it is. False: no end. */
static bool skip_pem(struct text *t, unsigned *line)
{
	struct value v;

	while (text_line(t, &v.p, &v.len)) {
		(*line)++;
		if (text_begins(v.p, v.len, PEM_END))
			return true;
	}
	return false;
}

bool seal_text_parse(const char *text, size_t len, struct seal *ret, struct seal_pem *ret_pem,
                     unsigned *ret_line, const char **ret_error)
{
	struct text t = { text, text + len };
	struct value line;
	unsigned seen = 0;

	memset(ret, 0, sizeof(*ret));
	memset(ret_pem, 0, sizeof(*ret_pem));
	*ret_error = NULL;
	for (*ret_line = 1; text_line(&t, &line.p, &line.len); (*ret_line)++) {
		if (!text_begins(line.p, line.len, PEM_BEGIN)) {
			*ret_error = take_line(line, ret, &seen);
			if (*ret_error)
				return false;
			continue;
		}
		if ((seen & SLOT_ALL) != SLOT_ALL || !skip_pem(&t, ret_line)) {
			*ret_error = "a line of this slot is missing" AGAIN;
			return false;
		}
		ret_pem->offset[ret->slots] = (size_t)(line.p - text);
		ret_pem->len[ret->slots] = (size_t)(t.next - line.p);
		ret->slots++;
		seen &= ~SLOT_ANY;
	}
	if (ret->slots == 0 || (seen & SLOT_ANY))
		*ret_error = "no TSS2 PRIVATE KEY block" AGAIN;
	return !*ret_error;
}

static size_t fits(int n, size_t size)
{
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

size_t seal_head_format(const struct seal *s, char *ret, size_t size)
{
	char srk[2 * SEAL_NAME_MAX + 1], id[2 * KEY_ID_LEN + 1], recovery[2 * RECOVERY_WRAP_LEN + 1];

	hex_encode(s->srk_name, s->srk_name_len, srk);
	hex_encode(s->key_id, KEY_ID_LEN, id);
	hex_encode(s->recovery, RECOVERY_WRAP_LEN, recovery);
	return fits(snprintf(ret, size, "%s 2\n%s %s\n%s %s\n%s %s\n%s %s\n", names[HEAD_VERSION], names[HEAD_SRK], srk,
	                     names[HEAD_ID], id, names[HEAD_EVM], s->evm_blob, names[HEAD_RECOVERY], recovery), size);
}

/* Behind n bytes that are there: the values, where they are kept. 0: it does not fit. */
static size_t add_values(const struct seal_slot *s, char *ret, size_t size, size_t n)
{
	char values[SEAL_VALUES_TEXT];
	size_t m;

	if (!n || !s->values.mask)
		return n;
	if (!seal_values_format(&s->values, values, sizeof(values)))
		return 0;
	m = fits(snprintf(ret + n, size - n, "%s %s\n", names[SLOT_VALUES], values), size - n);
	return m ? n + m : 0;
}

/* The lines of a slot that its Mac is over. */
static size_t slot_lines(const struct seal_slot *s, char *ret, size_t size)
{
	char cmdline[2 * CMDLINE_DIGEST_LEN + 1] = "any", pcr[2 * SEAL_DIGEST_MAX + 1] = "none";

	if (s->cmdline_bound)
		hex_encode(s->cmdline, CMDLINE_DIGEST_LEN, cmdline);
	if (s->object.pcr_digest_len)
		hex_encode(s->object.pcr_digest, s->object.pcr_digest_len, pcr);
	return fits(snprintf(ret, size, "%s stage=%s floor=%s once=%s\n%s %s\n%s %s\n", names[SLOT_SLOT],
	                     s->stage == STAGE_UNSET ? "any" : stage_name(s->stage), stage_name(s->floor),
	                     s->once ? "yes" : "no", names[SLOT_CMDLINE], cmdline, names[SLOT_PCR], pcr), size);
}

size_t seal_slot_format(const struct seal_slot *s, char *ret, size_t size)
{
	size_t n = add_values(s, ret, size, slot_lines(s, ret, size)), m;
	char mac[2 * SEAL_MAC_LEN + 1];

	if (!n || !s->has_mac)
		return n;
	hex_encode(s->mac, SEAL_MAC_LEN, mac);
	m = fits(snprintf(ret + n, size - n, "%s %s\n", names[SLOT_MAC], mac), size - n);
	return m ? n + m : 0;
}

size_t seal_slot_signed(const struct seal_slot *s, char *ret, size_t size)
{
	const struct seal_object *o = &s->object;
	size_t n = slot_lines(s, ret, size), m;

	m = n ? fits(snprintf(ret + n, size - n, "%d %06" PRIx32 " %08" PRIx32 " %" PRIu64 " %" PRIu32 "\n", (int)o->pcrs.bank,
	                      o->pcrs.mask, o->counter, o->generation, o->resets), size - n) : 0;
	return m ? n + m : 0;
}

bool seal_slot_same(const struct seal_slot *a, const struct seal_slot *b)
{
	char x[SEAL_SIGNED_MAX], y[SEAL_SIGNED_MAX];
	size_t n = seal_slot_signed(a, x, sizeof(x));

	return n && n == seal_slot_signed(b, y, sizeof(y)) && !memcmp(x, y, n);
}

bool evm_blob_valid(const char *blob)
{
	size_t len = strlen(blob), prefix = strlen(BLOB_PREFIX);
	uint8_t bytes[BLOB_HEX_LEN / 2];
	size_t n;

	return text_begins(blob, len, BLOB_PREFIX) && len - prefix == BLOB_HEX_LEN &&
	       hex_decode(blob + prefix, len - prefix, bytes, sizeof(bytes), &n);
}

static bool fits_stage(const struct seal_slot *s, enum stage stage, const uint8_t *cmdline)
{
	if (stage < s->floor || (s->stage != STAGE_UNSET && s->stage != stage))
		return false;
	return !cmdline || s->floor < STAGE_ENFORCE || !s->cmdline_bound || !memcmp(s->cmdline, cmdline, CMDLINE_DIGEST_LEN);
}

/* Behind those of its generation and newer ones: which of two generations counts, only the TPM can tell; after a power
 * cut it may be the older. */
static size_t put_in(const struct seal *s, size_t *ret, size_t first, size_t n, size_t place)
{
	size_t at = n;

	for (; at > first && s->slot[ret[at - 1]].object.generation < s->slot[place].object.generation; at--)
		ret[at] = ret[at - 1];
	ret[at] = place;
	return n + 1;
}

size_t seal_candidates(const struct seal *s, enum stage stage, const uint8_t *cmdline,
                       size_t ret[static SEAL_SLOTS_MAX])
{
	size_t n = 0;

	for (int once = 0; once < 2; once++) {
		size_t first = n;

		for (size_t i = 0; i < s->slots; i++)
			if (s->slot[i].once == once && fits_stage(&s->slot[i], stage, cmdline))
				n = put_in(s, ret, first, n, i);
	}
	return n;
}

static uint64_t newest_of(const struct seal *s)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation > newest)
			newest = s->slot[i].object.generation;
	return newest;
}

bool seal_only_cmdline_differs(const struct seal *s, enum stage stage, const uint8_t cmdline[static CMDLINE_DIGEST_LEN])
{
	const uint64_t newest = newest_of(s);
	bool with = false, without = false;

	for (size_t i = 0; i < s->slots; i++) {
		if (s->slot[i].object.generation != newest)
			continue;
		with = with || fits_stage(&s->slot[i], stage, cmdline);
		without = without || fits_stage(&s->slot[i], stage, NULL);
	}
	return without && !with;
}

enum stage seal_floor(const struct seal *s)
{
	const uint64_t newest = newest_of(s);
	enum stage floor = STAGE_UNSET;

	for (size_t i = 0; i < s->slots; i++)
		if (!s->slot[i].once && s->slot[i].object.generation == newest &&
		    (floor == STAGE_UNSET || s->slot[i].floor < floor))
			floor = s->slot[i].floor;
	return floor;
}

bool seal_is_strict(const struct seal *s)
{
	const uint64_t newest = newest_of(s);
	bool strict = false;

	for (size_t i = 0; i < s->slots; i++)
		strict = strict || (s->slot[i].object.generation == newest && s->slot[i].stage != STAGE_UNSET);
	return strict;
}

bool seal_lacks(const struct seal *s, enum stage stage)
{
	const uint64_t newest = newest_of(s);
	bool lacks = s->slots && stage >= STAGE_FIX;

	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation == newest)
			lacks = lacks && s->slot[i].stage != STAGE_UNSET && s->slot[i].stage != stage;
	return lacks;
}
