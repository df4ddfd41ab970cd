#include "cli/latedoor.h"

#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/sealing.h"
#include "gate/boot.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DEVICE "/dev/tpmrm0"

/* The gate had nothing to close where its initramfs had no seal; the root may have one by now. */
static bool is_open(const struct record *r)
{
	enum outcome o = r->evidence.outcome[STEP_DOOR];
	static struct config c;

	if (o == OUTCOME_OK || file_exists(AT_FDCWD, LATEDOOR_PATH))
		return false;
	if (o != OUTCOME_BLOCKED)
		return true;
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, NULL) != OUTCOME_OK)
		config_defaults(&c);
	return c.key_source == KEY_SOURCE_TPM && file_exists(AT_FDCWD, c.seal);
}

static void end(struct latedoor *d)
{
	clean_fd(&d->fd);
	d->fd = -1;
}

static void try(struct latedoor *d)
{
	struct tpm *t = NULL;
	struct why why = { 0 };
	enum outcome o;
	int k;

	if (access(DEVICE, F_OK) < 0)
		return;
	o = door_close(NULL, 0, &t, &why);
	tpm_close(&t);
	if (o != OUTCOME_OK) {
		(void)sealing_failed("THE DOOR IS OPEN: root can still get the key from the TPM; power off", &why);
		return;
	}
	log_warning("the gate could not close the door (the TPM came after [tpm] wait, or did not answer); it is closed now");
	k = file_write_atomic(AT_FDCWD, LATEDOOR_PATH, "closed\n", 7, 0644);
	if (k < 0)
		log_error("%s: %s", LATEDOOR_PATH, strerror(-k));
	end(d);
}

void latedoor_begin(struct latedoor *d, const struct record *r)
{
	d->fd = -1;
	if (!is_open(r))
		return;
	/* the watch comes first: nothing slips between */
	d->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (d->fd < 0 || inotify_add_watch(d->fd, "/dev", IN_CREATE | IN_MOVED_TO) < 0)
		log_error("/dev: %s: a TPM that comes late is not seen", strerror(errno));
	try(d);
}

void latedoor_look(struct latedoor *d)
{
	char events[4096];
	bool any = false;

	while (d->fd >= 0 && read(d->fd, events, sizeof(events)) > 0)
		any = true;
	if (any)
		try(d);
}
