/* 'imagate pcr-policy': what its subcommands share. */
#ifndef IMAGATE_CLI_PCRPOLICY_H
#define IMAGATE_CLI_PCRPOLICY_H

#include "cli/verb.h"
#include "core/eventlog.h"
#include "core/pcrsig.h"
#include "core/why.h"

#define PCRPOLICY_VALUES 24 /* --value, one a PCR */
#define PCRPOLICY_PHASES 16
#define PCRPOLICY_PHASE "enter-initrd" /* when the gate runs */
#define PCRPOLICY_UKI_MAX (1024u * 1024 * 1024)

struct pcrpolicy_wish {
	const struct verb *verb;
	const char *key, *pub, *append, *output;
	const char *log, *uki, *tcti;
	const char *value[PCRPOLICY_VALUES];
	const char *phase[PCRPOLICY_PHASES];
	size_t values, phases;
	struct pcr_selection pcrs; /* mask 0: not given */
	unsigned epoch;            /* 0: none */
	bool current, json;
	const char *file; /* what is left on the command line */
};

/* Says it; code comes back. */
int pcrpolicy_said(const struct why *why, int code);

/* Where the values come from, and which PCRs of them are meant. Exit code; has said what is wrong. */
struct pcrpolicy_values {
	struct pcr_selection pcrs;
	struct pcr_values values; /* without phases */
};
int pcrpolicy_gather(const struct pcrpolicy_wish *w, struct pcrpolicy_values *ret);
/* The values that v's selection means, with a phase on top of PCR 11; and the policy they make. */
bool pcrpolicy_digest(const struct pcrpolicy_values *v, const char *phase, uint8_t ret[static PCRSIG_DIGEST_LEN]);

/* The signatures: a file of them, or a unified kernel image with a .pcrsig section. *ret is malloc'ed. */
int pcrpolicy_read(const char *path, char **ret, size_t *ret_len);
/* Each entry; exit code, and has said what is wrong. */
int pcrpolicy_each(const char *path, const char *text, size_t len, pcrsig_fn each, void *arg);

int pcrpolicy_sign(const struct pcrpolicy_wish *w);
int pcrpolicy_show(const struct pcrpolicy_wish *w);
int pcrpolicy_verify(const struct pcrpolicy_wish *w);

#endif
