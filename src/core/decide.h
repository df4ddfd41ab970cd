/* The whole judgement, as one pure function. The gate commits what it says, `imagate
 * check` rehearses with the same one: the dry run and the boot cannot disagree. */
#ifndef IMAGATE_CORE_DECIDE_H
#define IMAGATE_CORE_DECIDE_H

#include "core/cmdline.h"
#include "core/config.h"
#include "core/facts.h"
#include "core/outcome.h"
#include "core/stage.h"

#include <stdbool.h>

/* Zero stops. */
enum verdict {
	VERDICT_STOP = 0, /* no switch_root; what a stop is, the configuration says */
	VERDICT_DEGRADED, /* the boot goes on, with less protection than its stage promises */
	VERDICT_ADMIT,
	VERDICT_COUNT
};

/* The one thing that decided. Zero: nobody decided. Each has a sentence and a remedy
 * in advice.c, and a MESSAGE_ID through its verdict. */
enum cause {
	CAUSE_UNDECIDED = 0,
	CAUSE_NONE,             /* everything the stage promises is in force */
	CAUSE_STAGE_OFF,        /* off was asked for, and the floor allows it */
	CAUSE_CONFIG,           /* missing or bad configuration */
	CAUSE_FACTS,            /* the kernel's state could not be read */
	CAUSE_NO_IMA,
	CAUSE_NO_EVM,
	CAUSE_NO_KEY_TYPE,      /* no encrypted keys in this kernel */
	CAUSE_EVM_ALREADY,      /* EVM was switched on by somebody else before the gate */
	CAUSE_POLICY_ALREADY,   /* a policy was loaded before the gate */
	CAUSE_HAZARD_BPF,
	CAUSE_HAZARD_INTEGRITY,
	CAUSE_BELOW_FLOOR,      /* a stage below the floor was asked for */
	CAUSE_APPRAISE_MODE,    /* the kernel's mode does not belong to the stage */
	CAUSE_EVM_FIX,          /* evm=fix would bless tampered files */
	CAUSE_KEY_ABSENT,       /* no TPM, or no seal */
	CAUSE_KEY_REFUSED,      /* the TPM said no */
	CAUSE_KEY_BROKEN,       /* damaged seal, locked-out or failing TPM */
	CAUSE_PREFLIGHT,        /* the real root would not survive */
	CAUSE_POLICY_ABSENT,
	CAUSE_POLICY_REFUSED,   /* the kernel refused a rule */
	CAUSE_DOOR,             /* the key could still be had by whoever comes next */
	CAUSE_RESCUE,           /* rescue was asked for on the command line */
	CAUSE_CMDLINE,          /* the command line is not the one that was sealed */
	CAUSE_ROOT,             /* this root is not the one that was sealed */
	CAUSE_RATCHET,          /* the permit that allows this boot could not be used up */
	CAUSE_KEYRINGS,         /* commit steps that failed */
	CAUSE_EVM,
	CAUSE_POLICY,
	CAUSE_COUNT
};

/* Who allows this boot more than its seal does. A permit is for a stage and nothing else: it forgives neither
 * another command line nor another root. */
enum authority { AUTHORITY_NONE = 0, AUTHORITY_PERMIT, AUTHORITY_PERSON, AUTHORITY_COUNT };
const char *authority_name(enum authority a);

/* What seal, payload and the person at the console say. */
struct key_facts {
	enum tri useful;      /* NO: every slot says that its floor forbids this stage, and no permit is there */
	enum stage floor;     /* the payload's; until there is one the slots'; STAGE_UNSET: not known */
	enum authority authority;
	enum tri cmdline;     /* is it what was sealed? YES where it was not bound */
	enum tri root;
};

struct evidence {
	enum outcome outcome[STEP_COUNT];
	struct facts facts;
	struct key_facts key;
	unsigned reboots;     /* automatic ones since the last good boot */
};
/* A trial is bounded by its own tries, which the boot loader or the gate counts; this many more end all. */
#define REBOOTS_MAX 3


/* What was asked for. config is NULL unless outcome[STEP_CONFIG] is OK. */
struct stance {
	const struct config *config;
	const struct cmdline *cmdline; /* NULL if it could not be read */
};

struct decision {
	enum verdict verdict;
	enum cause cause;
	enum action action; /* where verdict is STOP */
	enum stage stage;   /* in force; STAGE_UNSET where stopped before it was known */
	bool use_key;       /* put the master key to use: EVM with HMAC */
	bool use_certs;     /* load certificates, EVM with X.509 where there are EVM ones */
	bool load_policy;   /* let the staged policy count */
	bool want_key;      /* unsealing is worth asking for: see decide_want_key() */
};

/* The stage that was asked for: the command line's, else the configuration's. */
enum stage decide_stage(const struct stance *s);

/* May the TPM be asked for the key at all? True if, were it released, the decision could
 * use it. Judged on config and facts alone: a hostile start never has the key in memory. */
bool decide_want_key(const struct stance *s, const struct evidence *e);

/* Would the recovery key, typed now, let the boot go on? Judged before STEP_DECIDE; d is what decide()
 * says without it. */
bool decide_ask(const struct decision *d, const struct stance *s);

/* The lowest stage that gets the key: configuration and seal, whichever is higher. */
enum stage decide_floor(const struct stance *s, const struct evidence *e);

const char *action_name(enum action a);

/* Before anything is committed: from config, facts, unseal, preflight and staging. */
struct decision decide(const struct stance *s, const struct evidence *e);

/* Is the content of what init needs to be judged by the kernel, after the policy counts
 * (STEP_PROOF), or by us before it (STEP_PREFLIGHT)? The kernel hashes each file anyway when it
 * is first used, and it knows the HMACs; but then there is no way back. So: by the kernel where a
 * failure stops the boot, and the policy's rules make it look (MMAP_CHECK). */
bool decide_prove(const struct stance *s, bool policy_appraises_mmap);

/* After STEP_RATCHET, before the key is used: is what allows this boot paid for? A permit that was not counted
 * off is none; the recovery key costs nothing. */
bool decide_paid(const struct evidence *e);

/* Keyrings and EVM have been tried: is the policy still to be let count? Not where a failure
 * stops the boot, and never in fix without the key: the kernel would write labels that no
 * HMAC vouches for. EVM still PENDING (certificates alone come after the policy) is no
 * failure here. */
bool decide_policy(const struct decision *d, const struct stance *s, const struct evidence *e);

/* After the commit: the decision as it stands once keyrings, EVM and policy have, or have
 * not, done what it asked. Never better than d; a needed step that is not OK stops, or
 * degrades where stage and configuration say so. */
struct decision decide_final(const struct decision *d, const struct stance *s,
                             const struct evidence *e);

const char *verdict_name(enum verdict v);
const char *cause_name(enum cause c);

/* One sentence that says what happened, one that says what to do. Never NULL, never empty. */
const char *cause_what(enum cause c);
const char *cause_remedy(enum cause c);

#endif
