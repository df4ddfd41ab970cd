#include "cli/bykey.h"

#include "base/file.h"
#include "core/recoverykey.h"
#include "crypto/crypto.h"
#include "gate/ask.h"

#include <fcntl.h>
#include <unistd.h>

enum outcome read_seal(const char *path, struct seal *ret, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, SEAL_FILE_MAX, &text, &len);

	if (r == 0)
		return seal_file_parse(path, text, len, ret, why);
	why_set(why, WHY_ERRNO, -r, "read", path);
	return OUTCOME_BROKEN;
}

bool master_by_recovery_key(const struct seal *s, struct secret *ret)
{
	SECRET text = { 0 };
	SECRET key = { 0 };
	unsigned wrong;
	ssize_t n;

	if (isatty(STDIN_FILENO))
		return ask_until_right("/dev/tty", s, s->key_id, ret, &wrong) == ASKED_RIGHT;
	n = read(STDIN_FILENO, text.bytes, sizeof(text.bytes));
	if (n > 0 && recovery_key_parse((const char *)text.bytes, (size_t)n, key.bytes)) {
		key.len = RECOVERY_KEY_LEN;
		if (recovery_open(&key, s->recovery, s->key_id, ret, NULL) == OUTCOME_OK)
			return true;
	}
	return false;
}

enum outcome evm_key_by_recovery_key(const char *seal_path, struct secret *ret, struct why *why)
{
	SECRET master = { 0 };
	static struct seal s;
	enum outcome o = read_seal(seal_path, &s, why);

	if (o != OUTCOME_OK)
		return o;
	if (master_by_recovery_key(&s, &master))
		return evm_blob_unwrap(&master, s.evm_blob, ret, why);
	why_set(why, WHY_TEXT, 0, "open", seal_path);
	why_detail(why, "that is not its recovery key");
	return OUTCOME_REFUSED;
}
