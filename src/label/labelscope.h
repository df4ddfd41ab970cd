/* Which label does the policy want of a file? */
#ifndef IMAGATE_LABEL_LABELSCOPE_H
#define IMAGATE_LABEL_LABELSCOPE_H

#include "label/examine.h"

struct label_scope {
	bool content;  /* a rule appraises its content, by hash or signature */
	bool verity;   /* a rule appraises its fs-verity digest */
	bool measured; /* a rule measures that */
};

/* Where no rule appraises what is only opened, only code need be looked at. */
bool label_scope_reads(const struct examine_about *about);
bool label_scope_code(const char *path, const char *name, const struct inode *inode);
struct label_scope label_scope_of(const struct examine_about *about, const char *path, const struct inode *inode, bool is_elf);
/* Would the same file be denied, written anew by root, with no label but the one that the kernel then gives it? */
bool label_scope_denies_new(const struct examine_about *about, const char *path, const struct inode *inode, bool is_elf);

#endif
