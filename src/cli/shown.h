/* Names of files, which anybody may have given: to a terminal, and as JSON, which is UTF-8. */
#ifndef IMAGATE_CLI_SHOWN_H
#define IMAGATE_CLI_SHOWN_H

#include <json-c/json.h>
#include <limits.h>

struct shown {
	char text[PATH_MAX];
};

const char *shown(const char *path, struct shown *buffer);
struct json_object *shown_json(const char *path);

#endif
