#include "cli/everywhere.h"

#include "kernel/mounts.h"

#include <fcntl.h>

void touch_count_add(struct touch_count *sum, const struct touch_count *c)
{
	sum->seen += c->seen;
	sum->labelled += c->labelled;
	sum->kept += c->kept;
	sum->failed += c->failed;
}

enum outcome everywhere(everywhere_fn each, touch_report_fn report, void *arg, struct touch_count *ret, struct why *why)
{
	static struct mounts m;
	struct touch_count c;
	enum outcome o = OUTCOME_OK;
	int r = mounts_local(AT_FDCWD, &m);

	*ret = (struct touch_count){ 0 };
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "read", "/proc/self/mountinfo");
		return OUTCOME_BROKEN;
	}
	for (size_t i = 0; o == OUTCOME_OK && i < m.count; i++) {
		c = (struct touch_count){ 0 };
		o = each(m.path[i], report, arg, &c, why);
		touch_count_add(ret, &c);
	}
	if (o == OUTCOME_OK && m.count == 0) {
		why_set(why, WHY_TEXT, 0, "find", "mounted disks");
		why_detail(why, "there is no file system here that labels can be kept on");
		return OUTCOME_ABSENT;
	}
	return o;
}
