/* imagate watch: counts what the kernel denied, or would have, for as long as the system is up. */
#include "base/file.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/latedoor.h"
#include "cli/sealing.h"
#include "cli/stopping.h"
#include "cli/verb.h"
#include "kernel/auditwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define PID_PATH "/run/imagate/watch.pid"
#define DRAIN_ROUNDS 20
#define DRAIN_MS 200
#define END_MS 15000

static bool is_blessed(void)
{
	return file_exists(AT_FDCWD, "/run/imagate/blessed");
}

/* First the count of now, in memory; then, where this boot is kept already or ends here, on the disk. */
static void keep(const struct record *r, const struct audit_watch *w, bool finished)
{
	struct boot_evidence e;
	char line[EVIDENCE_LINE];
	size_t n;
	int k;

	evidence_now(r, &e);
	e.denials = w->denials;
	e.lost = w->lost;
	e.good = is_blessed();
	e.finished = finished;
	(void)snprintf(e.first, sizeof(e.first), "%s", w->first); /* of the same size */
	n = evidence_format(&e, line, sizeof(line));
	k = file_write_atomic(AT_FDCWD, DENIALS_PATH, line, n, 0644);
	if (k < 0)
		log_error("%s: %s", DENIALS_PATH, strerror(-k));
	if (!e.good && !finished)
		return;
	k = evidence_keep(&e);
	if (k < 0)
		log_error("%s: %s", EVIDENCE_PATH, strerror(-k));
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

/* The kernel hands records on from a thread of its own: what was denied before the signal may come after it. */
static void drain(struct audit_watch *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	for (int i = 0; i < DRAIN_ROUNDS && poll(&p, 1, DRAIN_MS) > 0; i++)
		(void)audit_watch_take(w);
}

/* Who is stopped while the system goes on has not seen the end. */
static void end(const struct record *r, struct audit_watch *w)
{
	bool finished = stopping();

	drain(w);
	keep(r, w, finished);
	if (finished)
		log_info("%u denials, %u records lost in this boot", w->denials, w->lost);
	else
		log_warning("stopped while the system runs on: this boot does not count as clean");
}

static void follow(const struct record *r, struct audit_watch *w, int signals)
{
	struct latedoor door;
	struct pollfd p[3] = { { .fd = w->fd, .events = POLLIN }, { .fd = signals, .events = POLLIN }, { .events = POLLIN } };

	latedoor_begin(&door, r);
	while (!(p[1].revents & POLLIN)) {
		p[2].fd = door.fd;
		if (poll(p, 3, -1) < 0) {
			p[1].revents = 0;
			if (errno != EINTR)
				return; /* not an end that counts */
		}
		if (audit_watch_take(w)) {
			keep(r, w, false);
			(void)sd_notifyf(0, "STATUS=%u denials, %u records lost", w->denials, w->lost);
		}
		latedoor_look(&door);
	}
	end(r, w);
}

static int watch(void)
{
	static struct record r;
	struct audit_watch w = AUDIT_WATCH_NONE;
	struct why why = { 0 };
	char pid[16];
	sigset_t stop;
	CLEAN_FD signals = -1;
	int k;

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	go_on(&w);
	if (audit_watch_begin(&w, &why) != OUTCOME_OK)
		return sealing_failed("watch", &why);
	audit_watch_log(&w);
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	k = file_write_atomic(AT_FDCWD, PID_PATH, pid, (size_t)snprintf(pid, sizeof(pid), "%d\n", getpid()), 0644);
	if (k < 0)
		log_error("%s: %s", PID_PATH, strerror(-k));
	keep(&r, &w, false);
	(void)sd_notify(0, "READY=1");
	follow(&r, &w, signals);
	audit_watch_end(&w);
	return IMAGATE_OK;
}

/* A watch that was killed leaves its number, which may be another's by now. */
static bool is_ours(int pid)
{
	CLEAN_FREE char *name = NULL;
	char path[32];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid); /* fits */
	return file_read(AT_FDCWD, path, 64, &name, &len) == 0 && !strcmp(name, "imagate\n");
}

/* For imagate-evidence.service, which is stopped while /var is there: ends the watch and waits for its last line. */
static int end_it(void)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD fd = -1;
	struct pollfd p = { .events = POLLIN };
	size_t len;

	if (file_read(AT_FDCWD, PID_PATH, 16, &text, &len) < 0)
		return IMAGATE_OK; /* none runs */
	fd = (int)syscall(SYS_pidfd_open, atoi(text), 0);
	errno = ESRCH;
	if (fd < 0 || !is_ours(atoi(text)) || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0) {
		log_warning("the watch has not seen the end of this boot: %s", strerror(errno));
		return IMAGATE_FAILED;
	}
	p.fd = fd;
	return poll(&p, 1, END_MS) == 1 ? IMAGATE_OK : IMAGATE_FAILED;
}

static int run(const struct verb *self, int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return verb_help(self);
	if (argc == 2 && !strcmp(argv[1], "--end"))
		return end_it();
	return argc > 1 ? verb_extra(self, argv[1]) : watch();
}

const struct verb verb_watch = {
	.name = "watch",
	.summary = "count what the kernel denies, or would deny (imagate-watch.service)",
	.help = "usage: imagate watch [--end]\n"
	        "Runs as long as the system is up: takes the kernel's audit records about integrity from the\n"
	        "audit multicast group, where none is left out, and keeps their count in " DENIALS_PATH ".\n"
	        "Once this boot is blessed the count also stays in " EVIDENCE_PATH ". Only a watch that is\n"
	        "stopped by the shutdown says there that the boot was watched to its end; one that was killed, or\n"
	        "stopped while the system ran on, leaves it not clean. Where the gate found no TPM to close the door\n"
	        "of and one appears later, it is closed at once.\n"
	        "  --end   ends the watch that runs and waits for it (imagate-evidence.service, at shutdown)\n"
	        "Exit status: 0 stopped by a signal, 2 usage, 3 failed.\n",
	.run = run,
};
