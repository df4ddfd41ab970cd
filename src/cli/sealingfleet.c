/* Sealing on a fleet's machine: whom the seal names besides this boot's PCR values, and what that leaves to be bound. */
#include "cli/sealing.h"

#include "base/file.h"
#include "cli/pcr.h"
#include "core/coverage.h"
#include "crypto/crypto.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Do these PCRs cover the kernel command line, on this machine? Its event log says so, or it is not known. */
static bool cover_cmdline(const struct pcr_selection *pcrs)
{
	CLEAN_FREE char *bytes = NULL;
	struct eventlog_error error;
	struct eventlog log;
	struct coverage c;
	uint16_t alg = bank_from_name(pcr_bank_name(pcrs->bank));
	unsigned events;
	size_t len;

	if (file_read(AT_FDCWD, PCR_LOG, EVENTLOG_MAX, &bytes, &len) < 0 || !eventlog_open((const uint8_t *)bytes, len, &log, &error) ||
	    !eventlog_check(&log, &events, &error) || !eventlog_has(&log, alg))
		return false;
	coverage_of(&log, alg, digest_hash, NULL, &c);
	return coverage_holds(&c, ASPECT_CMDLINE, pcrs->mask);
}

enum outcome sealing_fleet(struct sealing *g, struct tpm *t, struct why *why)
{
	CLEAN_FD root = open(g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sealing_fleet *s = &g->fleet;
	struct chip_state c = { 0 };
	struct fleet f;
	enum outcome o = fleet_load(root, g->config, &f, why);

	*s = (struct sealing_fleet){ .named = o == OUTCOME_OK && f.keys };
	if (s->named) {
		fleet_wanted(&f, &s->signer);
		hex_encode(f.key[0].fingerprint, PCRSIG_DIGEST_LEN, s->fingerprint);
		s->has_signed = fleet_has_signed(&f, t, &c, &s->pcrs, &s->unsigned_why) == OUTCOME_OK;
		s->cmdline_covered = s->has_signed && cover_cmdline(&s->pcrs) && cover_cmdline(&g->config->pcrs);
	}
	fleet_free(&f);
	return o;
}

void sealing_fleet_say(const struct sealing *g)
{
	const struct sealing_fleet *s = &g->fleet;
	char epoch[32] = "", pcrs[96] = "";

	if (!s->named)
		return;
	if (g->config->pcr_epoch)
		(void)snprintf(epoch, sizeof(epoch), ", epoch %u", g->config->pcr_epoch);
	(void)printf("Signed: it opens for other PCR values, too, where the key of %s%s has signed them: an update needs\n"
	             "no new seal, and who has that key decides what may be booted. Key %s.\n", g->config->pcr_public_key, epoch, s->fingerprint);
	if (!s->has_signed) {
		(void)printf("The values of now are not signed: %s.\nTill a signed image is booted, only this boot's own values open it.\n",
		             s->unsigned_why.detail);
		return;
	}
	(void)pcr_selection_format(&s->pcrs, pcrs, sizeof(pcrs)); /* else empty */
	(void)printf("The values of now are signed: %s. What these do not cover, the signature does not vouch for%s\n", pcrs,
	             s->pcrs.bank == g->config->pcrs.bank && s->pcrs.mask == g->config->pcrs.mask ? "." :
	             ";\n[tpm] pcrs names others: let it name the same, or this boot's own values open it with less or more.");
	(void)printf(s->cmdline_covered
	             ? "They cover the kernel command line: it is not bound besides; another one needs a signature.\n"
	             : "They do not cover the kernel command line: in the enforce stage another one than now gets no key ([gate] words\n"
	               "names words that may differ).\n");
}
