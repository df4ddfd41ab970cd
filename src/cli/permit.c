/* imagate permit: one boot in a stage that the floor forbids. */
#include "base/file.h"
#include "base/log.h"
#include "cli/asking.h"
#include "cli/evidence.h"
#include "cli/grubfile.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "core/rollout.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The boot loader's part: without it the permit is there all the same. */
static void point_grub_at(enum stage s)
{
	char block[GRUBENV_LEN];
	struct rollout r;
	int e = grubfile_read("/", block);

	if (e == 0) {
		rollout_read(block, &r);
		r.once = s;
		e = rollout_write(&r, block) ? grubfile_write("/", block) : -ENOSPC;
	}
	if (e == 0)
		(void)printf("The next boot runs in the stage %s, once.\n", stage_name(s));
	else
		(void)printf("GRUB's environment could not be set (%s): boot with imagate.stage=%s ima_appraise=%s by hand.\n",
		             strerror(-e), stage_name(s), appraise_name(stage_appraise(s)));
}

/* A copy of it would still do: so the next boot counts up, which kills it wherever it is. */
static int withdraw_permit(void)
{
	char block[GRUBENV_LEN];
	struct rollout r;
	struct record now;
	int e = grubfile_read("/", block), code;
	bool rises;

	if (e == 0) {
		rollout_read(block, &r);
		r.once = STAGE_UNSET;
		e = rollout_write(&r, block) ? grubfile_write("/", block) : -ENOSPC;
	}
	if (e < 0 && e != -ENOENT)
		log_error("GRUB's environment block: %s: the next boot may still ask for the stage of the permit", strerror(-e));
	/* nobody would ask for it again; and it counts up, too */
	if (asking_pending(&rises) && rises) {
		(void)puts("No permit is pending, but a count-up is, from which on no copy of one is worth anything: reboot.");
		return IMAGATE_OK;
	}
	if (unlink(BOOT_REQUEST_PATH) < 0 && errno != ENOENT) {
		log_error("%s: %s", BOOT_REQUEST_PATH, strerror(errno));
		return IMAGATE_FAILED;
	}
	if (!evidence_record(&now))
		return IMAGATE_FAILED;
	code = asking_store(STAGE_UNSET, now.evidence.key.floor);
	if (code == IMAGATE_OK)
		(void)puts("Withdrawn. The next boot counts up in the TPM: from then on no copy of the permit is worth anything.");
	return code;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "once", no_argument, NULL, 'o' }, { "withdraw", no_argument, NULL, 'w' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	bool withdraw = false;
	enum stage s;
	int code;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'o': break; /* there is no other kind */
		case 'h': return verb_help(self);
		case 'w': withdraw = true; break;
		default: return verb_usage(self);
		}
	}
	if (withdraw)
		return optind < argc ? verb_extra(self, argv[optind]) : withdraw_permit();
	if (optind + 1 != argc)
		return verb_usage(self);
	s = stage_from_name(argv[optind]);
	if (s != STAGE_FIX && s != STAGE_AUDIT) {
		log_error("a permit is for fix or audit: lower stages run without the key and need none");
		return IMAGATE_USAGE;
	}
	if (sealing_is_strict()) {
		log_error("under strict binding the TPM has no slot for a stage below the floor: boot it with the recovery key at the "
		          "console");
		return IMAGATE_NOT_ADMITTED;
	}
	code = asking_store(s, STAGE_UNSET);
	if (code == IMAGATE_OK)
		point_grub_at(s);
	return code;
}

const struct verb verb_permit = {
	.name = "permit",
	.summary = "allow the next boot a stage below the floor, once",
	.help = "usage: imagate permit fix|audit [--once]\n"
	        "       imagate permit --withdraw\n"
	        "From the running, verified system: the next boot may run in this stage with the key although\n"
	        "the floor is above it. It is used up by that boot, before the key is used, by counting up in the\n"
	        "TPM: it cannot be used again, copied or kept. --withdraw takes it back: the next boot counts up, so\n"
	        "that copies of it die, too. Under strict binding there are no permits.\n"
	        "Exit status: 0 done, 1 the next boot is to count up (a rise of the floor, an update) and has not been\n"
	        "yet: reboot first; or strict binding; 2 usage, 3 this boot was not verified, or nothing could be written.\n",
	.run = run,
};
