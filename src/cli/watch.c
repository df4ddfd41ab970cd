/* imagate watch: counts what the kernel denied, or would have, for as long as the system is up. */
#include "base/file.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/verb.h"
#include "core/advice.h"
#include "kernel/auditwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

/* First the count of now, in memory; then, where this boot is kept already, on the disk. */
static void keep(const struct record *r, const struct audit_watch *w, bool blessed)
{
	struct boot_evidence e;
	char line[EVIDENCE_LINE];
	size_t n;
	int k;

	evidence_now(r, &e);
	e.denials = w->denials;
	e.lost = w->lost;
	n = evidence_format(&e, line, sizeof(line));
	k = file_write_atomic(AT_FDCWD, DENIALS_PATH, line, n, 0644);
	if (k < 0)
		log_error("%s: %s", DENIALS_PATH, strerror(-k));
	if (!blessed)
		return;
	e.good = true;
	k = evidence_keep(&e);
	if (k < 0)
		log_error("%s: %s", EVIDENCE_PATH, strerror(-k));
}

static bool is_blessed(void)
{
	return file_exists(AT_FDCWD, "/run/imagate/blessed");
}

/* Where the gate stopped listening; without its word something was missed. */
static void go_on(struct audit_watch *w)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, AUDIT_STATE_PATH, AUDIT_STATE_MAX - 1, &text, &len) < 0 || !audit_state_parse(text, len, w)) {
		*w = AUDIT_WATCH_NONE;
		w->lost = 1;
	}
}

static int watch(void)
{
	static struct record r;
	struct audit_watch w = AUDIT_WATCH_NONE;
	struct why why = { 0 };
	char text[512];
	sigset_t stop;
	struct pollfd p[2];

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	go_on(&w);
	if (audit_watch_begin(&w, &why) != OUTCOME_OK) {
		why_format(&why, text, sizeof(text));
		log_error("%s", text);
		return IMAGATE_FAILED;
	}
	audit_watch_log(&w);
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	p[0] = (struct pollfd){ .fd = w.fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = signalfd(-1, &stop, SFD_CLOEXEC), .events = POLLIN };
	keep(&r, &w, is_blessed());
	(void)sd_notify(0, "READY=1");
	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (audit_watch_take(&w)) {
			keep(&r, &w, is_blessed());
			(void)sd_notifyf(0, "STATUS=%u denials, %u records lost", w.denials, w.lost);
		}
		if (p[1].revents & POLLIN)
			break;
	}
	return IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return verb_help(self);
	return argc > 1 ? verb_extra(self, argv[1]) : watch();
}

const struct verb verb_watch = {
	.name = "watch",
	.summary = "count what the kernel denies, or would deny (imagate-watch.service)",
	.help = "usage: imagate watch\n"
	        "Runs as long as the system is up: takes the kernel's audit records about integrity from the\n"
	        "audit multicast group, where none is left out, and keeps their count in " DENIALS_PATH ".\n"
	        "Once this boot is blessed the count also stays in " EVIDENCE_PATH ".\n"
	        "Exit status: 0 stopped by a signal, 2 usage, 3 failed.\n",
	.run = run,
};
