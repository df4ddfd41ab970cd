#include "gate/binding.h"

#include "base/file.h"
#include "core/cmdline.h"
#include "crypto/crypto.h"
#include "kernel/rootid.h"

#include <string.h>

enum outcome binding_cmdline(int root, const char *words, uint8_t ret[static CMDLINE_DIGEST_LEN], struct why *why)
{
	CLEAN_FREE char *text = NULL;
	char normal[CMDLINE_MAX + 1];
	struct part part = { normal, 0 };
	size_t len;
	int r = file_read(root, "/proc/cmdline", CMDLINE_MAX, &text, &len);

	if (r == 0)
		part.len = cmdline_normal(text, len, words, normal, sizeof(normal));
	if (r == 0 && part.len)
		return digest_parts(&part, 1, ret, why);
	why_set(why, WHY_ERRNO, r < 0 ? -r : 7, "read", "/proc/cmdline");
	return OUTCOME_BROKEN;
}

enum outcome binding_root(const char *mounted, uint8_t ret[static ROOT_ID_LEN], struct why *why)
{
	static const char label[] = "imagate root";
	char uuid[ROOT_UUID_MAX];
	uint8_t digest[32];
	enum outcome o = root_uuid(mounted, uuid, why);
	const struct part parts[] = { { label, sizeof(label) }, { uuid, o == OUTCOME_OK ? strlen(uuid) : 0 } };

	if (o == OUTCOME_OK)
		o = digest_parts(parts, 2, digest, why);
	if (o == OUTCOME_OK)
		memcpy(ret, digest, ROOT_ID_LEN);
	return o;
}

bool binding_is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}
