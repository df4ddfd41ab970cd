#include "cli/pin.h"

#include "gate/ask.h"

#include <stdio.h>
#include <string.h>

bool pin_ask(const char *token, struct secret *ret)
{
	const char *name = strstr(token, "token=");
	char question[128];
	int len;

	name = name ? name + 6 : "";
	len = (int)strcspn(name, ";?");
	(void)snprintf(question, sizeof(question), "PIN of the token %.*s:", len < 64 ? len : 64, name); /* fits */
	return ask_secret(question, "--id=imagate:pin", ret);
}
