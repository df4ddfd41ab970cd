#include "gate/sysroot.h"

#include "base/clean.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static bool ready(int run_dir)
{
	struct stat st;

	return fstatat(run_dir, BOOT_SYSROOT_READY, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

enum outcome sysroot_wait(int run_dir, struct why *why)
{
	char path[64], events[4096];
	CLEAN_FD fd = inotify_init1(IN_CLOEXEC);

	/* the watch first, the look second: nothing can slip between */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", run_dir); /* fits by its size */
	if (fd < 0 || inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
		why_set(why, WHY_ERRNO, errno, "inotify", BOOT_RUN_DIR);
		return OUTCOME_BROKEN;
	}
	while (!ready(run_dir)) {
		if (read(fd, events, sizeof(events)) < 0 && errno != EINTR) {
			why_set(why, WHY_ERRNO, errno, "read inotify", BOOT_RUN_DIR);
			return OUTCOME_BROKEN;
		}
	}
	return OUTCOME_OK;
}

enum outcome sysroot_wait_once(struct boot *b, struct why *why)
{
	unsigned before = boot_elapsed_ms(b);
	enum outcome o;

	if (!b->wait_sysroot)
		return OUTCOME_OK;
	o = sysroot_wait(b->run_dir, why);
	b->record.wait_ms += boot_elapsed_ms(b) - before;
	b->wait_sysroot = o != OUTCOME_OK;
	return o;
}
