#include "cli/shown.h"

#include "core/text.h"

const char *shown(const char *path, struct shown *buffer)
{
	text_plain(path, false, buffer->text, sizeof(buffer->text));
	return buffer->text;
}

struct json_object *shown_json(const char *path)
{
	struct shown s;

	text_plain(path, true, s.text, sizeof(s.text));
	return json_object_new_string(s.text);
}
