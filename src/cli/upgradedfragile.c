/* 'imagate upgraded --fragile': what a package must not bring while this policy is in force. A package's files get their labels
 * when dpkg has unpacked them; but for that a shell and imagate must be started, which no library of theirs without a label lets. */
#include "cli/upgraded.h"

#include "base/log.h"
#include "cli/shown.h"
#include "cli/verb.h"
#include "label/closure.h"
#include "label/labelscope.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const needed[] = { "/bin/sh", "/usr/bin/imagate", "/usr/lib/imagate/hook", NULL };

struct fragile {
	const struct examine_about *about;
	struct inode_fs fs;
};

static void visit(int fd, const char *path, int error, void *arg)
{
	struct fragile *f = arg;
	struct inode inode;
	struct shown plain;
	char head[SELFMAG];

	(void)error; /* what is not there is not needed */
	if (fd >= 0 && inode_read(fd, &f->fs, &inode) == 0 &&
	    label_scope_denies_new(f->about, path, &inode, pread(fd, head, SELFMAG, 0) == SELFMAG && !memcmp(head, ELFMAG, SELFMAG)))
		(void)puts(shown(path, &plain));
}

int upgraded_fragile(const struct upgraded_wish *w, int root)
{
	static struct judging j;
	struct fragile f = { .about = &j.about };
	struct closure *c = NULL;
	int r = judging_begin(&w->label.judging, &j);

	if (r == IMAGATE_OK)
		c = closure_begin(root, visit, &f);
	for (size_t i = 0; c && needed[i]; i++)
		closure_add(c, needed[i], false);
	if (r == IMAGATE_OK && (!c || !closure_walk(c) || fflush(stdout) != 0)) {
		log_error("what a package must not bring could not be found out");
		r = IMAGATE_FAILED;
	}
	closure_free(&c);
	judging_end(&j);
	return r;
}
