/* imagate: see imagate(8). */
#include "base/log.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static const struct verb *const verbs[] = {
	&verb_seal, &verb_recover, &verb_reseal, &verb_status, &verb_check, &verb_policy, &verb_pcr, &verb_pcr_policy, &verb_label, &verb_catalogue, &verb_stage, &verb_permit, &verb_bless,
	&verb_watch, &verb_critical, &verb_prewarm, &verb_upgraded, &verb_explain,
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int usage(FILE *to, int code)
{
	(void)fputs("usage: imagate VERB [OPTIONS]\n\n", to);
	for (size_t i = 0; i < VERBS; i++)
		(void)fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	(void)fputs("\n'imagate VERB --help' says more. Exit status: 0 done, 1 the boot is (or would "
	            "be) not\nfully admitted, 2 usage or bad input, 3 the operation failed.\n", to);
	return code;
}

int verb_help(const struct verb *v)
{
	(void)fputs(v->help, stdout);
	return IMAGATE_OK;
}

int verb_usage(const struct verb *v)
{
	(void)fprintf(stderr, "imagate %s: see 'imagate %s --help'\n", v->name, v->name);
	return IMAGATE_USAGE;
}

int verb_extra(const struct verb *v, const char *arg)
{
	(void)fprintf(stderr, "imagate %s: unexpected argument '%s'\n", v->name, arg);
	return verb_usage(v);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, IMAGATE_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return usage(stdout, IMAGATE_OK);
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(argv[1], verbs[i]->name))
			return verbs[i]->run(verbs[i], argc - 1, argv + 1);
	log_error("there is no verb '%s'; 'imagate --help' lists them", argv[1]);
	return IMAGATE_USAGE;
}
