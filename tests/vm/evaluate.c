/* PID 1 of a small initramfs that tries every file of a list at every hook, under a policy that appraises, and writes down
 * what the kernel did: the access, and the cause in its audit record. Before that, where nothing is in force yet,
 * 'imagate check' says what it expects of the same files.
 *
 * Before that, /commands are run, where there are any: programs with their words, and of our own "!hold PATH" (open it for
 * writing), "!drop" (close it), "!ro DIR", "!rw DIR".
 *
 * /mounts: "vdd ext4", a line each; /list: paths below /t; /modules, /certs/ima, /certs/evm: taken in the order of their
 * names; /evm-mode, /evm-blob, /kmk, /policy. The report goes to /dev/vdc. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX 4096
#define PROCESS_RING (-2)
#define IMA_DATA 1800 /* AUDIT_INTEGRITY_DATA ... */
#define IMA_LAST 1899

static FILE *report;
static int audit;

static void stop(void)
{
	fflush(stdout);
	sync();
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	_exit(1);
}

static void fail(const char *what)
{
	printf("guest-failed=%s: %s\n", what, strerror(errno));
	stop();
}

static size_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	if (n < 0 || (size_t)n == size)
		fail(path);
	close(fd);
	buf[n] = '\0';
	return (size_t)n;
}

/* Each file of a directory, by name. */
static void each(const char *dir, void (*f)(const char *path, long arg), long arg)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512];

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		f(path, arg);
	}
}

/* -- what the system has --------------------------------------------------------------- */

static void load_module(const char *path, long arg)
{
	int fd = open(path, O_RDONLY);

	(void)arg;
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		fail(path);
	close(fd);
}

static void mount_disks(void)
{
	char dev[64], type[64], at[256];
	FILE *f = fopen("/mounts", "r");

	if (!f)
		fail("/mounts");
	mkdir("/t", 0755);
	while (fscanf(f, "%63s %63s", dev, type) == 2) {
		char node[128];

		snprintf(node, sizeof(node), "/dev/%s", dev);
		snprintf(at, sizeof(at), "/t/%s", type);
		mkdir(at, 0755);
		if (mount(node, at, type, 0, NULL) < 0)
			fail(at);
	}
	fclose(f);
}

/* A file system without labels: files as in the list, on the initramfs itself. */
static void make_unlabelled(void)
{
	for (int i = 0; i < 2; i++) {
		char path[64];
		int fd;

		mkdir("/t/ramfs", 0755);
		if (i == 0 && mount("ramfs", "/t/ramfs", "ramfs", 0, NULL) < 0)
			fail("ramfs");
		snprintf(path, sizeof(path), "/t/ramfs/file%d", i);
		fd = open(path, O_CREAT | O_WRONLY, 0755);
		if (fd < 0 || write(fd, "not a program\n", 14) != 14)
			fail(path);
		close(fd);
	}
}

/* -- commands --------------------------------------------------------------------------- */

static int run_words(char **words)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (dup2(fileno(report), 1) < 0 || dup2(fileno(report), 2) < 0)
			_exit(99);
		execv(words[0], words);
		_exit(98);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int command(char **words)
{
	static int held = -1;
	unsigned long ro = !strcmp(words[0], "!ro") ? MS_RDONLY : 0;

	if (words[0][0] != '!')
		return run_words(words);
	if (!strcmp(words[0], "!drop"))
		return close(held);
	if (!strcmp(words[0], "!hold"))
		return (held = open(words[1], O_WRONLY)) < 0;
	return mount(NULL, words[1], NULL, MS_REMOUNT | ro, NULL);
}

static void commands(void)
{
	char line[1024];
	FILE *f = fopen("/commands", "r");

	while (f && fgets(line, sizeof(line), f)) {
		char *words[64] = { NULL };
		size_t n = 0;
		int code;

		fprintf(report, "--- run %s", line);
		fflush(report);
		for (char *w = strtok(line, " \n"); w && n < 63; w = strtok(NULL, " \n"))
			words[n++] = w;
		code = command(words);
		fseek(report, 0, SEEK_END);
		fprintf(report, "exit=%d\n", code);
	}
	if (f)
		fclose(f);
}

/* imagate's expectation of one file system. */
static void expect(const char *name)
{
	char root[256], *words[] = { "/usr/bin/imagate", "check", "--files", "--all", "--no-cache", "--hooks",
		"BPRM_CHECK,CREDS_CHECK,MMAP_CHECK_REQPROT,MMAP_CHECK,FILE_CHECK", "--root", root, "--policy", "/policy", "--ima-certs", "/certs/ima",
		"--evm-certs", "/certs/evm", "--evm-key-fd", "9", "--evm", NULL, NULL };
	char mode[16];
	int status, key;
	pid_t child;

	snprintf(root, sizeof(root), "/t/%s", name);
	slurp("/evm-mode", mode, sizeof(mode));
	words[sizeof(words) / sizeof(words[0]) - 2] = mode;
	fprintf(report, "--- check %s\n", name);
	fflush(report);
	child = fork();
	if (child == 0) {
		key = open("/evm-key", O_RDONLY);
		if (key < 0 || dup2(key, 9) < 0 || dup2(fileno(report), 1) < 0 || dup2(fileno(report), 2) < 0)
			_exit(99);
		execv(words[0], words);
		_exit(98);
	}
	waitpid(child, &status, 0);
	fseek(report, 0, SEEK_END);
	fprintf(report, "--- end\ncheck-status=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void expect_all(void)
{
	char dev[64], type[64];
	FILE *f = fopen("/mounts", "r");

	while (fscanf(f, "%63s %63s", dev, type) == 2)
		expect(type);
	fclose(f);
	expect("ramfs");
}

static void unmount_disks(void)
{
	char dev[64], type[64], at[256];
	FILE *f = fopen("/mounts", "r");

	while (fscanf(f, "%63s %63s", dev, type) == 2) {
		snprintf(at, sizeof(at), "/t/%s", type);
		if (umount(at) < 0)
			fail(at);
	}
	fclose(f);
}

/* -- what is put in force --------------------------------------------------------------- */

static long add_key(const char *type, const char *name, const void *bytes, size_t len, long ring)
{
	return syscall(SYS_add_key, type, name, bytes, len, ring);
}

static void add_certificate(const char *path, long ring)
{
	static char bytes[65536];
	size_t len = slurp(path, bytes, sizeof(bytes));

	/* a kernel may not know the kind of key: the files it signed are then denied, and that is asked, too */
	fprintf(report, "certificate=%s: %s\n", path,
	        add_key("asymmetric", "", bytes, len, ring) < 0 ? strerror(errno) : "taken");
}

static void add_ring(const char *name, const char *dir)
{
	long ring = add_key("keyring", name, NULL, 0, PROCESS_RING);

	if (ring < 0)
		fail(name);
	each(dir, add_certificate, ring);
}

static void activate_evm(void)
{
	static char bytes[8192];
	char mode[16];
	size_t len;
	int fd;

	slurp("/evm-mode", mode, sizeof(mode));
	if (atoi(mode) == 0)
		return;
	if (atoi(mode) & 1) {
		len = slurp("/kmk", bytes, sizeof(bytes));
		if (add_key("user", "kmk", bytes, len, PROCESS_RING) < 0)
			fail("kmk");
		len = slurp("/evm-blob", bytes, sizeof(bytes));
		if (add_key("encrypted", "evm-key", bytes, len, PROCESS_RING) < 0)
			fail("evm-key");
	}
	fd = open("/sys/kernel/security/evm", O_WRONLY);
	if (fd < 0 || write(fd, mode, strlen(mode)) < 0)
		fail("evm");
	close(fd);
}

/* -- audit ----------------------------------------------------------------------------- */

static void listen_to_audit(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1) };

	audit = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	if (audit < 0 || bind(audit, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("audit");
}

/* The word behind " cause=" and the like. */
static void word_of(const char *text, const char *key, char *ret, size_t size)
{
	const char *p = strstr(text, key);
	size_t n = p ? strcspn(p + strlen(key), " ") : 0;

	snprintf(ret, size, "%.*s", (int)n, p ? p + strlen(key) : "");
}

/* A record of our own goes the way that the kernel's go: when it is back, all before it are, too. */
static void mark(unsigned number)
{
	struct {
		struct nlmsghdr h;
		char text[32];
	} m = { .h = { .nlmsg_type = AUDIT_USER_AVC, .nlmsg_flags = NLM_F_REQUEST } };

	snprintf(m.text, sizeof(m.text), "imagate-mark=%u.", number);
	m.h.nlmsg_len = (unsigned)(NLMSG_LENGTH(strlen(m.text) + 1));
	if (send(audit, &m, m.h.nlmsg_len, 0) < 0)
		fail("audit mark");
}

/* Prints " cause" for each record up to our mark; to NULL: drops them. */
static void causes(FILE *to)
{
	static unsigned number;
	char want[48];

	mark(++number);
	snprintf(want, sizeof(want), "imagate-mark=%u.", number);
	for (;;) {
		static union {
			struct nlmsghdr h;
			char bytes[16384];
		} b;
		ssize_t n = recv(audit, b.bytes, sizeof(b.bytes) - 1, 0);
		char cause[64];
		const char *text = b.bytes + NLMSG_HDRLEN;

		if (n < (ssize_t)NLMSG_HDRLEN)
			fail("audit recv");
		b.bytes[n] = '\0';
		if (b.h.nlmsg_type == AUDIT_USER_AVC && strstr(text, want))
			return;
		if (b.h.nlmsg_type < IMA_DATA || b.h.nlmsg_type > IMA_LAST)
			continue;
		word_of(text, " cause=", cause, sizeof(cause));
		if (to)
			fprintf(to, " %s", cause);
	}
}

static void load_policy(void)
{
	char line[4096];
	FILE *f = fopen("/policy", "r");
	int fd = open("/sys/kernel/security/ima/policy", O_WRONLY);

	while (fgets(line, sizeof(line), f))
		if (write(fd, line, strlen(line)) < 0)
			fail(line);
	close(fd);
	fclose(f);
	causes(NULL); /* the load has a record, too */
	printf("policy-file=%s\n", access("/sys/kernel/security/ima/policy", F_OK) == 0 ? "there" : "gone");
}

/* -- probes ---------------------------------------------------------------------------- */

static void tell(const char *path, const char *hook, int error)
{
	fprintf(report, "%s %s %d", path, hook, error);
	causes(report);
	fputc('\n', report);
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags), error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* Nothing here is a program: ENOEXEC is what the kernel says that would have let it run. */
static int try_exec(char *path)
{
	char *argv[] = { path, NULL }, *env[] = { NULL };

	execve(path, argv, env);
	return errno;
}

static int try_map(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, 4096);
	return 0;
}

static char *paths[FILES_MAX];
static int fds[FILES_MAX];

/* What is to be mapped is opened while nothing is in force. */
static size_t open_list(void)
{
	struct rlimit many = { FILES_MAX + 64, FILES_MAX + 64 };
	char line[512];
	FILE *f = fopen("/list", "r");
	size_t n = 0;

	if (!f || setrlimit(RLIMIT_NOFILE, &many) < 0)
		fail("/list");
	while (n < FILES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		paths[n] = strdup(line);
		fds[n] = open(line, O_RDONLY);
		if (fds[n] < 0)
			fail(line);
		n++;
	}
	fclose(f);
	return n;
}

/* Hook by hook: what one of them demanded of an inode (a signature), the kernel demands at all others from then on. The
 * rules that demand more are therefore those of the last; and what was opened for writing may look different afterwards. */
static void probe(size_t n)
{
	for (size_t i = 0; i < n; i++)
		tell(paths[i], "MMAP_CHECK", try_map(fds[i]));
	for (size_t i = 0; i < n; i++)
		tell(paths[i], "FILE_CHECK-4", try_open(paths[i], O_RDONLY));
	for (size_t i = 0; i < n; i++)
		tell(paths[i], "FILE_CHECK-2", try_open(paths[i], O_WRONLY));
	for (size_t i = 0; i < n; i++)
		tell(paths[i], "FILE_CHECK-6", try_open(paths[i], O_RDWR));
	for (size_t i = 0; i < n; i++)
		tell(paths[i], "BPRM_CHECK", try_exec(paths[i]));
}

static void prepare(void)
{
	for (const char *const *d = (const char *const[]){ "/proc", "/sys", "/dev", NULL }; *d; d++)
		mkdir(*d, 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0 || !freopen("/dev/ttyS1", "w", stdout))
		_exit(1);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL) < 0)
		fail("mount");
	(void)symlink("usr/lib", "/lib");
	(void)symlink("usr/lib64", "/lib64");
	report = fopen("/report", "w+");
	if (!report)
		fail("/report");
	each("/modules", load_module, 0);
}

static void hand_over(void)
{
	static char buf[65536];
	FILE *out = fopen("/dev/vdc", "w");
	size_t n, all = 0;

	if (!out)
		fail("/dev/vdc");
	rewind(report);
	while ((n = fread(buf, 1, sizeof(buf), report)) > 0) {
		all += n;
		if (fwrite(buf, 1, n, out) != n)
			fail("/dev/vdc");
	}
	if (fflush(out) != 0 || fsync(fileno(out)) < 0)
		fail("/dev/vdc");
	printf("report=%zu\n", all);
}

static void stamp(const char *what)
{
	char up[64];

	slurp("/proc/uptime", up, sizeof(up));
	up[strcspn(up, " ")] = '\0';
	printf("at-%s=%s\n", what, up);
	fflush(stdout);
}

int main(void)
{
	size_t n;

	prepare();
	stamp("start");
	mount_disks();
	make_unlabelled();
	commands();
	expect_all();
	stamp("checked");
	unmount_disks();
	mount_disks();
	add_ring("_ima", "/certs/ima");
	add_ring("_evm", "/certs/evm");
	activate_evm();
	n = open_list();
	listen_to_audit();
	load_policy();
	stamp("policy");
	fprintf(report, "--- probes\n");
	probe(n);
	fprintf(report, "--- end\n");
	stamp("probed");
	printf("probed=%zu\n", n);
	hand_over();
	stop();
	return 0;
}
