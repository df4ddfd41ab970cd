/* 'imagate upgraded --fragile': what a package brings gets its label once it is unpacked. For that a shell and imagate must be
 * started, which no library of theirs without a label lets: dpkg is kept from the one kind, and of the other the files that are
 * there are kept till the new ones are labelled (hooks/hook). */
#include "cli/upgraded.h"

#include "base/log.h"
#include "cli/shown.h"
#include "cli/verb.h"
#include "label/closure.h"
#include "label/labelscope.h"

#include <stdio.h>
#include <string.h>

/* In this order: what the shell needs, too, is the shell's. */
static const struct {
	const char *whose, *program;
} needed[] = { { "shell", "/bin/sh" }, { "shell", "/usr/lib/imagate/hook" }, { "imagate", "/usr/bin/imagate" } };

struct fragile {
	const struct examine_about *about;
	struct inode_fs fs;
	const char *whose;
	struct paths seen;
	bool broken;
};

static void visit(int fd, const char *path, int error, void *arg)
{
	struct fragile *f = arg;
	struct inode inode;
	struct shown plain;

	(void)error; /* what is not there is not needed */
	for (size_t i = 0; i < f->seen.count; i++)
		if (!strcmp(f->seen.path[i], path))
			return;
	if (fd < 0 || inode_read(fd, &f->fs, &inode) < 0)
		return;
	f->broken |= paths_add(&f->seen, path, strlen(path)) < 0;
	if (label_scope_denies_new(f->about, path, &inode, inode_is_elf(fd)))
		(void)printf("%s %s\n", f->whose, shown(path, &plain));
}

static bool walk(int root, size_t n, struct fragile *f)
{
	struct closure *c = closure_begin(root, visit, f);
	bool ok;

	f->whose = needed[n].whose;
	if (c)
		closure_add(c, needed[n].program, false);
	ok = c && closure_walk(c) && !f->broken;
	closure_free(&c);
	return ok;
}

int upgraded_fragile(const struct upgraded_wish *w, int root)
{
	static struct judging j;
	struct fragile f = { .about = &j.about };
	int r = judging_begin(&w->label.judging, &j);
	bool ok = true;

	for (size_t i = 0; r == IMAGATE_OK && ok && i < sizeof(needed) / sizeof(needed[0]); i++)
		ok = walk(root, i, &f);
	if (!ok || fflush(stdout) != 0) {
		log_error("what a package must not bring could not be found out");
		r = IMAGATE_FAILED;
	}
	paths_free(&f.seen);
	judging_end(&j);
	return r;
}
