#include "cli/pcr.h"

#include "core/config.h"
#include "core/coverage.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 320

/* "GRUB into PCR 8" */
static void where(const struct coverage *c, enum aspect a, char *ret, size_t size)
{
	struct pcr_selection s = { PCR_BANK_SHA256, c->aspect[a].any };
	char by[96], pcrs[96];

	if (!s.mask) {
		(void)snprintf(ret, size, "nobody measures it on this machine");
		return;
	}
	measurers_words(c->aspect[a].by, by, sizeof(by));
	if (!pcr_selection_format(&s, pcrs, sizeof(pcrs)))
		*pcrs = '\0'; /* cannot be: 96 holds all */
	(void)snprintf(ret, size, "measured by %s into PCR %s", by, strchr(pcrs, ':') ? strchr(pcrs, ':') + 1 : "?");
}

static void recommendation(const struct coverage *c, const struct pcr_selection *now, char *ret, size_t size)
{
	struct pcr_selection s = { now->bank, now->mask | coverage_recommend(c, now->mask) };
	char pcrs[96];
	bool unmeasured = !c->aspect[ASPECT_INITRD].any || !c->aspect[ASPECT_CMDLINE].any;

	if (!pcr_selection_format(&s, pcrs, sizeof(pcrs)))
		*pcrs = '\0'; /* cannot be */
	if (s.mask != now->mask)
		(void)snprintf(ret, size, "in imagate.conf, [tpm], set pcrs = %s, and seal again%s", pcrs, unmeasured
		               ? "; what nobody measures stays open: boot a unified kernel image (dracut --uefi), or GRUB with its tpm module" : "");
	else if (unmeasured)
		(void)snprintf(ret, size, "no PCR covers what nobody measures: boot a unified kernel image (dracut --uefi), or GRUB with its tpm module");
	else
		(void)snprintf(ret, size, "keep these: an attacker who changes boot loader, kernel, initramfs or command line gets no key");
}

static void print_text(const struct coverage *c, const struct pcr_selection *s, const struct pcr_log *log)
{
	char pcrs[96] = "", line[LINE];

	(void)pcr_selection_format(s, pcrs, sizeof(pcrs)); /* 96 holds all */
	(void)printf("%s, from %s:\n", pcrs, log->path);
	for (int i = 0; i < ASPECT_COUNT; i++) {
		enum aspect a = (enum aspect)i;
		bool holds = coverage_holds(c, a, s->mask);

		where(c, a, line, sizeof(line));
		(void)printf("  %-11s  %s: %s\n", holds ? "covered" : "NOT COVERED", aspect_words(a), line);
		if (!holds)
			(void)printf("               %s\n", coverage_open_words(c, a, s->mask));
	}
	(void)printf("Secure Boot is %s.\n", c->secure_boot ? "on" : "off, or the log does not prove it");
	recommendation(c, s, line, sizeof(line));
	(void)printf("recommended: %s\n", line);
}

static struct json_object *pcr_array(uint32_t mask)
{
	struct json_object *list = json_object_new_array();

	for (int n = 0; n < EVENTLOG_PCRS; n++)
		if (mask & UINT32_C(1) << n)
			json_object_array_add(list, json_object_new_int(n));
	return list;
}

static void print_json(const struct coverage *c, const struct pcr_selection *s)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_object();
	char line[LINE];

	for (int i = 0; i < ASPECT_COUNT; i++) {
		enum aspect a = (enum aspect)i;
		struct json_object *row = json_object_new_object();
		bool holds = coverage_holds(c, a, s->mask);

		measurers_words(c->aspect[a].by, line, sizeof(line));
		json_object_object_add(row, "covered", json_object_new_boolean(holds));
		json_object_object_add(row, "pcrs", pcr_array(c->aspect[a].any));
		json_object_object_add(row, "needs-also", pcr_array(c->aspect[a].also));
		json_object_object_add(row, "measured-by", json_object_new_string(c->aspect[a].by ? line : ""));
		if (!holds)
			json_object_object_add(row, "open-to", json_object_new_string(coverage_open_words(c, a, s->mask)));
		json_object_object_add(list, aspect_name(a), row);
	}
	json_object_object_add(o, "pcrs", pcr_array(s->mask));
	json_object_object_add(o, "covers", list);
	json_object_object_add(o, "grub", json_object_new_boolean(c->grub));
	json_object_object_add(o, "uki", json_object_new_boolean(c->uki));
	json_object_object_add(o, "secure-boot", json_object_new_boolean(c->secure_boot));
	json_object_object_add(o, "add", pcr_array(coverage_recommend(c, s->mask)));
	recommendation(c, s, line, sizeof(line));
	json_object_object_add(o, "recommended", json_object_new_string(line));
	pcr_json_print(o);
}

/* What was asked for, else what the seal is bound to, else what it would be by default. */
static struct pcr_selection selection(const struct pcr_wish *w)
{
	static struct seal s;
	struct config c;

	if (w->pcrs_given)
		return w->pcrs;
	config_defaults(&c);
	return pcr_seal_read(w, &s) && s.slots ? s.slot[0].object.pcrs : c.pcrs;
}

int pcr_coverage(const struct pcr_wish *w)
{
	struct pcr_selection s;
	struct coverage c;
	struct pcr_log log;
	bool whole = true;
	int r = pcr_log_read(w, w->file, &log);

	if (r != IMAGATE_OK)
		return r;
	s = selection(w);
	coverage_of(&log.log, log.alg, digest_hash, NULL, &c);
	if (w->json)
		print_json(&c, &s);
	else
		print_text(&c, &s, &log);
	for (int a = ASPECT_LOADER; a < ASPECT_COUNT; a++)
		whole = whole && coverage_holds(&c, (enum aspect)a, s.mask);
	free(log.bytes);
	return whole ? IMAGATE_OK : IMAGATE_NOT_ADMITTED;
}
