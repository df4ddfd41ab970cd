/* A person with the recovery key: systemd's ask-password protocol where there is systemd, the console
 * where there is not. */
#include "gate/boot.h"

#include "base/clean.h"
#include "base/log.h"
#include "core/recoverykey.h"
#include "crypto/crypto.h"
#include "gate/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TRIES 5
#define ASK_PROGRAM "/usr/bin/systemd-ask-password"
#define LINE_MAX_LEN 159

/* Everything the other end of the pipe says, at most LINE_MAX_LEN bytes. */
static bool read_all(int fd, struct secret *ret)
{
	ret->len = 0;
	while (ret->len < LINE_MAX_LEN) {
		ssize_t n = read(fd, ret->bytes + ret->len, LINE_MAX_LEN - ret->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		ret->len += (size_t)n;
		if (ret->bytes[ret->len - 1] == '\n')
			return true;
	}
	return true;
}

/* where: "--no-tty" in the gate, whose terminal is nobody's; "--timeout=0" again where ours is somebody's. */
static bool ask_systemd(const char *question, const char *id, const char *where, struct secret *ret)
{
	int fds[2], status = -1;
	bool ok;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execl(ASK_PROGRAM, ASK_PROGRAM, "--timeout=0", where, id, "--icon=drive-harddisk", question, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[1]);
	ok = pid > 0 && read_all(fds[0], ret);
	(void)close(fds[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && ok;
}

static bool ask_terminal(const char *path, const char *question, struct secret *ret)
{
	CLEAN_FD tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios before, quiet;
	bool ok, terminal;

	if (tty < 0)
		return false;
	terminal = tcgetattr(tty, &before) == 0;
	if (terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		quiet.c_lflag |= ICANON;
		(void)tcsetattr(tty, TCSAFLUSH, &quiet); /* echoing is no failure worth a stop */
	}
	ok = write(tty, question, strlen(question)) > 0 && write(tty, " ", 1) == 1 && read_all(tty, ret);
	if (terminal)
		(void)tcsetattr(tty, TCSANOW, &before);
	(void)!write(tty, "\n", 1); /* looks only */
	return ok;
}

bool ask_secret(const char *question, const char *id, struct secret *ret)
{
	bool ok = access(ASK_PROGRAM, X_OK) == 0 ? ask_systemd(question, id, "--timeout=0", ret) : ask_terminal("/dev/tty", question, ret);

	if (ok && ret->len && ret->bytes[ret->len - 1] == '\n')
		ret->bytes[--ret->len] = '\0';
	return ok;
}

/* False: nobody could be asked. ret->len 0: what was typed is no recovery key at all. */
static bool ask_recovery_key(const char *path, struct secret *ret)
{
	static const char question[] = "imagate: recovery key:";
	SECRET text = { 0 };
	bool systemd = !path && access("/run/systemd/system", F_OK) == 0 && access(ASK_PROGRAM, X_OK) == 0;
	bool asked = systemd ? ask_systemd(question, "--id=imagate:recovery", "--no-tty", &text) : ask_terminal(path ? path : "/dev/console", question, &text);

	ret->len = 0;
	if (!asked || !recovery_key_parse((const char *)text.bytes, text.len, ret->bytes))
		return asked;
	ret->len = RECOVERY_KEY_LEN;
	return true;
}

enum asked ask_until_right(const char *tty, const struct seal *s, const uint8_t key_id[static KEY_ID_LEN],
                     struct secret *ret_master, unsigned *ret_wrong)
{
	for (*ret_wrong = 0; *ret_wrong < TRIES; (*ret_wrong)++) {
		SECRET key = { 0 };

		if (*ret_wrong) {
			log_error("that was not the recovery key (%u of %d); next try in %u seconds", *ret_wrong, TRIES,
			          1u << *ret_wrong);
			(void)sleep(1u << *ret_wrong); /* the delay is the point */
		}
		if (!ask_recovery_key(tty, &key))
			return ASKED_NOBODY;
		if (recovery_open(&key, s->recovery, key_id, ret_master, NULL) == OUTCOME_OK)
			return ASKED_RIGHT;
	}
	return ASKED_WRONG;
}

/* Only where the boot would end in rescue for want of the key, and the key would mend it. */
enum outcome step_authority(struct boot *b)
{
	struct why *why = BOOT_WHY(b, STEP_AUTHORITY);
	struct key_facts *k = &BOOT_EVIDENCE(b)->key;
	struct stance s = boot_stance(b);
	struct decision d;
	enum asked asked;

	refusal_find(b);
	request_take(b, BOOT_WHY(b, STEP_RATCHET));
	if (b->request.permit != STAGE_UNSET && b->request.permit == decide_stage(&s))
		k->authority = AUTHORITY_PERMIT;
	d = decide(&s, BOOT_EVIDENCE(b));
	if (!b->has_seal || !decide_ask(&d, &s))
		return OUTCOME_BLOCKED;
	secret_wipe(&b->master);
	b->generation = 0;
	tell_before_asking(b, &d);
	asked = ask_until_right(NULL, &b->seal, b->key_id, &b->master, &b->record.wrong_keys);
	if (asked != ASKED_RIGHT) {
		why_set(why, WHY_TEXT, 0, "ask for", "recovery key");
		why_detail(why, asked == ASKED_WRONG ? "too many wrong keys: reboot to try again" : "nobody could be asked");
		return OUTCOME_REFUSED;
	}
	BOOT_EVIDENCE(b)->outcome[STEP_UNSEAL] = OUTCOME_OK;
	k->authority = AUTHORITY_PERSON;
	return OUTCOME_OK;
}
