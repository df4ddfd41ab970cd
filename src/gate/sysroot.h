/* Waiting, by event, until the real root is mounted. */
#ifndef IMAGATE_GATE_SYSROOT_H
#define IMAGATE_GATE_SYSROOT_H

#include "core/outcome.h"
#include "core/why.h"

struct boot;

/* Waits, the first time it is called, where the gate was started before the root; adds to the record's
 * wait_ms. */
enum outcome sysroot_wait_once(struct boot *b, struct why *why);

/* Until BOOT_SYSROOT_READY appears in run_dir. Not bounded here: the root device has its own
 * timeouts in systemd and dracut, and stopping the gate's unit ends it. */
enum outcome sysroot_wait(int run_dir, struct why *why);

#endif
