/* PID 1 of a small initramfs that asks the kernel about rules, thousands in one boot: the verdict on a rule is
 * what write() returns, and of a policy with one bad rule nothing ever counts. So a bad rule is written first,
 * then all others, each answered by 1 or 0; closing throws them away. */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY "/sys/kernel/security/ima/policy"
#define ROW 120

static void fail(const char *what)
{
	printf("ask-failed=%s: %s\n", what, strerror(errno));
	fflush(stdout);
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	_exit(1);
}

int main(void)
{
	static char line[8192], row[ROW + 1];
	size_t at = 0;
	unsigned asked = 0;
	FILE *rules;
	int fd;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0 || !freopen("/dev/ttyS1", "w", stdout))
		return 1;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL) < 0)
		fail("mount");
	rules = fopen("/rules", "r");
	fd = open(POLICY, O_WRONLY);
	if (!rules || fd < 0)
		fail(POLICY);
	if (write(fd, "no rule\n", 8) >= 0)
		fail("the kernel took a rule that is none");
	while (fgets(line, sizeof(line), rules)) {
		ssize_t n = write(fd, line, strlen(line));

		if (n < 0 && errno != EINVAL && errno != ERANGE)
			fail(line);
		row[at++] = n < 0 ? '0' : '1';
		asked++;
		if (at == ROW) {
			printf("verdicts=%s\n", row);
			at = 0;
		}
	}
	row[at] = '\0';
	printf("verdicts=%s\n", row);
	close(fd);
	printf("asked=%u\npolicy-file=%s\n", asked, access(POLICY, F_OK) == 0 ? "there" : "gone");
	fflush(stdout);
	sync();
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 0;
}
