#include "gate/rescue.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "core/advice.h"
#include "crypto/crypto.h"
#include "gate/ask.h"
#include "gate/boot.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TRIAL_SECONDS 120

static void leave(const char *why, const char *doing, int how)
{
	log_error("%s; %s in ten seconds", why, doing);
	sync();
	(void)sleep(10); /* for the person who reads it: a machine that nobody watches loses ten seconds */
	(void)reboot(how);
	log_error("%s failed: %s", doing, strerror(errno));
}

void power_off(const char *why)
{
	leave(why, "powering off", RB_POWER_OFF);
}

void reboot_now(const char *why)
{
	leave(why, "rebooting", RB_AUTOBOOT);
}

/* The configuration's place for the seal; where there is no configuration that can be read, the usual one. */
static void find_seal(struct config *c)
{
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, c, NULL) != OUTCOME_OK)
		config_defaults(c);
}

/* First of all, whatever this initramfs holds: the TPM may have a counter of ours all the same. */
static bool close_the_door(const struct config *c)
{
	struct why why = { 0 };
	struct tpm *t = NULL;
	char words[512];
	enum outcome o = door_close(NULL, file_exists(AT_FDCWD, c->seal) ? c->tpm_wait : 0, &t, &why);

	tpm_close(&t);
	if (o == OUTCOME_OK || o == OUTCOME_ABSENT)
		return true;
	why_format(&why, words, sizeof(words));
	log_error("%s", words);
	power_off(cause_what(CAUSE_DOOR));
	return false;
}

/* Where there is a seal there is a recovery key, and it is asked for. Without one nobody's key could be told from
 * another's; the door is closed, and nothing is in reach that the disk alone would not give. */
static bool may_enter(const struct config *c)
{
	CLEAN_FREE char *text = NULL;
	SECRET master = { 0 };
	static struct seal s;
	struct why why = { 0 };
	size_t len;
	unsigned wrong;
	enum asked asked;

	if (!file_exists(AT_FDCWD, c->seal))
		return true;
	if (file_read(AT_FDCWD, c->seal, SEAL_FILE_MAX, &text, &len) < 0 ||
	    seal_file_parse(c->seal, text, len, &s, &why) != OUTCOME_OK) {
		log_error("the seal of this initramfs is damaged: nobody can be let in by the recovery key");
		power_off("boot another initramfs or a rescue system");
		return false;
	}
	log_error("Rescue: type the recovery key (from 'imagate seal') for a shell.");
	while ((asked = ask_until_right("/dev/console", &s, s.key_id, &master, &wrong)) == ASKED_WRONG) {
		log_error("%u wrong recovery keys; a minute's pause", wrong);
		(void)sleep(60); /* the delay is the point */
	}
	return asked == ASKED_RIGHT;
}

/* A boot on trial that ends here without the gate's own verdict (no root, a crash) comes back by itself, unless
 * somebody is there. The boot loader counts its tries; where it says that none is left, somebody is waited for. */
static bool nobody_is_there(void)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD tty = open("/dev/console", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct pollfd p = { .fd = tty, .events = POLLIN };
	struct cmdline l = { 0 };
	size_t len;

	if (file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, &text, &len) == 0)
		cmdline_parse(text, len, &l);
	if (!l.trial || l.trial_left > 9)
		return false;
	log_error("This boot is on trial: without a key pressed it reboots in %d seconds (Enter stops that).", TRIAL_SECONDS);
	if (poll(&p, tty >= 0 ? 1 : 0, TRIAL_SECONDS * 1000) != 0)
		(void)tcflush(tty, TCIFLUSH); /* the key that was pressed is no part of the recovery key */
	return p.revents == 0;
}

static void say_what_happened(void)
{
	CLEAN_FREE char *text = NULL;
	static struct record r;
	size_t len;

	if (file_read(AT_FDCWD, RECORD_PATH, RECORD_MAX, &text, &len) == 0 && record_parse(text, len, &r)) {
		(void)fprintf(stderr, "\nimagate stopped this boot: %s\n%s\n", cause_what(r.decision.cause),
		              cause_remedy(r.decision.cause));
		for (size_t i = 0; i < r.refused.lines; i++)
			(void)fprintf(stderr, "%s\n", r.refused.line[i]);
	} else {
		(void)fprintf(stderr, "\nimagate: the boot stopped before the gate had decided anything.\n");
	}
	(void)fprintf(stderr,
	              "The real root is below /sysroot (mount -o remount,rw /sysroot), the key is out of reach.\n"
	              "  imagate status                      what happened, in full\n"
	              "  imagate check --root /sysroot       what the next boot would do\n"
	              "  imagate stage --root /sysroot set fix    another stage for the next boot\n"
	              "  imagate recover --root /sysroot     seal to this machine again (recovery key)\n"
	              "Leaving the shell reboots.\n\n");
}

static int shell(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)setsid();
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 1); /* job control is a comfort */
		(void)execl("/bin/sh", "-sh", (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? 0 : -1;
}

int rescue_run(void)
{
	struct config c;

	find_seal(&c);
	if (!close_the_door(&c))
		return 1;
	if (!file_exists(AT_FDCWD, RECORD_PATH))
		tell_undecided();
	if (nobody_is_there()) {
		reboot_now("nobody is at the console");
		return 1;
	}
	if (!may_enter(&c))
		return 1;
	say_what_happened();
	if (shell() < 0)
		log_error("no shell could be started: %s", strerror(errno));
	reboot_now("the rescue shell has ended");
	return 1;
}
