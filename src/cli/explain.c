#include "base/file.h"
#include "base/log.h"
#include "cli/refused.h"
#include "cli/verb.h"
#include "core/decide.h"
#include "core/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void explain(enum cause c)
{
	(void)printf("%s\n  what happened: %s\n  what to do:    %s\n", cause_name(c), cause_what(c),
	             cause_remedy(c));
}

/* This boot's cause, from the record. */
static int explain_boot(void)
{
	CLEAN_FREE char *text = NULL;
	static struct record r;
	size_t len;

	if (file_read(AT_FDCWD, RECORD_PATH, RECORD_MAX, &text, &len) < 0 ||
	    !record_parse(text, len, &r)) {
		log_error("no record of this boot in %s; name a cause, or --list", RECORD_PATH);
		return IMAGATE_FAILED;
	}
	explain(r.decision.cause);
	refused_print(&r.refused, "  ");
	return IMAGATE_OK;
}

static int run(const struct verb *self, int argc, char **argv)
{
	if (argc < 2)
		return explain_boot();
	if (!strcmp(argv[1], "--help"))
		return verb_help(self);
	if (argc > 2)
		return verb_extra(self, argv[2]);
	for (int c = 0; c < CAUSE_COUNT; c++) {
		if (!strcmp(argv[1], "--list"))
			explain((enum cause)c);
		else if (!strcmp(argv[1], cause_name((enum cause)c)))
			return explain((enum cause)c), IMAGATE_OK;
	}
	if (!strcmp(argv[1], "--list"))
		return IMAGATE_OK;
	log_error("there is no cause '%s'; 'imagate explain --list' lists them", argv[1]);
	return IMAGATE_USAGE;
}

const struct verb verb_explain = {
	.name = "explain",
	.summary = "what a verdict's cause means and what to do",
	.help = "usage: imagate explain [CAUSE | --list]\n"
	        "Without a cause: that of this boot. The causes are the words after 'cause=' in\n"
	        RECORD_PATH " and in the journal's IMAGATE_CAUSE field.\n",
	.run = run,
};
