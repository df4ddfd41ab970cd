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

#define BUFFER (8 * 1024 * 1024) /* at most; a burst of some ten thousand records */

static void note_first(struct audit_watch *w, const char *text)
{
	const char *name = strstr(text, "name=");
	size_t n = name ? strcspn(name + 5, " ") : 0;

	if (*w->first || n == 0 || n >= sizeof(w->first))
		return;
	memcpy(w->first, name + 5, n);
	w->first[n] = '\0';
}

void audit_watch_record(struct audit_watch *w, const char *text, bool data)
{
	const char *at = strstr(text, "audit("), *colon = at ? strchr(at, ':') : NULL;
	unsigned long long serial = colon ? strtoull(colon + 1, NULL, 10) : 0;

	if (serial == 0 || serial < w->last)
		return;
	if (serial == w->last)
		return; /* from the other source, or another part of the same event */
	if (w->last && serial > w->last + 1)
		w->lost += (unsigned)(serial - w->last - 1);
	w->last = serial;
	if (!data || !strstr(text, " op=appraise_data ") || !strstr(text, " res=0"))
		return;
	/* the gate's own probes, which pin the keyrings, are meant to fail */
	if (strstr(text, " name=\"/run/imagate/"))
		return;
	w->denials++;
	note_first(w, text);
}

void audit_watch_log(struct audit_watch *w)
{
	CLEAN_FD fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	ssize_t n;

	if (fd < 0) {
		w->lost++;
		return;
	}
	/* EPIPE: overwritten before anybody read them; the serials tell how many */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && (errno == EPIPE || errno == EINTR))) {
		if (n < 0)
			continue;
		record[n] = '\0';
		if (strstr(record, "audit: type="))
			audit_watch_record(w, record, strstr(record, "audit: type=1800 ") != NULL);
	}
}

enum outcome audit_watch_begin(struct audit_watch *w, struct why *why)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1) };
	const int size = BUFFER;

	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	if (w->fd >= 0 && setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0 &&
	    bind(w->fd, (struct sockaddr *)&group, sizeof(group)) == 0)
		return OUTCOME_OK;
	why_set(why, WHY_ERRNO, errno, "listen to", "audit");
	audit_watch_end(w);
	return OUTCOME_BROKEN;
}

void audit_watch_end(struct audit_watch *w)
{
	clean_fd(&w->fd);
	w->fd = -1;
}

bool audit_watch_take(struct audit_watch *w)
{
	unsigned denials = w->denials, lost = w->lost;
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));

	while (w->fd >= 0) {
		ssize_t n = recv(w->fd, buf, sizeof(buf) - 1, 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

		/* ENOBUFS: some did not fit. The serials tell how many, but only if another comes after them */
		if (n < 0 && errno == ENOBUFS)
			w->lost++;
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < (ssize_t)sizeof(*h))
			break;
		buf[n] = '\0';
		audit_watch_record(w, buf + NLMSG_HDRLEN, h->nlmsg_type == AUDIT_INTEGRITY_DATA);
	}
	return w->denials != denials || w->lost != lost;
}

size_t audit_state_format(const struct audit_watch *w, char ret[static AUDIT_STATE_MAX])
{
	return (size_t)snprintf(ret, AUDIT_STATE_MAX, "serial=%llu denials=%u lost=%u\n", w->last, w->denials, w->lost); /* fits */
}

bool audit_state_parse(const char *text, size_t len, struct audit_watch *ret)
{
	char line[AUDIT_STATE_MAX] = "";

	*ret = AUDIT_WATCH_NONE;
	if (len == 0 || len >= sizeof(line))
		return false;
	memcpy(line, text, len);
	return sscanf(line, "serial=%llu denials=%u lost=%u", &ret->last, &ret->denials, &ret->lost) == 3;
}
