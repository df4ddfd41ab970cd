/* A walk over every file system that can hold programs. */
#ifndef IMAGATE_CLI_EVERYWHERE_H
#define IMAGATE_CLI_EVERYWHERE_H

#include "label/touch.h"

/* touch_tree() or touch_coverage() on each, in ret the sum. */
typedef enum outcome (*everywhere_fn)(const char *dir, touch_report_fn report, void *arg, struct touch_count *ret,
                                      struct why *why);
enum outcome everywhere(everywhere_fn each, touch_report_fn report, void *arg, struct touch_count *ret, struct why *why);

void touch_count_add(struct touch_count *sum, const struct touch_count *c);

#endif
