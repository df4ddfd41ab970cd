/* 'imagate label' in the fix stage: the kernel writes the labels, we only touch the files. */
#ifndef IMAGATE_CLI_LABELFIX_H
#define IMAGATE_CLI_LABELFIX_H

/* Directories; none: every local disk file system. Exit code. */
int labelfix(char **paths);
/* Only where this boot runs in fix: imagate-label.service. */
int labelfix_by_stage(void);

#endif
