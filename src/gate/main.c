/* imagate-gate: see imagate-gate(8). Exit: 0 the boot goes on, 1 it must not, 2 usage or a bad
 * configuration. */
#include "gate/boot.h"

#include "base/ini.h"
#include "base/log.h"
#include "core/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_GO_ON = 0, EXIT_STOP = 1, EXIT_USAGE = 2 };

static int usage(FILE *to, int code)
{
	(void)fputs("usage: imagate-gate [--wait-sysroot]\n"
	            "       imagate-gate --check-config FILE\n"
	            "Runs in the initramfs: unseals the EVM key, switches EVM on, loads the IMA\n"
	            "policy. Exit status: 0 the boot may go on, 1 it must not, 2 usage or a bad\n"
	            "configuration file.\n", to);
	return code;
}

static int check_config(const char *path)
{
	struct config c;
	struct why why = { 0 };
	enum outcome o = ini_config_load(AT_FDCWD, path, &c, &why);
	char text[512];

	if (o == OUTCOME_OK)
		return EXIT_GO_ON;
	why_format(&why, text, sizeof(text));
	log_error("%s", text);
	return EXIT_USAGE;
}

/* Only where root cannot do it: the unit's RuntimeDirectory= or this. */
static int open_run_dir(void)
{
	if (mkdir(BOOT_RUN_DIR, 0755) < 0 && errno != EEXIST)
		return -1;
	return open(BOOT_RUN_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Time for a person to read why; a machine nobody watches loses ten seconds. */
static void power_off(void)
{
	log_error("powering off in ten seconds, as imagate.conf says (stop = poweroff)");
	sync();
	(void)sleep(10);
	(void)reboot(RB_POWER_OFF);
	log_error("power-off failed: %s", strerror(errno));
}

/* A file of the real root is mapped, and its disk fails: better a sentence than a core dump. */
static void disk_failed(int signal)
{
	static const char text[] = "imagate: STOPPED: a file of the real root could not be read\n"
	                           "imagate: the disk is failing: check it from a rescue system\n";

	(void)signal;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* nobody left to tell */
	_exit(EXIT_STOP);
}

/* systemd mounts it; an initramfs without systemd may not have. Failing shows in the facts. */
static void mount_securityfs(void)
{
	if (access("/sys/kernel/security/lsm", F_OK) < 0)
		(void)mount("securityfs", "/sys/kernel/security", "securityfs",
		            MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int run(bool wait_sysroot)
{
	static struct boot b;
	int code;

	(void)signal(SIGBUS, disk_failed);
	mount_securityfs();
	boot_init(&b);
	b.wait_sysroot = wait_sysroot;
	b.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	b.run_dir = open_run_dir();
	if (b.root < 0 || b.run_dir < 0) {
		log_error("%s: %s", b.root < 0 ? "/" : BOOT_RUN_DIR, strerror(errno));
		boot_end(&b);
		return EXIT_STOP;
	}
	line_run(&b);
	code = b.record.decision.verdict == VERDICT_STOP ? EXIT_STOP : EXIT_GO_ON;
	if (code == EXIT_STOP && b.has_config && b.config.on_stop == ON_STOP_POWEROFF)
		power_off();
	boot_end(&b);
	return code;
}

int main(int argc, char **argv)
{
	int r;

	log_set_prefix("imagate");
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout, EXIT_GO_ON);
	if (argc == 3 && !strcmp(argv[1], "--check-config"))
		return check_config(argv[2]);
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--wait-sysroot") != 0))
		return usage(stderr, EXIT_USAGE);
	r = secret_harden_process();
	if (r < 0)
		log_warning("could not lock memory against dumps: %s", strerror(-r));
	return run(argc == 2);
}
