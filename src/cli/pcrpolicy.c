/* imagate pcr-policy: signatures that say for which PCR values a fleet's seals open. */
#include "cli/pcrpolicy.h"

#include "base/log.h"
#include "core/advice.h"
#include "core/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

int pcrpolicy_said(const struct why *why, int code)
{
	char text[512];

	why_format(why, text, sizeof(text));
	log_error("%s", text);
	return code;
}

static const struct sub {
	const char *name;
	int (*run)(const struct pcrpolicy_wish *w);
	bool file; /* an argument */
} subs[] = { { "sign", pcrpolicy_sign, false }, { "show", pcrpolicy_show, true }, { "verify", pcrpolicy_verify, true } };

static const struct sub *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(subs) / sizeof(subs[0]); i++)
		if (!strcmp(subs[i].name, name))
			return &subs[i];
	return NULL;
}

enum { OPT_KEY = 256, OPT_PUB, OPT_APPEND, OPT_LOG, OPT_UKI, OPT_TCTI, OPT_VALUE, OPT_PHASE, OPT_PCRS, OPT_EPOCH, OPT_CURRENT, OPT_JSON };
static const struct option options[] = {
	{ "key", required_argument, NULL, OPT_KEY },       { "pub", required_argument, NULL, OPT_PUB },
	{ "append", required_argument, NULL, OPT_APPEND }, { "output", required_argument, NULL, 'o' },
	{ "from-log", required_argument, NULL, OPT_LOG },  { "uki", required_argument, NULL, OPT_UKI },
	{ "tcti", required_argument, NULL, OPT_TCTI },     { "value", required_argument, NULL, OPT_VALUE },
	{ "phase", required_argument, NULL, OPT_PHASE },   { "pcrs", required_argument, NULL, OPT_PCRS },
	{ "epoch", required_argument, NULL, OPT_EPOCH },   { "current", no_argument, NULL, OPT_CURRENT },
	{ "json", no_argument, NULL, OPT_JSON },           { "help", no_argument, NULL, 'h' },
	{ 0 },
};

static bool one_more(const char **list, size_t *count, size_t max, const char *option)
{
	if (*count == max) {
		log_error("pcr-policy: %s is given too often", option);
		return false;
	}
	list[(*count)++] = optarg;
	return true;
}

static bool take_pcrs(struct pcrpolicy_wish *w)
{
	const char *error;

	if (pcr_selection_parse(optarg, &w->pcrs, &error))
		return true;
	log_error("--pcrs: %s", error);
	return false;
}

static bool take_epoch(struct pcrpolicy_wish *w)
{
	if (text_number(optarg, strlen(optarg), PCRSIG_EPOCH_MAX, &w->epoch) && w->epoch)
		return true;
	log_error("--epoch: a number from 1 to %d", PCRSIG_EPOCH_MAX);
	return false;
}

/* False: usage. */
static bool set(struct pcrpolicy_wish *w, int option)
{
	switch (option) {
	case OPT_KEY: w->key = optarg; return true;
	case OPT_PUB: w->pub = optarg; return true;
	case OPT_APPEND: w->append = optarg; return true;
	case 'o': w->output = optarg; return true;
	case OPT_LOG: w->log = optarg; return true;
	case OPT_UKI: w->uki = optarg; return true;
	case OPT_TCTI: w->tcti = optarg; return true;
	case OPT_VALUE: return one_more(w->value, &w->values, PCRPOLICY_VALUES, "--value");
	case OPT_PHASE: return one_more(w->phase, &w->phases, PCRPOLICY_PHASES, "--phase");
	case OPT_PCRS: return take_pcrs(w);
	case OPT_EPOCH: return take_epoch(w);
	case OPT_CURRENT: w->current = true; return true;
	case OPT_JSON: w->json = true; return true;
	default: return false;
	}
}

static int run(const struct verb *self, int argc, char **argv)
{
	struct pcrpolicy_wish w = { .verb = self };
	const struct sub *s;
	int left;

	for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
		if (c == 'h')
			return verb_help(self);
		if (!set(&w, c))
			return verb_usage(self);
	}
	s = find(argv[optind]);
	if (!s) {
		log_error("pcr-policy: sign, show or verify");
		return verb_usage(self);
	}
	left = argc - optind - 1;
	if (left > s->file)
		return verb_extra(self, argv[optind + 1 + s->file]);
	if (left < s->file) {
		log_error("pcr-policy %s: of which file?", s->name);
		return verb_usage(self);
	}
	w.file = argv[optind + 1];
	return s->run(&w);
}

const struct verb verb_pcr_policy = {
	.name = "pcr-policy",
	.summary = "sign for which PCR values the seals of a fleet open; show and verify such signatures",
	.help = "usage: imagate pcr-policy sign --key KEY [--epoch N] [--append FILE] --output FILE VALUES\n"
	        "       imagate pcr-policy show FILE\n"
	        "       imagate pcr-policy verify --pub KEY FILE [VALUES]\n"
	        "VALUES, of which there may be several, the later of this list first:\n"
	        "  --pcrs BANK:PCRS --current [--tcti TCTI]   those of this TPM now\n"
	        "  --pcrs BANK:PCRS --from-log FILE           what an event log replays to\n"
	        "  --uki FILE [--phase PHASE]...              PCR 11 of a unified kernel image, at enter-initrd or these phases\n"
	        "  --value BANK:PCR=HEX                       as it is given here\n"
	        "A machine that was sealed with [tpm] pcr-public-key opens its seal for whatever values its key has signed: an\n"
	        "update needs no new seal. The file is systemd-measure's JSON: one signature serves imagate's seal and\n"
	        "systemd-cryptenroll's volumes. FILE may be a unified kernel image with a .pcrsig section.\n"
	        "  --key KEY      PEM, or pkcs11:... ; RSA of 2048 bits (what every TPM takes) or 3072; P-256 and P-384 are imagate's\n"
	        "                 alone, systemd wants RSA\n"
	        "  --pub KEY      the public key, or a certificate; PEM or DER\n"
	        "  --epoch N      sign for seals of this epoch, too; without it for those of none. See imagate(8)\n"
	        "  --append FILE  keep its entries\n"
	        "Exit status: 0 done; verify: all that is said to be this key's is, and there is a signature for VALUES. 1 verify: not so.\n"
	        "2 usage or bad input. 3 failed, nothing was written.\n",
	.run = run,
};
