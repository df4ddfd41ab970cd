#include "core/eventlog.h"
#include "core/bytes.h"

#include <string.h>

#define SHA1_SIZE 20
#define SPEC_ID_AGILE "Spec ID Event03" /* with its NUL: 16 bytes */
#define SPEC_ID_OLD "Spec ID Event00"   /* BIOS; "Event02": EFI of TPM 1.2 */
#define SPEC_ID_EFI_1_2 "Spec ID Event02"
#define STARTUP_LOCALITY "StartupLocality"

static const struct {
	uint32_t type;
	const char *name;
} types[] = {
#define TYPE(t) { t, #t }
	TYPE(EV_PREBOOT_CERT), TYPE(EV_POST_CODE), TYPE(EV_UNUSED), TYPE(EV_NO_ACTION), TYPE(EV_SEPARATOR),
	TYPE(EV_ACTION), TYPE(EV_EVENT_TAG), TYPE(EV_S_CRTM_CONTENTS), TYPE(EV_S_CRTM_VERSION), TYPE(EV_CPU_MICROCODE),
	TYPE(EV_PLATFORM_CONFIG_FLAGS), TYPE(EV_TABLE_OF_DEVICES), TYPE(EV_COMPACT_HASH), TYPE(EV_IPL),
	TYPE(EV_IPL_PARTITION_DATA), TYPE(EV_NONHOST_CODE), TYPE(EV_NONHOST_CONFIG), TYPE(EV_NONHOST_INFO),
	TYPE(EV_OMIT_BOOT_DEVICE_EVENTS), TYPE(EV_POST_CODE2), TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG),
	TYPE(EV_EFI_VARIABLE_BOOT), TYPE(EV_EFI_BOOT_SERVICES_APPLICATION), TYPE(EV_EFI_BOOT_SERVICES_DRIVER),
	TYPE(EV_EFI_RUNTIME_SERVICES_DRIVER), TYPE(EV_EFI_GPT_EVENT), TYPE(EV_EFI_ACTION),
	TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), TYPE(EV_EFI_HANDOFF_TABLES), TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB2),
	TYPE(EV_EFI_HANDOFF_TABLES2), TYPE(EV_EFI_VARIABLE_BOOT2), TYPE(EV_EFI_GPT_EVENT2), TYPE(EV_EFI_HCRTM_EVENT),
	TYPE(EV_EFI_VARIABLE_AUTHORITY), TYPE(EV_EFI_SPDM_FIRMWARE_BLOB), TYPE(EV_EFI_SPDM_FIRMWARE_CONFIG),
	TYPE(EV_EFI_SPDM_DEVICE_POLICY), TYPE(EV_EFI_SPDM_DEVICE_AUTHORITY),
#undef TYPE
};

const char *event_type_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

static bool failed(struct eventlog_error *error, size_t offset, const char *reason)
{
	*error = (struct eventlog_error){ offset, reason };
	return false;
}

/* -- records --------------------------------------------------------------------------- */

static size_t digest_size(const struct eventlog *log, uint16_t alg)
{
	for (size_t i = 0; i < log->algorithms; i++)
		if (log->algorithm[i].alg == alg)
			return log->algorithm[i].size;
	return 0;
}

/* Records of type EV_NO_ACTION may name no PCR at all (PFP 10.4.5.4, 0xFFFFFFFF). */
static bool pcr_ok(const struct event *e)
{
	return e->pcr < EVENTLOG_PCRS || e->type == EV_NO_ACTION;
}

/* TCG_PCR_EVENT: PCR, type, SHA-1 digest, size, data. NULL, or what is wrong. */
static const char *read_old(struct bytes *b, struct event *e)
{
	uint32_t len;

	if (!bytes_u32(b, &e->pcr) || !bytes_u32(b, &e->type) || !bytes_take(b, SHA1_SIZE, &e->digest[0].bytes) ||
	    !bytes_u32(b, &len))
		return "the record is cut short";
	e->digest[0].alg = BANK_SHA1;
	e->digests = 1;
	e->len = len;
	if (!pcr_ok(e))
		return "the record is for a PCR that no TPM has";
	return bytes_take(b, len, &e->data) ? NULL : "the record's data is longer than the log";
}

/* One TPMT_HA: the algorithm must be of those that the header lists, and come once. */
static const char *read_digest(const struct eventlog *log, struct bytes *b, struct event *e)
{
	uint16_t alg;
	size_t size;

	if (!bytes_u16(b, &alg))
		return "the record is cut short";
	size = digest_size(log, alg);
	if (!size)
		return "the record has a digest of an algorithm that the log's header does not list";
	if (event_digest(e, alg))
		return "the record has two digests of one algorithm";
	e->digest[e->digests].alg = alg;
	if (!bytes_take(b, size, &e->digest[e->digests].bytes))
		return "the record is cut short";
	e->digests++;
	return NULL;
}

/* TCG_PCR_EVENT2: PCR, type, count and digests, size, data. */
static const char *read_agile(const struct eventlog *log, struct bytes *b, struct event *e)
{
	uint32_t count, len;
	const char *wrong = NULL;

	if (!bytes_u32(b, &e->pcr) || !bytes_u32(b, &e->type) || !bytes_u32(b, &count))
		return "the record is cut short";
	if (!pcr_ok(e))
		return "the record is for a PCR that no TPM has";
	if (count == 0 || count > log->algorithms)
		return "the record has no digest, or more than the log has algorithms";
	for (uint32_t i = 0; !wrong && i < count; i++)
		wrong = read_digest(log, b, e);
	if (wrong)
		return wrong;
	if (!bytes_u32(b, &len))
		return "the record is cut short";
	e->len = len;
	return bytes_take(b, len, &e->data) ? NULL : "the record's data is longer than the log";
}

/* Firmware hands over an area that it filled with zeros or ones; behind the last record there may be some left. */
static bool only_padding(const struct bytes *b)
{
	if (b->left == 0 || (b->next[0] != 0 && b->next[0] != 0xff))
		return b->left == 0;
	return memcmp(b->next, b->next + 1, b->left - 1) == 0;
}

void event_begin(struct event_cursor *c, const struct eventlog *log)
{
	*c = (struct event_cursor){ .log = log, .next = log->first, .number = log->agile ? 1 : 0 };
}

bool event_next(struct event_cursor *c, struct event *ret)
{
	struct bytes b = { c->log->bytes + c->next, c->log->len - c->next };
	const char *wrong;

	if (c->error.reason || only_padding(&b))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->offset = c->next;
	ret->number = c->number;
	wrong = c->log->agile ? read_agile(c->log, &b, ret) : read_old(&b, ret);
	if (wrong)
		return failed(&c->error, c->next, wrong);
	c->next = c->log->len - b.left;
	c->number++;
	return true;
}

bool eventlog_check(const struct eventlog *log, unsigned *ret_events, struct eventlog_error *error)
{
	struct event_cursor c;
	struct event e;

	event_begin(&c, log);
	while (event_next(&c, &e))
		;
	*ret_events = c.number;
	*error = c.error;
	return !c.error.reason;
}

/* -- the header ------------------------------------------------------------------------ */

static const char *read_algorithm(struct bytes *b, struct eventlog *log)
{
	uint16_t alg, size;

	if (!bytes_u16(b, &alg) || !bytes_u16(b, &size))
		return "the spec id's list of algorithms is cut short";
	if (size == 0 || size > BANK_DIGEST_MAX || (bank_size(alg) && bank_size(alg) != size))
		return "the spec id gives an algorithm a digest size that it does not have";
	if (eventlog_has(log, alg))
		return "the spec id lists an algorithm twice";
	log->algorithm[log->algorithms].alg = alg;
	log->algorithm[log->algorithms++].size = size;
	return NULL;
}

/* TCG_EfiSpecIDEvent: signature, platform class, version (minor, major, errata), uintn size, algorithms,
 * vendor's information. */
static const char *read_spec_id(const struct event *e, struct eventlog *log)
{
	struct bytes b = { e->data, e->len };
	const uint8_t *version, *vendor, *signature;
	uint32_t class, count;
	uint64_t vendor_len;
	const char *wrong = NULL;

	if (!bytes_take(&b, sizeof(SPEC_ID_AGILE), &signature) || !bytes_u32(&b, &class) || !bytes_take(&b, 4, &version) ||
	    !bytes_u32(&b, &count))
		return "the spec id is cut short";
	log->minor = version[0];
	log->major = version[1];
	log->errata = version[2];
	if (version[3] != 1 && version[3] != 2)
		return "the spec id's size of a UINTN is neither 1 (32 bit) nor 2 (64 bit)";
	log->uintn = version[3] == 1 ? 4 : 8;
	if (count == 0 || count > EVENTLOG_ALGORITHMS)
		return "the spec id lists no algorithm, or more than 16";
	for (uint32_t i = 0; !wrong && i < count; i++)
		wrong = read_algorithm(&b, log);
	if (wrong)
		return wrong;
	if (!bytes_number(&b, 1, &vendor_len) || !bytes_take(&b, vendor_len, &vendor))
		return "the spec id's vendor information is cut short";
	return NULL;
}

static bool spec_id_at(const struct event *e, const char *signature)
{
	return e->type == EV_NO_ACTION && e->len >= 16 && memcmp(e->data, signature, 16) == 0;
}

static bool spec_id_is(const struct event *e, const char *signature)
{
	return e->pcr == 0 && spec_id_at(e, signature);
}

bool eventlog_open(const uint8_t *bytes, size_t len, struct eventlog *ret, struct eventlog_error *error)
{
	struct bytes b = { bytes, len };
	struct event e = { 0 };
	const char *wrong;

	memset(ret, 0, sizeof(*ret));
	*error = (struct eventlog_error){ 0, NULL };
	if (len > EVENTLOG_MAX)
		return failed(error, 0, "the log is longer than 4 MiB");
	if (only_padding(&b))
		return failed(error, 0, "the log is empty: no firmware measured this boot");
	*ret = (struct eventlog){ .bytes = bytes, .len = len, .uintn = 8 };
	wrong = read_old(&b, &e);
	if (wrong)
		return failed(error, 0, "it does not begin with a record of a TCG event log");
	if (e.pcr != 0 && spec_id_at(&e, SPEC_ID_AGILE))
		return failed(error, 0, "the log is not of PCRs, but of a confidential machine's own registers (CCEL)");
	if (!spec_id_is(&e, SPEC_ID_AGILE)) {
		ret->algorithms = 1;
		ret->algorithm[0].alg = BANK_SHA1;
		ret->algorithm[0].size = SHA1_SIZE;
		if ((spec_id_is(&e, SPEC_ID_OLD) || spec_id_is(&e, SPEC_ID_EFI_1_2)) && e.len >= 24)
			ret->uintn = e.data[23] == 1 ? 4 : 8;
		return true;
	}
	ret->agile = true;
	ret->first = len - b.left;
	wrong = read_spec_id(&e, ret);
	return !wrong || failed(error, 0, wrong);
}

bool eventlog_has(const struct eventlog *log, uint16_t alg)
{
	return digest_size(log, alg) != 0;
}

/* -- digests and PCRs ------------------------------------------------------------------ */

const uint8_t *event_digest(const struct event *e, uint16_t alg)
{
	for (size_t i = 0; i < e->digests; i++)
		if (e->digest[i].alg == alg)
			return e->digest[i].bytes;
	return NULL;
}

bool event_extends(const struct event *e)
{
	return e->type != EV_NO_ACTION && e->pcr < EVENTLOG_PCRS;
}

bool event_digest_is(const struct event *e, uint16_t alg, const struct part *parts, size_t count, hash_fn hash, void *arg)
{
	const uint8_t *digest = event_digest(e, alg);
	uint8_t is[BANK_DIGEST_MAX];

	return digest && bank_size(alg) && hash(arg, alg, parts, count, is) && memcmp(is, digest, bank_size(alg)) == 0;
}

/* TCG_EfiStartupLocalityEvent: "StartupLocality" NUL, one byte. 0, 3, or 4 after a hardware CRTM. */
bool event_startup_locality(const struct event *e, uint8_t *ret)
{
	if (e->pcr != 0 || e->type != EV_NO_ACTION || e->len < sizeof(STARTUP_LOCALITY) + 1 ||
	    memcmp(e->data, STARTUP_LOCALITY, sizeof(STARTUP_LOCALITY)) != 0)
		return false;
	*ret = e->data[sizeof(STARTUP_LOCALITY)];
	return true;
}

void pcr_values_reset(struct pcr_values *v, uint16_t alg)
{
	memset(v, 0, sizeof(*v));
	v->alg = alg;
	v->size = bank_size(alg);
	for (int i = 17; i <= 22; i++)
		memset(v->value[i], 0xff, v->size);
}

bool pcr_values_extend(struct pcr_values *v, uint32_t pcr, const uint8_t *digest, hash_fn hash, void *arg)
{
	const struct part parts[] = { { v->value[pcr < EVENTLOG_PCRS ? pcr : 0], v->size }, { digest, v->size } };
	uint8_t next[BANK_DIGEST_MAX];

	if (pcr >= EVENTLOG_PCRS || v->size == 0)
		return false;
	if (pcr >= 17 && pcr <= 22 && !(v->extended & UINT32_C(1) << pcr))
		memset(v->value[pcr], 0, v->size); /* a dynamic launch reset it */
	if (!hash(arg, v->alg, parts, 2, next))
		return false;
	memcpy(v->value[pcr], next, v->size);
	v->extended |= UINT32_C(1) << pcr;
	return true;
}

bool pcr_values_take(struct pcr_values *v, const struct event *e, hash_fn hash, void *arg)
{
	const uint8_t *digest;
	uint8_t locality;

	if (v->size == 0)
		return false;
	if (event_startup_locality(e, &locality) && !(v->extended & 1)) {
		v->value[0][v->size - 1] = locality;
		return true;
	}
	if (!event_extends(e))
		return true;
	digest = event_digest(e, v->alg);
	return digest && pcr_values_extend(v, e->pcr, digest, hash, arg);
}

bool eventlog_replay(const struct eventlog *log, uint16_t alg, hash_fn hash, void *arg, struct pcr_values *ret,
                     struct eventlog_error *error)
{
	struct event_cursor c;
	struct event e;

	pcr_values_reset(ret, alg);
	if (!eventlog_has(log, alg) || !ret->size)
		return failed(error, 0, "the log has no digests of this bank");
	event_begin(&c, log);
	while (event_next(&c, &e))
		if (!pcr_values_take(ret, &e, hash, arg))
			return failed(error, e.offset, "the record has no digest of this bank, or the hash failed");
	*error = c.error;
	return !c.error.reason;
}
