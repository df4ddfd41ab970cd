#include "kernel/ima.h"

#include "base/file.h"
#include "core/policy.h"
#include "kernel/kmsg.h"
#include "kernel/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define POLICY_PATH "sys/kernel/security/integrity/ima/policy"
#define PROBE "ima-probe"
#define RING "'_ima'"
/* A uid that nobody has: the rule concerns our probe alone. */
#define PROBE_UID 4000000000u
#define PROBE_RULE "appraise func=FILE_CHECK fsmagic=0x01021994 fowner=4000000000"

/* One rule, one write. The kernel answers with what it consumed: the line and its newline. */
static int write_rule(int fd, const char *rule, size_t len)
{
	char line[POLICY_RULE_MAX + 1];
	ssize_t n;

	if (len > POLICY_RULE_MAX)
		return -EFBIG;
	memcpy(line, rule, len);
	line[len] = '\n';
	do
		n = write(fd, line, len + 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len + 1 ? 0 : -EIO;
}

static enum outcome refused(struct why *why, const char *path, unsigned line, int error)
{
	why_set(why, WHY_TEXT, line, "policy", path);
	why_detail(why, error == -EACCES ? "the kernel demands a signed policy (EACCES)"
	              : error == -EINVAL ? "the kernel refuses this rule (EINVAL)"
	              : error == -EIO    ? "the kernel took only a part of this rule"
	                                 : "the kernel could not take this rule");
	return error == -EINVAL || error == -EACCES ? OUTCOME_REFUSED : OUTCOME_BROKEN;
}

static enum outcome write_rules(struct ima_staged *s, const char *path, const char *text, size_t len,
                                bool has_signature, struct why *why)
{
	struct policy_iter it;
	const char *rule;
	size_t rule_len;
	int r = s->pin_rule ? write_rule(s->fd, PROBE_RULE, strlen(PROBE_RULE)) : 0;

	if (r < 0 && r != -EACCES)
		return refused(why, path, 0, r);
	policy_begin(&it, text, len);
	while (policy_next(&it, &rule, &rule_len)) {
		r = write_rule(s->fd, rule, rule_len);
		s->by_path = r == -EACCES && has_signature;
		if (r < 0 && !s->by_path)
			return refused(why, path, it.line, r);
		s->rules++;
	}
	return OUTCOME_OK;
}

enum outcome ima_stage(int root, const char *path, const char *text, size_t len, bool with_pin, bool has_signature,
                       struct ima_staged *ret, struct why *why)
{
	enum outcome o;

	*ret = (struct ima_staged){ .pin_rule = with_pin };
	ret->fd = openat(root, POLICY_PATH, O_WRONLY | O_CLOEXEC);
	if (ret->fd < 0) {
		why_set(why, WHY_ERRNO, errno, "open", "/" POLICY_PATH);
		return errno == ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
	}
	o = write_rules(ret, path, text, len, has_signature, why);
	if (o == OUTCOME_OK && ret->by_path) {
		unsigned rules = ret->rules;

		ima_unstage(ret);
		*ret = (struct ima_staged){ .fd = -1, .rules = rules, .by_path = true };
	} else if (o != OUTCOME_OK) {
		ima_unstage(ret);
	}
	return o;
}

void ima_unstage(struct ima_staged *s)
{
	static const char spoiler[] = "spoilt by imagate\n";

	if (s->fd < 0) {
		*s = IMA_STAGED_NONE;
		return;
	}
	/* expected to fail: one bad rule makes the kernel throw all of them away */
	if (write(s->fd, spoiler, sizeof(spoiler) - 1) < 0)
		errno = 0;
	(void)close(s->fd); /* never fails here; what counts was done by the write */
	*s = IMA_STAGED_NONE;
}

/* Rules as the kernel reads them back: one a line. */
static enum outcome count_back(int root, unsigned rules, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	unsigned lines = 0;
	int r = file_read(root, POLICY_PATH, 4 * POLICY_FILE_MAX, &text, &len);

	if (r == -EACCES || r == -EPERM || r == -ENOENT)
		return OUTCOME_OK; /* a kernel that does not let it be read: its log must do */
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read back", "/" POLICY_PATH);
		return OUTCOME_BROKEN;
	}
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (lines >= rules)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, 0, "read back", "/" POLICY_PATH);
	why_detail(why, "fewer rules are in force than were written");
	return OUTCOME_BROKEN;
}

enum outcome ima_commit(int root, struct ima_staged *s, struct why *why)
{
	unsigned rules = s->rules;
	CLEAN_FD log = kmsg_begin();

	if (s->fd < 0 || log < 0) {
		why_set(why, WHY_ERRNO, s->fd < 0 ? EBADF : -log, "open", s->fd < 0 ? POLICY_PATH : "/dev/kmsg");
		ima_unstage(s);
		return OUTCOME_BROKEN;
	}
	(void)close(s->fd); /* answers 0 whatever becomes of the policy: the proof follows */
	*s = IMA_STAGED_NONE;
	if (!kmsg_saw(log, "policy update", "completed")) {
		why_set(why, WHY_TEXT, 0, "close", "/" POLICY_PATH);
		why_detail(why, "the kernel did not log 'policy update completed'");
		return OUTCOME_REFUSED;
	}
	return count_back(root, rules, why);
}

#define POLICY_COPY "policy"

static enum outcome file_failed(struct why *why, int error, const char *operation)
{
	why_set(why, WHY_ERRNO, error, operation, POLICY_COPY " on /run/imagate");
	return OUTCOME_BROKEN;
}

/* cpio carries no labels, and the initramfs's own file system may take none. */
static enum outcome make_copy(const struct ima_file *f, struct why *why)
{
	CLEAN_FD fd = -1;
	ssize_t n;

	if (unlinkat(f->dir_fd, POLICY_COPY, 0) < 0 && errno != ENOENT)
		return file_failed(why, errno, "unlink");
	fd = openat(f->dir_fd, POLICY_COPY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return file_failed(why, errno, "create");
	n = write(fd, f->text, f->len);
	if (n < 0 || (size_t)n != f->len)
		return file_failed(why, n < 0 ? errno : EIO, "write");
	return fsetxattr(fd, "security.ima", f->label, f->label_len, 0) < 0 ? file_failed(why, errno, "set security.ima of") : OUTCOME_OK;
}

static enum outcome hand_over(int root, const struct ima_file *f, struct why *why)
{
	char path[128];
	CLEAN_FD fd = openat(root, POLICY_PATH, O_WRONLY | O_CLOEXEC);
	int n = snprintf(path, sizeof(path), "%s/" POLICY_COPY "\n", f->dir); /* a constant of ours */

	if (fd < 0) {
		why_set(why, WHY_ERRNO, errno, "open", "/" POLICY_PATH);
		return OUTCOME_BROKEN;
	}
	if (write(fd, path, (size_t)n) >= 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, errno, "load", "policy as a signed file");
	why_detail(why, errno == EACCES ? "the kernel does not accept its IMA signature: is the signer's certificate in [key] x509-ima?"
	                                : "");
	return OUTCOME_REFUSED;
}

enum outcome ima_commit_file(int root, struct ima_staged *s, const struct ima_file *f, struct why *why)
{
	unsigned rules = s->rules;
	CLEAN_FD log = kmsg_begin();
	enum outcome o;

	*s = IMA_STAGED_NONE;
	if (log < 0) {
		why_set(why, WHY_ERRNO, -log, "open", "/dev/kmsg");
		return OUTCOME_BROKEN;
	}
	o = make_copy(f, why);
	if (o == OUTCOME_OK)
		o = hand_over(root, f, why);
	if (unlinkat(f->dir_fd, POLICY_COPY, 0) < 0 && o == OUTCOME_OK)
		o = file_failed(why, errno, "unlink");
	if (o == OUTCOME_OK && !kmsg_saw(log, "policy update", "completed")) {
		why_set(why, WHY_TEXT, 0, "close", "/" POLICY_PATH);
		why_detail(why, "the kernel did not log 'policy update completed'");
		o = OUTCOME_REFUSED;
	}
	return o == OUTCOME_OK ? count_back(root, rules, why) : o;
}

#define SIG_ENFORCE "sys/module/module/parameters/sig_enforce"

enum outcome ima_enforce_module_signatures(int root, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_poke(root, SIG_ENFORCE, "1", 1);

	if (r == 0)
		r = file_read(root, SIG_ENFORCE, 16, &text, &len);
	if (r == 0 && *text == 'Y')
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, -r, "write", "/" SIG_ENFORCE);
	why_detail(why, "compressed modules could not be loaded under this policy");
	return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
}

static enum outcome probe_make(int dir_fd, uint32_t keyid, struct why *why)
{
	uint8_t signature[PROBE_SIGNATURE_LEN];
	CLEAN_FD fd = -1;
	enum outcome o;

	o = probe_create(dir_fd, PROBE, &fd, why);
	if (o != OUTCOME_OK)
		return o;
	probe_signature(3, keyid, signature);
	if (fchown(fd, PROBE_UID, (gid_t)-1) < 0)
		return probe_failed(why, PROBE, errno, "chown");
	if (fsetxattr(fd, "security.ima", signature, sizeof(signature), 0) < 0)
		return probe_failed(why, PROBE, errno, "set security.ima of");
	return OUTCOME_OK;
}

enum outcome ima_pin(int dir_fd, struct why *why)
{
	CLEAN_FD log = kmsg_begin();
	CLEAN_FD fd = -1;
	char name[16];
	uint32_t keyid = probe_keyid();
	enum outcome o;

	if (log < 0)
		return probe_failed(why, PROBE, -log, "open /dev/kmsg for");
	o = probe_make(dir_fd, keyid, why);
	if (o != OUTCOME_OK)
		return o;
	/* denied in enforce, allowed in fix and log: the look-up is what counts */
	fd = openat(dir_fd, PROBE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (unlinkat(dir_fd, PROBE, 0) < 0)
		return probe_failed(why, PROBE, errno, "unlink");
	probe_key_name(keyid, name);
	if (kmsg_saw(log, name, RING))
		return OUTCOME_OK;
	(void)probe_failed(why, PROBE, 0, "pin _ima by");
	why_detail(why, "the kernel did not look its key up in our _ima keyring");
	return OUTCOME_BROKEN;
}
