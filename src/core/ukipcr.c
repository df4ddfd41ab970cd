#include "core/ukipcr.h"

#include "core/text.h"

#include <string.h>

#define STUB_SECTION ".sdmagic"
#define STUB_WORDS "#### LoaderInfo: systemd-stub "
#define GIVE_IT ": take the value of 'systemd-measure calculate', with --value"

/* In the order in which they are measured; since: the stub's version. .pcrsig is not measured: it is made last. 252 is
 * Debian 12's; 253 has no row of its own, since no stable distribution has it. */
static const struct {
	const char *name;
	unsigned since;
} sections[] = {
	{ ".linux", 252 }, { ".osrel", 252 }, { ".cmdline", 252 }, { ".initrd", 252 }, { ".ucode", 256 }, { ".splash", 252 },
	{ ".dtb", 252 }, { ".uname", 254 }, { ".sbat", 254 }, { ".pcrpkey", 252 },
};
/* Where a stub has a choice, it is the machine's. */
static const char *const chosen[] = { ".profile", ".dtbauto", ".hwids", ".efifw" };

static unsigned stub_version(const struct pe *p, const uint8_t *bytes, size_t len)
{
	const struct pe_section *s = pe_section_find(p, STUB_SECTION);
	const size_t words = strlen(STUB_WORDS);
	const uint8_t *text;
	unsigned version;
	size_t n;

	if (!s || !pe_section_bytes(bytes, len, s, &text, &n) || n < words + 3 || memcmp(text, STUB_WORDS, words) != 0 ||
	    !text_number((const char *)text + words, 3, 999, &version))
		return 0;
	return version;
}

static bool extend(struct pcr_values *v, const void *p, size_t len, hash_fn hash, void *arg)
{
	const struct part part = { p, len };
	uint8_t digest[BANK_DIGEST_MAX];

	return hash(arg, v->alg, &part, 1, digest) && pcr_values_extend(v, UKIPCR, digest, hash, arg);
}

static const char *measure(const struct pe *p, const uint8_t *bytes, size_t len, const char *name, struct pcr_values *v,
                           hash_fn hash, void *arg)
{
	const struct pe_section *s = pe_section_find(p, name);
	const uint8_t *content;
	size_t n;

	if (!s)
		return NULL;
	if (!pe_section_bytes(bytes, len, s, &content, &n))
		return "a section does not lie within the file";
	/* an empty one is passed over, and so it is by the stub */
	if (n && (!extend(v, name, strlen(name) + 1, hash, arg) || !extend(v, content, n, hash, arg)))
		return "there is no hash of this bank's algorithm";
	return NULL;
}

bool ukipcr_image(const struct pe *p, const uint8_t *bytes, size_t len, struct pcr_values *ret, hash_fn hash, void *arg,
                  const char **ret_reason)
{
	unsigned version = stub_version(p, bytes, len);

	*ret_reason = NULL;
	if (!pe_is_uki(p))
		*ret_reason = "not a unified kernel image: it has no .linux section";
	else if (version < 252 || version == 253)
		*ret_reason = "it is not known what this image's stub measures" GIVE_IT;
	for (size_t i = 0; !*ret_reason && version > 252 && i < sizeof(chosen) / sizeof(chosen[0]); i++)
		if (pe_section_find(p, chosen[i]))
			*ret_reason = "it has sections that only some machines measure (.profile, .dtbauto, .hwids)" GIVE_IT;
	for (size_t i = 0; !*ret_reason && i < sizeof(sections) / sizeof(sections[0]); i++)
		if (sections[i].since <= version)
			*ret_reason = measure(p, bytes, len, sections[i].name, ret, hash, arg);
	return !*ret_reason;
}

bool ukipcr_phase(const char *phase, struct pcr_values *ret, hash_fn hash, void *arg)
{
	for (const char *p = phase; *p;) {
		size_t n = strcspn(p, ":");

		if (n && !extend(ret, p, n, hash, arg))
			return false;
		p += n + (p[n] == ':');
	}
	return true;
}
