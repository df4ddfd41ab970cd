#include "kernel/auditwatch.h"

#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER (8 * 1024 * 1024) /* a burst of some ten thousand records */

static void note_first(struct audit_watch *w, const char *text)
{
	const char *name = strstr(text, "name=");
	size_t n = name ? strcspn(name + 5, " ") : 0;

	if (*w->first || n == 0 || n >= sizeof(w->first))
		return;
	memcpy(w->first, name + 5, n);
	w->first[n] = '\0';
}

void audit_watch_record(struct audit_watch *w, const char *text)
{
	const char *at = strstr(text, "audit("), *colon = at ? strchr(at, ':') : NULL;
	unsigned long long serial = colon ? strtoull(colon + 1, NULL, 10) : 0;

	if (serial == 0 || serial <= w->last)
		return;
	w->last = serial;
	if (!strstr(text, " op=appraise_data ") || !strstr(text, " res=0"))
		return;
	w->denials++;
	note_first(w, text);
}

/* What was before we listened. The log is rate-limited: what it says to have left out is lost. */
static void count_kmsg(struct audit_watch *w)
{
	CLEAN_FD fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	ssize_t n;

	if (fd < 0) {
		w->lost++;
		return;
	}
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && (errno == EPIPE || errno == EINTR))) {
		if (n < 0) {
			w->lost += errno == EPIPE; /* overwritten before anybody read them */
			continue;
		}
		record[n] = '\0';
		if (strstr(record, "type=1800"))
			audit_watch_record(w, record);
		else if (strstr(record, "audit") && (strstr(record, "callbacks suppressed") || strstr(record, "rate limit")))
			w->lost++;
	}
}

enum outcome audit_watch_begin(struct audit_watch *w, struct why *why)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1) };
	const int size = BUFFER;

	memset(w, 0, sizeof(*w));
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	if (w->fd < 0 || setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(w->fd, (struct sockaddr *)&group, sizeof(group)) < 0) {
		why_set(why, WHY_ERRNO, errno, "listen to", "audit");
		clean_fd(&w->fd);
		w->fd = -1;
		return OUTCOME_BROKEN;
	}
	count_kmsg(w);
	return OUTCOME_OK;
}

bool audit_watch_take(struct audit_watch *w)
{
	unsigned denials = w->denials, lost = w->lost;
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = recv(w->fd, buf, sizeof(buf) - 1, 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			w->lost++;
			continue;
		}
		if (n < (ssize_t)sizeof(*h))
			break;
		buf[n] = '\0';
		if (h->nlmsg_type == AUDIT_INTEGRITY_DATA)
			audit_watch_record(w, buf + NLMSG_HDRLEN);
	}
	return w->denials != denials || w->lost != lost;
}
