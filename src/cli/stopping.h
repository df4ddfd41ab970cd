/* Is the system going down? */
#ifndef IMAGATE_CLI_STOPPING_H
#define IMAGATE_CLI_STOPPING_H

#include <stdbool.h>

/* Asked of PID 1 itself, over its private socket: late at shutdown there is no D-Bus any more. False also where it
 * does not answer. */
bool stopping(void);

#endif
