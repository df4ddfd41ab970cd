/* imagate stage: what the boot loader is told, what may come next. */
#include "base/clean.h"
#include "base/ini.h"
#include "base/log.h"
#include "cli/asking.h"
#include "cli/evidence.h"
#include "cli/grubfile.h"
#include "cli/promote.h"
#include "cli/sealing.h"
#include "cli/verb.h"
#include "gate/boot.h"
#include "kernel/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 8 /* boots in audit */

struct wish {
	const char *root;
	bool json;
};

static const char *stage_or_none(enum stage s)
{
	return s == STAGE_UNSET ? "none" : stage_name(s);
}

static int grub_failed(int e)
{
	log_error("GRUB's environment block: %s", e == -ENOENT ? "there is none: is GRUB the boot loader? (systemd-boot and "
	          "other loaders: put imagate.stage= and ima_appraise= into the entry's options by hand)"
	          : e == -EBADMSG ? "damaged: make it anew with 'grub-editenv - create'" : strerror(-e));
	return IMAGATE_FAILED;
}

static struct json_object *boots_json(void)
{
	struct json_object *list = json_object_new_array();
	struct boot_evidence kept[SHOWN];
	size_t n = evidence_last(kept, SHOWN);

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "boot", json_object_new_string(kept[i].boot));
		json_object_object_add(o, "denials", json_object_new_int((int)kept[i].denials));
		json_object_object_add(o, "records-lost", json_object_new_int((int)kept[i].lost));
		json_object_object_add(o, "good", json_object_new_boolean(kept[i].good));
		json_object_object_add(o, "finished", json_object_new_boolean(kept[i].finished));
		json_object_object_add(o, "clean", json_object_new_boolean(evidence_is_clean(&kept[i])));
		json_object_array_add(list, o);
	}
	return list;
}

/* The boots in audit that count, or do not, and why. */
static void show_boots(const struct boot_evidence *now)
{
	struct boot_evidence kept[SHOWN];
	size_t n = evidence_last(kept, SHOWN);
	char words[EVIDENCE_LINE];

	for (size_t i = 0; i < n; i++) {
		bool runs = !strcmp(kept[i].boot, now->boot);

		evidence_words(&kept[i], words, sizeof(words));
		if (runs && !now->denials && !now->lost)
			(void)snprintf(words, sizeof(words), "this one: clean so far; it counts once it has been shut down");
		(void)printf("%s %.8s %s\n", i ? "           " : "in audit:  ", kept[i].boot, words);
	}
}

static void show_trial(const struct rollout *now, enum stage running, const struct config *c)
{
	if (now->trial == STAGE_UNSET)
		return;
	if (rollout_fell_back(now, running))
		(void)printf("trial:      %s fell back after %u boots that did not come up. 'imagate check --stage %s' says what is "
		             "wrong with it;\n            'imagate stage promote' begins another trial, 'imagate stage set %s' gives it "
		             "up\n", stage_name(now->trial), c->tries, stage_name(now->trial), stage_name(now->stage));
	else
		(void)printf("trial:      %s: %u tries left, %u of %u good boots\n", stage_name(now->trial), now->tries,
		             now->blessed, c->blessings);
}

static void show_json(const struct rollout *now, bool grub, const struct record *r, const struct promotion *p,
                      const struct boot_evidence *e)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "grub", json_object_new_boolean(grub));
	json_object_object_add(o, "stage", json_object_new_string(stage_or_none(now->stage)));
	json_object_object_add(o, "trial", json_object_new_string(stage_or_none(now->trial)));
	json_object_object_add(o, "tries", json_object_new_int((int)now->tries));
	json_object_object_add(o, "blessed", json_object_new_int((int)now->blessed));
	json_object_object_add(o, "trial-fell-back", json_object_new_boolean(rollout_fell_back(now, r->decision.stage)));
	json_object_object_add(o, "booted", json_object_new_string(stage_name(r->decision.stage)));
	json_object_object_add(o, "floor", json_object_new_string(stage_or_none(r->evidence.key.floor)));
	json_object_object_add(o, "denials", json_object_new_int((int)e->denials));
	json_object_object_add(o, "records-lost", json_object_new_int((int)e->lost));
	json_object_object_add(o, "first-denied", json_object_new_string(e->first));
	json_object_object_add(o, "clean-boots", json_object_new_int((int)evidence_count(e)));
	json_object_object_add(o, "next", json_object_new_string(stage_or_none(p->to)));
	json_object_object_add(o, "next-allowed", json_object_new_boolean(p->allowed));
	json_object_object_add(o, "missing", json_object_new_string(p->missing));
	json_object_object_add(o, "boots", boots_json());
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static void show_text(const struct rollout *now, bool grub, const struct record *r, const struct promotion *p,
                      const struct boot_evidence *e, const struct config *c)
{
	(void)printf("this boot:  %s (%s)\n", stage_name(r->decision.stage), verdict_name(r->decision.verdict));
	(void)printf("floor:      %s\n", stage_or_none(r->evidence.key.floor));
	if (grub)
		(void)printf("next boot:  %s\n", stage_or_none(now->once ? now->once : now->trial && now->tries ? now->trial : now->stage));
	else
		(void)printf("next boot:  as the boot loader's entry says (no GRUB environment block)\n");
	show_trial(now, r->decision.stage, c);
	if (r->decision.stage >= STAGE_AUDIT)
		(void)printf("denials:    %u in this boot%s%s%s\n", e->denials, *e->first ? ", first " : "", e->first,
		             e->lost ? ", and records may have been lost: is imagate-watch.service enabled?" : "");
	if (r->decision.stage == STAGE_AUDIT) {
		show_boots(e);
		(void)printf("clean:      %u of %u boots in audit, one after another\n", evidence_count(e), c->clean_boots);
	}
	if (p->to != STAGE_UNSET)
		(void)printf("promotion:  to %s: %s\n", stage_name(p->to), p->allowed ? "'imagate stage promote'" : p->missing);
}

static int show(const struct wish *w)
{
	static struct record r;
	static struct config c;
	char block[GRUBENV_LEN];
	struct rollout now = { 0 };
	struct promotion p;
	struct boot_evidence e;
	struct why why = { 0 };
	int g = grubfile_read(w->root, block);

	if (!evidence_record(&r))
		return IMAGATE_NOT_ADMITTED;
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, &why) != OUTCOME_OK)
		return sealing_failed("configuration", &why), IMAGATE_USAGE;
	if (g == 0)
		rollout_read(block, &now);
	else if (g != -ENOENT)
		(void)grub_failed(g);
	evidence_now(&r, &e);
	promote_look(&r, &c, &p);
	if (w->json)
		show_json(&now, g == 0, &r, &p, &e);
	else
		show_text(&now, g == 0, &r, &p, &e, &c);
	return IMAGATE_OK;
}

/* The kernel then ignores ima_appraise=fix and log: the boot would be in enforce, and get no key. */
static bool secure_boot_forbids(enum stage s)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct facts f = { 0 };
	struct cmdline l = { 0 };

	if (s != STAGE_FIX && s != STAGE_AUDIT)
		return false;
	(void)kernel_facts(root, &f, &l, NULL); /* what could not be told forbids nothing */
	return f.secure_boot == TRI_YES;
}

/* By hand: no trial, no evidence. The floor, not this, decides who gets the key. */
static int set(const struct wish *w, const char *name)
{
	char block[GRUBENV_LEN];
	struct rollout now;
	enum stage s = stage_from_name(name);
	int e;

	if (s == STAGE_UNSET) {
		log_error("'%s' is no stage: off, measure, fix, audit or enforce", name);
		return IMAGATE_USAGE;
	}
	if (!strcmp(w->root, "/") && secure_boot_forbids(s)) {
		log_error("Secure Boot is on: the kernel ignores ima_appraise=%s. Roll out with it off, or label where the image is "
		          "built ('imagate label --root'); 'imagate check' is the audit", appraise_name(stage_appraise(s)));
		return IMAGATE_NOT_ADMITTED;
	}
	e = grubfile_read(w->root, block);
	if (e < 0)
		return grub_failed(e);
	rollout_read(block, &now);
	now = (struct rollout){ .stage = s };
	e = rollout_write(&now, block) ? grubfile_write(w->root, block) : -ENOSPC;
	if (e < 0)
		return grub_failed(e);
	(void)printf("The next boot asks for %s. Whether it gets the key, the floor decides ('imagate stage show').\n",
	             stage_name(s));
	if (!strcmp(w->root, "/") && sealing_lacks(s))
		(void)printf("The seal is bound to what GRUB does, and has no slot for %s: that boot gets the key by the recovery key only. Type it there, and\n"
		             "make the slot with 'imagate recover --add'; 'imagate stage set' with the stage of now takes this back.\n", stage_name(s));
	return IMAGATE_OK;
}

static int promote(void)
{
	static struct record r;
	static struct config c;
	struct why why = { 0 };

	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	if (ini_config_load(AT_FDCWD, BOOT_CONFIG_PATH, &c, &why) != OUTCOME_OK)
		return sealing_failed("configuration", &why), IMAGATE_USAGE;
	return promote_if_shown(&r, &c, true);
}

/* By hand what a proven trial does by itself. */
static int raise_floor(const char *name)
{
	static struct record r;
	enum stage s = stage_from_name(name);
	int code;

	if (s == STAGE_UNSET) {
		log_error("'%s' is no stage: off, measure, fix, audit or enforce", name);
		return IMAGATE_USAGE;
	}
	if (!evidence_record(&r))
		return IMAGATE_FAILED;
	if (s <= r.evidence.key.floor) {
		log_error("the floor is %s already; it only rises ('imagate recover --floor' with the recovery key lowers it)",
		          stage_or_none(r.evidence.key.floor));
		return IMAGATE_USAGE;
	}
	if (s > r.decision.stage) {
		log_error("this boot runs in %s: a floor of %s has not been seen to work", stage_name(r.decision.stage), stage_name(s));
		return IMAGATE_USAGE;
	}
	code = asking_store(STAGE_UNSET, s);
	if (code == IMAGATE_OK)
		(void)printf("The next boot in %s or above raises the floor to it.\n", stage_name(s));
	return code;
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct wish w = { .root = "/" };
	const char *what;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'r': w.root = optarg; break;
		case 'j': w.json = true; break;
		case 'h': return verb_help(self);
		default: return verb_usage(self);
		}
	}
	what = optind < argc ? argv[optind] : "show";
	if (!strcmp(what, "show") && optind + 1 >= argc)
		return show(&w);
	if (!strcmp(what, "promote") && optind + 1 == argc)
		return promote();
	if (!strcmp(what, "set") && optind + 2 == argc)
		return set(&w, argv[optind + 1]);
	if (!strcmp(what, "floor") && optind + 2 == argc)
		return raise_floor(argv[optind + 1]);
	return verb_usage(self);
}

const struct verb verb_stage = {
	.name = "stage",
	.summary = "show, set or promote the stage that the boot loader asks for",
	.help = "usage: imagate stage [show] [--json] [--root DIR]\n"
	        "       imagate stage set off|measure|fix|audit|enforce [--root DIR]\n"
	        "       imagate stage promote\n"
	        "       imagate stage floor STAGE\n"
	        "show: this boot's stage, the floor, a trial, and what is missing for the next stage.\n"
	        "set: what GRUB asks for from the next boot on. Asking is not getting: below the floor there is no\n"
	        "key ('imagate permit').\n"
	        "promote: to the next stage, if it has been shown to work: from fix when every file in scope is\n"
	        "labelled, from audit after as many clean boots as imagate.conf says. Enforce begins as a trial:\n"
	        "boots that do not come up are counted by the boot loader, and it falls back by itself.\n"
	        "floor: asks the next boot's gate to raise the floor; a proven trial does it by itself.\n"
	        "Exit status: 0 done, 1 not yet (it says what is missing), 2 usage, 3 failed.\n",
	.run = run,
};
