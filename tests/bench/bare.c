/* The lower bound for the benchmark: one static program that does the system calls and nothing
 * else. No checks of its own on purpose; the benchmark looks at what the kernel did. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SECURITYFS "/sys/kernel/security/integrity/"
enum { SESSION = -3, JOIN_SESSION = 1, RESTRICT = 29 };

static long slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	long n = read(fd, buf, size - 1);

	(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static long us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void probe(const char *path, const char *xattr, unsigned char type, int then_chmod)
{
	static const unsigned char hash[34] = { 4, 4 };
	unsigned char sig[41] = { type, 2, 4, 1, 2, 3, 4, 0, 32 };
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (then_chmod)
		(void)fsetxattr(fd, "security.ima", hash, sizeof(hash), 0);
	else
		(void)!fchown(fd, 4000000000u, (gid_t)-1);
	(void)fsetxattr(fd, xattr, sig, sizeof(sig), 0);
	(void)close(fd);
}

static void policy(void)
{
	static char text[65536];
	char rule[4096] = "appraise func=FILE_CHECK fsmagic=0x01021994 fowner=4000000000\n";
	int fd = open(SECURITYFS "ima/policy", O_WRONLY);

	(void)!write(fd, rule, strlen(rule));
	(void)slurp("/etc/imagate/policy", text, sizeof(text));
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n"))
		if (*p != '#')
			(void)!write(fd, rule, (size_t)snprintf(rule, sizeof(rule), "%s\n", p));
	(void)close(fd);
}

int main(void)
{
	static char key[64], blob[2048], load[2100];
	long start = us(), n, ima, evm, crypto;
	int fd;

	n = slurp("/etc/imagate/bench.key", key, sizeof(key));
	(void)slurp("/etc/imagate/bench.blob", blob, sizeof(blob));
	(void)syscall(SYS_keyctl, JOIN_SESSION, 0);
	ima = syscall(SYS_add_key, "keyring", "_ima", 0, 0, SESSION);
	evm = syscall(SYS_add_key, "keyring", "_evm", 0, 0, SESSION);
	(void)syscall(SYS_add_key, "user", "imagate-master", key, n, SESSION);
	crypto = us();
	(void)syscall(SYS_add_key, "encrypted", "evm-key", load, snprintf(load, sizeof(load), "load %s", blob), SESSION);
	crypto = us() - crypto;
	probe("/run/bare-evm", "security.evm", 5, 1);
	fd = open(SECURITYFS "evm/evm", O_WRONLY);
	(void)!write(fd, "1", 1);
	(void)close(fd);
	(void)chmod("/run/bare-evm", 0640);
	(void)syscall(SYS_keyctl, RESTRICT, evm, 0, 0);
	policy();
	probe("/run/bare-ima", "security.ima", 3, 0);
	(void)open("/run/bare-ima", O_RDONLY);
	(void)syscall(SYS_keyctl, RESTRICT, ima, 0, 0);
	(void)unlink("/run/bare-evm");
	(void)unlink("/run/bare-ima");
	fd = open("/run/bare-us", O_WRONLY | O_CREAT, 0644);
	(void)!write(fd, key, (size_t)snprintf(key, sizeof(key), "bare-us=%ld\nbare-crypto-us=%ld\n", us() - start, crypto));
	return 0;
}
