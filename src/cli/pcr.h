/* 'imagate pcr': what its subcommands share. */
#ifndef IMAGATE_CLI_PCR_H
#define IMAGATE_CLI_PCR_H

#include "cli/verb.h"
#include "core/eventlog.h"
#include "core/pcr.h"
#include "core/seal.h"

#include <json-c/json.h>
#include <stdbool.h>

#define PCR_LOG EVENTLOG_PATH

struct pcr_wish {
	const struct verb *verb;
	const char *file, *against; /* file NULL: this boot's */
	const char *tcti, *seal; /* seal NULL: as configured by default */
	struct pcr_selection pcrs;
	bool pcrs_given, json;
};

struct pcr_log {
	const char *path;
	char *bytes; /* malloc'ed */
	struct eventlog log;
	unsigned events;
	uint16_t alg; /* the bank that is shown */
	struct pcr_values values;
};
/* Reads, checks, replays; says why not. Exit code: IMAGATE_OK, else free nothing. */
int pcr_log_read(const struct pcr_wish *w, const char *path, struct pcr_log *ret);

/* The seal; false: there is none, or none that can be read. */
bool pcr_seal_read(const struct pcr_wish *w, struct seal *ret);

void pcr_json_print(struct json_object *o); /* and frees it */

int pcr_explain(const struct pcr_wish *w);
int pcr_coverage(const struct pcr_wish *w);

#endif
