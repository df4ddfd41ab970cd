#include "kernel/keyring.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS_MAX (1024 * 1024)
#define WARM_UP_NAME "imagate-warm-up"

static enum outcome failed(struct why *why, const char *operation, const char *key)
{
	why_set(why, WHY_ERRNO, errno, operation, key);
	return errno == ENODEV ? OUTCOME_ABSENT : OUTCOME_BROKEN;
}

enum outcome keyring_private(struct why *why)
{
	return keyctl_join_session_keyring(NULL) < 0 ? failed(why, "join", "session keyring") : OUTCOME_OK;
}

/* Nobody but who possesses it: not even its owner, root, sees it in /proc/keys. */
static bool hide(key_serial_t key)
{
	return keyctl_setperm(key, KEY_POS_ALL) == 0;
}

/* Gone for everybody at once, whoever else may hold a link. */
static void destroy(key_serial_t *key)
{
	if (*key > 0) {
		(void)keyctl_invalidate(*key); /* unlink too: invalidating needs a kernel from 3.5 */
		(void)keyctl_unlink(*key, KEY_SPEC_SESSION_KEYRING);
	}
	*key = 0;
}
#define KEY_SCOPE __attribute__((cleanup(destroy))) key_serial_t

static enum outcome add_master(const struct secret *master, const char *name, key_serial_t *ret,
                               struct why *why)
{
	*ret = add_key("user", name, master->bytes, master->len, KEY_SPEC_SESSION_KEYRING);
	if (*ret < 0 || !hide(*ret))
		return failed(why, "add key", name);
	return OUTCOME_OK;
}

/* What the kernel prints of an encrypted key; NUL-terminated. */
static bool read_blob(key_serial_t key, char ret[static EVM_BLOB_MAX])
{
	long n = keyctl_read(key, ret, EVM_BLOB_MAX - 1);

	if (n <= 0 || n > EVM_BLOB_MAX - 1)
		return false;
	ret[n] = '\0';
	return true;
}

static enum outcome add_encrypted(const char *command, const char *argument, key_serial_t *ret,
                                  struct why *why)
{
	char text[EVM_BLOB_MAX + 8];
	int n = snprintf(text, sizeof(text), "%s %s", command, argument);

	if (n < 0 || (size_t)n >= sizeof(text)) {
		errno = EMSGSIZE;
		return failed(why, "add key", EVM_KEY_NAME);
	}
	*ret = add_key("encrypted", EVM_KEY_NAME, text, (size_t)n, KEY_SPEC_SESSION_KEYRING);
	if (*ret < 0)
		return failed(why, command, EVM_KEY_NAME);
	return hide(*ret) ? OUTCOME_OK : failed(why, "hide", EVM_KEY_NAME);
}

enum outcome keyring_load_evm_key(const struct secret *master, const char *blob, struct why *why)
{
	KEY_SCOPE master_key = 0;
	key_serial_t key = 0;
	char back[EVM_BLOB_MAX];
	enum outcome o = add_master(master, MASTER_KEY_NAME, &master_key, why);

	if (o != OUTCOME_OK)
		return o;
	o = add_encrypted("load", blob, &key, why);
	if (o == OUTCOME_BROKEN && errno == EINVAL) {
		why_detail(why, "the blob in the seal does not belong to this master key, or is damaged");
		return OUTCOME_REFUSED;
	}
	if (o != OUTCOME_OK)
		return o;
	/* printed again it must be the same: then the kernel holds the key that the blob means */
	if (read_blob(key, back) && !strcmp(back, blob))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "read back", EVM_KEY_NAME);
	why_detail(why, "the kernel does not give back the blob that it was given");
	destroy(&key);
	return OUTCOME_BROKEN;
}

enum outcome keyring_make_evm_key(const struct secret *master, char ret_blob[static EVM_BLOB_MAX],
                                  struct why *why)
{
	KEY_SCOPE master_key = 0;
	KEY_SCOPE key = 0;
	enum outcome o = add_master(master, MASTER_KEY_NAME, &master_key, why);

	if (o == OUTCOME_OK)
		o = add_encrypted("new", "default user:" MASTER_KEY_NAME " 64", &key, why);
	if (o != OUTCOME_OK)
		return o;
	if (read_blob(key, ret_blob) && evm_blob_valid(ret_blob))
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, errno, "read", EVM_KEY_NAME);
	return OUTCOME_BROKEN;
}

void keyring_drop_evm_key(void)
{
	long key = keyctl_search(KEY_SPEC_SESSION_KEYRING, "encrypted", EVM_KEY_NAME, 0);

	/* unlinked, not invalidated: a link in _evm, of zeros by now, may stay */
	if (key > 0)
		(void)keyctl_unlink((key_serial_t)key, KEY_SPEC_SESSION_KEYRING);
}

/* The child: all algorithms that a load will ask for, by way of a key that means nothing. */
static void warm_up(void)
{
	static const char command[] = "new default user:" WARM_UP_NAME " 64";
	char blob[EVM_BLOB_MAX];
	key_serial_t key;

	if (keyctl_join_session_keyring(NULL) < 0 ||
	    add_key("user", WARM_UP_NAME, WARM_UP_NAME, strlen(WARM_UP_NAME), KEY_SPEC_SESSION_KEYRING) < 0)
		return;
	key = add_key("encrypted", WARM_UP_NAME, command, strlen(command), KEY_SPEC_SESSION_KEYRING);
	if (key > 0)
		(void)keyctl_read(key, blob, sizeof(blob)); /* encrypts: that is all it is for */
}

int keyring_warm_up(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	warm_up();
	_exit(0);
}

void keyring_warm_up_end(int pid)
{
	int status;

	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
}

/* "0a1b2c3d I------     1 perm 1f0b0000     0     0 keyring   .ima: 1" */
static int32_t find_ring(const char *keys, const char *name)
{
	char needle[32];
	const char *at, *line;

	(void)snprintf(needle, sizeof(needle), " %s:", name); /* short constants */
	at = strstr(keys, needle);
	if (!at)
		return 0;
	for (line = at; line > keys && line[-1] != '\n'; line--)
		;
	return (int32_t)strtoul(line, NULL, 16);
}

static enum outcome find_kernel_rings(struct integrity_rings *ret, struct why *why)
{
	CLEAN_FREE char *keys = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, "/proc/keys", KEYS_MAX, &keys, &len);

	if (r < 0) {
		errno = -r;
		return failed(why, "read", "/proc/keys");
	}
	ret->ima = find_ring(keys, ".ima");
	ret->evm = find_ring(keys, ".evm");
	return OUTCOME_OK;
}

static enum outcome make_ring(const char *name, int32_t *ret, struct why *why)
{
	*ret = add_key("keyring", name, NULL, 0, KEY_SPEC_SESSION_KEYRING);
	return *ret < 0 ? failed(why, "make keyring", name) : OUTCOME_OK;
}

enum outcome keyring_integrity(enum rings kind, struct integrity_rings *ret, struct why *why)
{
	enum outcome o;

	*ret = (struct integrity_rings){ .kind = kind };
	if (kind == RINGS_KERNEL)
		return find_kernel_rings(ret, why);
	if (kind != RINGS_USER) {
		why_set(why, WHY_TEXT, 0, "read", "/proc/keys");
		why_detail(why, "it could not be told whether the kernel has its own .ima and .evm");
		return OUTCOME_BROKEN;
	}
	o = make_ring("_ima", &ret->ima, why);
	return o == OUTCOME_OK ? make_ring("_evm", &ret->evm, why) : o;
}

static const char *cert_words(int error)
{
	switch (error) {
	case ENOKEY: return "no key of the kernel vouches for it, or its usage is not digitalSignature";
	case EKEYREJECTED: return "its signature is wrong, or it is blacklisted";
	case EBADMSG: return "not a certificate in DER form";
	case ENOPKG: return "its algorithm is not in this kernel";
	default: return "";
	}
}

enum outcome keyring_add_cert(int32_t ring, const uint8_t *der, size_t len, const char *name,
                              struct why *why)
{
	int error;

	if (ring > 0 && add_key("asymmetric", "", der, len, ring) > 0)
		return OUTCOME_OK;
	error = ring > 0 ? errno : ENOENT;
	why_set(why, WHY_ERRNO, error, "add certificate", name);
	why_detail(why, ring > 0 ? cert_words(error) : "this kernel has no keyring for it");
	return error == ENOKEY || error == EKEYREJECTED ? OUTCOME_REFUSED : OUTCOME_BROKEN;
}

enum outcome keyring_link_evm_key(int32_t ring, struct why *why)
{
	long key = keyctl_search(KEY_SPEC_SESSION_KEYRING, "encrypted", EVM_KEY_NAME, 0);

	if (key < 0)
		return failed(why, "find", EVM_KEY_NAME);
	if (ring > 0 && keyctl_link((key_serial_t)key, ring) == 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, ring > 0 ? errno : ENOENT, "link", EVM_KEY_NAME);
	return OUTCOME_ABSENT;
}

enum outcome keyring_restrict(int32_t ring, struct why *why)
{
	return keyctl_restrict_keyring(ring, NULL, NULL) < 0 ? failed(why, "restrict", "integrity keyring")
	                                                      : OUTCOME_OK;
}

enum outcome keyring_offer(const char *name, const struct secret *value, struct why *why)
{
	/* first where it is possessed: only who possesses it may set its permissions */
	key_serial_t key = add_key("user", name, value->bytes, value->len, KEY_SPEC_SESSION_KEYRING);

	if (key < 0)
		return failed(why, "add key", name);
	/* its owner, root, may find and read it, nobody else */
	if (keyctl_setperm(key, KEY_POS_ALL | KEY_USR_VIEW | KEY_USR_READ | KEY_USR_SEARCH) < 0 ||
	    keyctl_link(key, KEY_SPEC_USER_KEYRING) < 0) {
		enum outcome o = failed(why, "offer key", name);

		(void)keyctl_invalidate(key); /* nobody may find a half of it */
		return o;
	}
	return OUTCOME_OK;
}

enum outcome keyring_fetch(const char *name, struct secret *ret, struct why *why)
{
	long key = keyctl_search(KEY_SPEC_USER_KEYRING, "user", name, 0), n;

	if (key < 0) {
		why_set(why, WHY_ERRNO, errno, "find key", name);
		return OUTCOME_ABSENT;
	}
	n = keyctl_read((key_serial_t)key, (char *)ret->bytes, sizeof(ret->bytes));
	if (n < 0 || (size_t)n > sizeof(ret->bytes))
		return failed(why, "read key", name);
	ret->len = (size_t)n;
	return OUTCOME_OK;
}
