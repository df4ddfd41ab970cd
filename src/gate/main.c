/* imagate-gate: see imagate-gate(8). Exit: 0 the boot goes on, 1 it must not, 2 usage or a bad
 * configuration. */
#include "gate/boot.h"

#include "base/clean.h"
#include "base/ini.h"
#include "base/log.h"
#include "core/advice.h"
#include "gate/rescue.h"
#include "gate/rootstate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_GO_ON = 0, EXIT_STOP = 1, EXIT_USAGE = 2 };

static int usage(FILE *to, int code)
{
	(void)fputs("usage: imagate-gate [--wait-sysroot | --sysroot-ready | --rescue]\n"
	            "       imagate-gate --check-config FILE | --config-files FILE | --needs-seal FILE\n"
	            "Runs in the initramfs: unseals the EVM key, switches EVM on, loads the IMA\n"
	            "policy. --wait-sysroot does what it can before the real root is mounted, and\n"
	            "waits for --sysroot-ready. --rescue closes the door, asks for the recovery key, and\n"
	            "gives a shell. The others are for the dracut module: is FILE a good\n"
	            "configuration; which files does it name; must there be a seal.\n"
	            "Exit status: 0 the boot may go on (or: yes), 1 it must not (or: no), 2 usage or a\n"
	            "bad configuration.\n", to);
	return code;
}

static int load_config(const char *path, struct config *c)
{
	struct why why = { 0 };
	enum outcome o = ini_config_load(AT_FDCWD, path, c, &why);
	char text[512];

	if (o == OUTCOME_OK)
		return EXIT_GO_ON;
	why_format(&why, text, sizeof(text));
	log_error("%s", text);
	return EXIT_USAGE;
}

static int check_config(const struct config *c)
{
	(void)c; /* that it loaded is the answer */
	return EXIT_GO_ON;
}

/* "kind path" lines: what the initramfs must carry besides the configuration itself. */
static int config_files(const struct config *c)
{
	const struct {
		const char *kind, *path;
	} files[] = {
		{ "seal", c->key_source == KEY_SOURCE_TPM ? c->seal : "" },
		{ "public-key", c->key_source == KEY_SOURCE_TPM ? c->pcr_public_key : "" },
		/* PCR 9 is the initramfs: what signs its value lies beside it, on the root */
		{ "optional-signatures", c->key_source == KEY_SOURCE_TPM && *c->pcr_public_key && !(c->pcrs.mask & 1u << 9) ? c->pcr_signature : "" },
		{ "key", c->key_file },
		{ "key", c->evm_blob },
		{ "certificates", c->x509_ima },
		{ "certificates", c->x509_evm },
		{ "certificates", c->x509_policy },
		{ "optional-certificates", c->x509_catalogue },
		{ *c->x509_policy ? "signed-policy" : "policy", c->stage >= STAGE_FIX ? c->policy : "" },
		{ *c->x509_policy ? "signed-policy" : "policy", c->floor <= STAGE_MEASURE ? c->measure_policy : "" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (*files[i].path)
			(void)printf("%s %s\n", files[i].kind, files[i].path);
	return EXIT_GO_ON;
}

static int needs_seal(const struct config *c)
{
	return c->key_source == KEY_SOURCE_TPM && c->stage == STAGE_ENFORCE &&
	       c->on_key_absent == ON_FAILURE_STOP ? EXIT_GO_ON : EXIT_STOP;
}

static int ask(const char *option, const char *path)
{
	static const struct {
		const char *option;
		int (*answer)(const struct config *c);
	} questions[] = {
		{ "--check-config", check_config },
		{ "--config-files", config_files },
		{ "--needs-seal", needs_seal },
	};
	struct config c;
	int r;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (strcmp(option, questions[i].option) != 0)
			continue;
		r = load_config(path, &c);
		return r == EXIT_GO_ON ? questions[i].answer(&c) : r;
	}
	return usage(stderr, EXIT_USAGE);
}

/* Only where root cannot do it: the unit's RuntimeDirectory= or this. */
static int open_run_dir(void)
{
	if (mkdir(BOOT_RUN_DIR, 0755) < 0 && errno != EEXIST)
		return -1;
	return open(BOOT_RUN_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* A file of that name in the run directory, made now: -1 if it could not be, or is there. */
static int mark(const char *name)
{
	CLEAN_FD dir = open_run_dir();
	CLEAN_FD fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		log_error(BOOT_RUN_DIR "/%s: %s", name, strerror(errno));
	return fd < 0 ? -1 : 0;
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

/* Counted before it happens, or it does not happen. On trial the boot loader knows where to go back to. */
static void fall_back(const struct boot *b)
{
	enum stage to = b->cmdline.trial ? STAGE_UNSET : b->config.fallback_to;
	struct why why = { 0 };
	char text[512];
	enum outcome o = add_reboot(b, &why);

	if (o != OUTCOME_OK) {
		why_format(&why, text, sizeof(text));
		log_error("no automatic reboot, because it could not be counted: %s", text);
		return;
	}
	if (to != STAGE_UNSET) {
		o = ask_grub_once(b, &why);
		why_format(&why, text, sizeof(text));
		if (o != OUTCOME_OK)
			log_error("the boot loader could not be asked for the stage %s: %s", stage_name(to), text);
		else
			log_error("the next boot asks for the stage %s, once", stage_name(to));
	}
	reboot_now("this boot did not come up; the boot loader falls back where a stage is on trial");
}

/* What a stop is. Rescue is what is left when the others fail: the unit's failure starts it. */
static void stop(const struct boot *b)
{
	switch (b->record.decision.action) {
	case ACTION_POWEROFF: power_off("stopped"); break;
	case ACTION_FALLBACK: fall_back(b); break;
	default: break;
	}
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
	/* once a boot: what a second run could still change would be to somebody else's advantage */
	if (mark("started") < 0) {
		log_error("the gate has run in this boot; reboot to run it again");
		boot_end(&b);
		return EXIT_STOP;
	}
	line_run(&b);
	code = b.record.decision.verdict == VERDICT_STOP ? EXIT_STOP : EXIT_GO_ON;
	if (code == EXIT_STOP)
		stop(&b);
	if (code == EXIT_GO_ON && mark("admitted") < 0)
		code = EXIT_STOP;
	boot_end(&b);
	return code;
}

int main(int argc, char **argv)
{
	int r;

	log_set_prefix("imagate");
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout, EXIT_GO_ON);
	if (argc == 3)
		return ask(argv[1], argv[2]);
	if (argc == 2 && !strcmp(argv[1], "--sysroot-ready"))
		return mark(BOOT_SYSROOT_READY) < 0 ? EXIT_STOP : EXIT_GO_ON;
	if (argc == 2 && !strcmp(argv[1], "--rescue"))
		return rescue_run();
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--wait-sysroot") != 0))
		return usage(stderr, EXIT_USAGE);
	r = secret_harden_process();
	if (r < 0)
		log_warning("could not lock memory against dumps: %s", strerror(-r));
	return run(argc == 2);
}
