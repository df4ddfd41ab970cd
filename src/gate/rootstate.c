#include "gate/rootstate.h"

#include "base/file.h"
#include "base/log.h"
#include "core/advice.h"
#include "core/rollout.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

/* The directory, found as if the real root were "/". */
static int open_dir(const char *sysroot, const char *path, const char **ret_name)
{
	CLEAN_FD root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char dir[CONFIG_PATH_LEN];
	const char *slash = strrchr(path, '/');
	int fd, r;

	if (root < 0)
		return -errno;
	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	*ret_name = slash + 1;
	r = dir_open_in_root(root, dir, &fd);
	return r < 0 ? r : fd;
}

static int remount(const char *sysroot, bool writable)
{
	struct statvfs st;
	unsigned long flags = MS_REMOUNT;

	if (statvfs(sysroot, &st) < 0)
		return -errno;
	flags |= (st.f_flag & ST_NOSUID ? MS_NOSUID : 0) | (st.f_flag & ST_NODEV ? MS_NODEV : 0) |
	         (st.f_flag & ST_NOEXEC ? MS_NOEXEC : 0) | (st.f_flag & ST_NOATIME ? MS_NOATIME : 0) |
	         (st.f_flag & ST_RELATIME ? MS_RELATIME : 0) | (writable ? 0 : MS_RDONLY);
	return mount(NULL, sysroot, NULL, flags, NULL) < 0 ? -errno : 0;
}

/* How: a whole new file, or (patch) the bytes of an old one in place, for who knows it by its blocks. */
static int change(const char *sysroot, const char *path, const char *text, size_t len, bool patch)
{
	const char *name = "";
	CLEAN_FD dir = open_dir(sysroot, path, &name);

	if (dir < 0)
		return dir;
	if (patch)
		return file_patch(dir, name, text, len);
	if (text)
		return file_write_atomic(dir, name, text, len, 0600);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(dir) < 0 ? -errno : 0;
}

int root_writable(const struct boot *b, bool *ret_was)
{
	struct statvfs st;

	if (statvfs(b->sysroot_path, &st) < 0)
		return -errno;
	*ret_was = st.f_flag & ST_RDONLY;
	return *ret_was ? remount(b->sysroot_path, true) : 0;
}

int root_read_only(const struct boot *b)
{
	return remount(b->sysroot_path, false);
}

static enum outcome store(const struct boot *b, const char *path, const char *text, size_t len, bool patch, struct why *why)
{
	bool was = false;
	int r = root_writable(b, &was), back = 0;

	if (r == 0)
		r = change(b->sysroot_path, path, text, len, patch);
	if (was)
		back = root_read_only(b);
	if (r == 0 && back == 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, -(r ? r : back), text ? "write" : "remove", path);
	why_detail(why, r ? "the real root could not be written: is it full, or read-only by itself?"
	                  : "it was written, and the root could not be made read-only again");
	return OUTCOME_BROKEN;
}

enum outcome root_store(const struct boot *b, const char *path, const char *text, size_t len, struct why *why)
{
	return store(b, path, text, len, false, why);
}

/* True: it was changed. */
typedef bool (*block_change_fn)(struct rollout *r, const struct boot *b);

/* GRUB's environment block, where it lies on the real root. ABSENT: nowhere there. */
static enum outcome change_block(const struct boot *b, block_change_fn change_it, struct why *why)
{
	static const char *const places[] = { "/boot/grub/grubenv", "/boot/grub2/grubenv" };
	CLEAN_FD root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum outcome o = OUTCOME_ABSENT;

	why_set(why, WHY_ERRNO, ENOENT, "find", places[0]);
	for (size_t i = 0; root >= 0 && i < 2; i++) {
		CLEAN_FREE char *block = NULL;
		CLEAN_FD fd = -1;
		struct rollout r;
		size_t len;

		if (file_open_in_root(root, places[i], &fd) < 0 || file_read_fd(fd, GRUBENV_LEN, &block, &len) < 0 ||
		    !grubenv_valid(block, len))
			continue;
		rollout_read(block, &r);
		o = change_it(&r, b) && rollout_write(&r, block) ? store(b, places[i], block, len, true, why) : OUTCOME_OK;
	}
	return o;
}

static bool catch_up(struct rollout *r, const struct boot *b)
{
	struct stance s = boot_stance(b);

	return rollout_catch_up(r, decide_stage(&s), b->cmdline.trial, b->cmdline.trial_left);
}

void count_for_grub(const struct boot *b)
{
	struct why why = { 0 };
	char text[512];
	enum outcome o = change_block(b, catch_up, &why);

	if (o == OUTCOME_OK || o == OUTCOME_ABSENT)
		return;
	why_format(&why, text, sizeof(text));
	log_error("the trial could not be counted: %s", text);
}

static bool once(struct rollout *r, const struct boot *b)
{
	r->once = b->config.fallback_to;
	return true;
}

enum outcome ask_grub_once(const struct boot *b, struct why *why)
{
	return change_block(b, once, why);
}

void count_reboots(struct boot *b)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD root = open(b->sysroot_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD fd = -1;
	const char *p;
	size_t len;
	unsigned n = REBOOTS_MAX;
	int r = root < 0 ? -errno : file_open_in_root(root, BOOT_REBOOTS_PATH, &fd);

	if (r == -ENOENT) {
		n = 0;
	} else if (r == 0 && file_read_fd(fd, 64, &text, &len) == 0) {
		p = text;
		text_trim(&p, &len);
		if (len && p[len - 1] == '\n')
			len--;
		if (!text_number(p, len, 1000, &n))
			n = REBOOTS_MAX;
	}
	BOOT_EVIDENCE(b)->reboots = n;
}

enum outcome add_reboot(const struct boot *b, struct why *why)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u\n", b->record.evidence.reboots + 1); /* fits */

	return root_store(b, BOOT_REBOOTS_PATH, text, (size_t)n, why);
}
