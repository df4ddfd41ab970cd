#include "cli/stopping.h"

#include "base/clean.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

/* SystemState is "stopping" from the moment at which a job for shutdown.target is there. */
bool stopping(void)
{
	CLEAN_FREE char *state = NULL;
	sd_bus *bus = NULL;
	bool yes = false;

	if (sd_bus_new(&bus) < 0)
		return false;
	if (sd_bus_set_address(bus, "unix:path=/run/systemd/private") >= 0 && sd_bus_start(bus) >= 0 &&
	    sd_bus_get_property_string(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
	                               "org.freedesktop.systemd1.Manager", "SystemState", NULL, &state) >= 0)
		yes = !strcmp(state, "stopping");
	sd_bus_flush_close_unref(bus);
	return yes;
}
