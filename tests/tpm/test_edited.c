/* A seal that somebody edited or kept a copy of, one that was suspended for a boot, and power cuts while it is stored: each
 * boot is the gate's own steps against a software TPM. */
#include "base/file.h"
#include "base/secret.h"
#include "chip.h"
#include "cli/approving.h"
#include "cli/asking.h"
#include "cli/settle.h"
#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/binding.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char blob[] =
	"default user:imagate-master 64 "
	"000102030405060708090a0b0c0d0e0f00"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f";

/* -- what is cut ------------------------------------------------------------------------------- */

/* From now on, the cut_at-th change of the disk is the last thing that does not happen any more; 0: none. */
static int cut_at, changes;

static void change(void)
{
	if (cut_at && ++changes == cut_at)
		_exit(99);
}

int __real_fsync(int);
int __wrap_fsync(int);
int __wrap_fsync(int fd)
{
	change();
	return __real_fsync(fd);
}

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	change();
	return __real_renameat(a, from, b, to);
}

ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		change();
		/* half of it */
		if (cut_at && changes + 1 == cut_at)
			n = (n + 1) / 2;
	}
	return __real_write(fd, p, n);
}

/* -- a machine ---------------------------------------------------------------------------------------- */

struct world {
	struct chip c;
	char path[128]; /* of the seal */
	struct secret master, auth;
	struct seal seal;
	struct config config;
	uint8_t cmdline[CMDLINE_DIGEST_LEN];
	bool uncounted; /* the gate must not count up */
	bool asks;      /* it is to count up */
	const char *initramfs; /* below the root; NULL: all that is read is the root's */
};

static void put(const struct world *w, const char *name, const char *text, size_t len)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", w->c.dir, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, text, len, 0600), 0);
}

static void store(const struct world *w)
{
	static char text[SEAL_FILE_MAX];
	size_t len;

	assert_int_equal(seal_file_format(&w->seal, text, sizeof(text), &len, NULL), OUTCOME_OK);
	put(w, "etc/imagate/seal.pem", text, len);
}

/* What 'imagate seal' does, for these PCRs. */
static void seal_slot(struct world *w, struct tpm *t, struct seal_slot *s)
{
	struct seal_record r = { .generation = s->object.generation, .floor = s->floor, .stage = s->stage };
	struct secret payload = { .len = PAYLOAD_LEN };
	struct seal_signer signers[SEAL_SIGNERS_MAX];
	size_t count;

	memcpy(r.master, w->master.bytes, MASTER_KEY_LEN);
	memcpy(r.cmdline, s->cmdline, CMDLINE_DIGEST_LEN);
	payload_build(&r, payload.bytes);
	assert_int_equal(approvers_of(&w->config, &w->master, r.generation, NULL, signers, &count, NULL), OUTCOME_OK);
	assert_int_equal(tpm_seal(t, &payload, &s->object, signers, count, NULL), OUTCOME_OK);
	assert_int_equal(slot_mac(&w->master, s, NULL), OUTCOME_OK);
}

static void world_begin(struct world *w, enum answer online, enum stage floor)
{
	struct seal_slot *s = &w->seal.slot[0];
	char path[160];
	struct tpm *t = NULL;
	CLEAN_FD root = -1;

	memset(w, 0, sizeof(*w));
	cut_at = 0;
	chip_boot(&w->c);
	for (const char *const *d = (const char *const[]){ "etc", "etc/imagate", "proc", NULL }; *d; d++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w->c.dir, *d);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	put(w, "proc/cmdline", "root=/dev/vda ro\n", 17);
	(void)snprintf(w->path, sizeof(w->path), "%s/etc/imagate/seal.pem", w->c.dir);
	config_defaults(&w->config);
	w->config.stage = floor;
	w->config.floor = floor;
	w->config.reseal_online = online;
	assert_true(secret_random(&w->master, MASTER_KEY_LEN));
	assert_int_equal(counter_auth_of(&w->master, &w->auth, NULL), OUTCOME_OK);
	assert_int_equal(key_id_of(&w->master, w->seal.key_id, NULL), OUTCOME_OK);
	(void)snprintf(w->seal.evm_blob, sizeof(w->seal.evm_blob), "%s", blob);
	root = open(w->c.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(binding_cmdline(root, "", w->cmdline, NULL), OUTCOME_OK);
	*s = (struct seal_slot){ .floor = floor, .cmdline_bound = true, .object.pcrs = DEFAULT_PCRS };
	memcpy(s->cmdline, w->cmdline, CMDLINE_DIGEST_LEN);
	WITH_TPM(&w->c, t, NULL) {
		assert_int_equal(tpm_srk(t, w->seal.srk_name, &w->seal.srk_name_len, NULL), OUTCOME_OK);
		assert_int_equal(tpm_pcr_digest(t, &s->object.pcrs, s->object.pcr_digest, &s->object.pcr_digest_len, NULL), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &w->auth, &s->object.counter, NULL), OUTCOME_OK);
		assert_int_equal(tpm_counter_read(t, s->object.counter, &s->object.generation, NULL), OUTCOME_OK);
		seal_slot(w, t, s);
	}
	w->seal.slots = 1;
	store(w);
}

/* What the gate's steps make of this boot; then the door is closed. */
static enum outcome boot(struct world *w, struct boot *b)
{
	char initramfs[96];
	enum outcome o;

	boot_init(b);
	b->rehearse = true; /* no kernel's keyring is touched */
	b->tcti = w->c.tcti;
	b->sysroot_path = w->c.dir;
	(void)snprintf(initramfs, sizeof(initramfs), "%s/%s", w->c.dir, w->initramfs ? w->initramfs : "");
	b->root = open(initramfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	b->config = w->config;
	(void)snprintf(b->config.seal, sizeof(b->config.seal), "/etc/imagate/seal.pem");
	b->has_config = b->has_cmdline = true;
	b->cmdline.stage = w->config.stage;
	(void)snprintf(b->cmdline.appraise, sizeof(b->cmdline.appraise), "%s", appraise_name(stage_appraise(w->config.stage)));
	BOOT_EVIDENCE(b)->outcome[STEP_CONFIG] = OUTCOME_OK;
	BOOT_EVIDENCE(b)->outcome[STEP_FACTS] = OUTCOME_OK;
	BOOT_EVIDENCE(b)->facts = (struct facts){
		.ima = TRI_YES, .evm = TRI_YES, .evm_active = TRI_NO, .policy_writable = TRI_YES,
		.key_encrypted = TRI_YES, .key_asymmetric = TRI_YES, .secure_boot = TRI_NO,
		.rings = RINGS_USER, .appraise = APPRAISE_ENFORCE, .hazard_bpf = TRI_NO,
		.hazard_integrity = TRI_NO, .evm_fix = TRI_NO,
	};
	BOOT_EVIDENCE(b)->facts.appraise = stage_appraise(w->config.stage);
	o = step_unseal(b);
	if (o == OUTCOME_OK)
		assert_true(secret_equal(&b->master, &w->master));
	else
		assert_int_equal(b->master.len, 0);
	b->record.decision = (struct decision){ .verdict = VERDICT_ADMIT, .use_key = o == OUTCOME_OK, .stage = w->config.stage };
	if (o == OUTCOME_OK) {
		enum outcome ratchet;

		b->request.floor = w->asks ? w->config.stage : STAGE_UNSET;
		memset(b->request.cmdline, 9, sizeof(b->request.cmdline)); /* another boot's */
		ratchet = step_ratchet(b);

		assert_true(w->uncounted ? ratchet == OUTCOME_REFUSED : ratchet == OUTCOME_OK || ratchet == OUTCOME_BLOCKED);
	}
	assert_int_equal(step_door(b), OUTCOME_OK);
	return o;
}

static enum outcome boots(struct world *w)
{
	static struct boot b;
	enum outcome o = boot(w, &b);

	/* 'imagate bless' leaves the slot that the next boot needs again */
	assert_true(b.record.suspended == (o == OUTCOME_OK && w->uncounted));
	boot_end(&b);
	return o;
}

static void approving_begin(struct world *w, struct approving *a)
{
	*a = (struct approving){ .path = w->path, .stage = w->config.stage };
	memcpy(a->cmdline, w->cmdline, CMDLINE_DIGEST_LEN);
	assert_int_equal(approving_read(a, NULL), OUTCOME_OK);
	for (size_t i = 0; i < a->seal.slots; i++)
		if (a->seal.slot[i].object.generation > a->generation)
			a->generation = a->seal.slot[i].object.generation;
	assert_int_equal(request_key(&w->master, a->generation, &a->request, NULL), OUTCOME_OK);
}

/* PCR 4 extended so many times after the firmware. */
static void start(struct world *w, int times)
{
	chip_reset(&w->c);
	for (int i = 0; i < times; i++)
		extend(&w->c, 4);
}

static void values(struct world *w, int times, struct seal_object *o)
{
	struct tpm *t = NULL;

	start(w, times);
	o->pcrs = DEFAULT_PCRS;
	WITH_TPM(&w->c, t, NULL)
		assert_int_equal(tpm_pcr_digest(t, &o->pcrs, o->pcr_digest, &o->pcr_digest_len, NULL), OUTCOME_OK);
}

static enum outcome approve(struct world *w, struct approving *a, const struct seal_slot *like, const uint8_t *now)
{
	struct seal_slot base;
	const struct seal_slot *s;
	struct tpm *t = NULL;
	struct why why = { 0 };
	enum outcome o = OUTCOME_REFUSED;

	WITH_TPM(&w->c, t, NULL) {
		s = approving_base(a, t, &why);
		if (s) {
			base = *s;
			o = approving_add(a, t, &base, like, now, &why);
		}
	}
	return o;
}

/* The slot of 'imagate reseal --suspend-once'; it is not in the file yet. */
static void suspend_until(struct world *w, struct approving *a, uint32_t resets)
{
	const uint8_t now[32] = { 0 };
	struct seal_slot like;

	approving_begin(w, a);
	like = a->seal.slot[a->seal.slots - 1];
	like.once = true;
	like.object.pcrs = (struct pcr_selection){ 0 };
	like.object.pcr_digest_len = 0;
	like.object.resets = resets;
	assert_int_equal(approve(w, a, &like, now), OUTCOME_OK);
}

static void suspend(struct world *w, struct approving *a, uint32_t more)
{
	struct tpm *t = NULL;
	uint32_t resets = 0;

	WITH_TPM(&w->c, t, NULL)
		assert_int_equal(tpm_resets(t, &resets, NULL), OUTCOME_OK);
	suspend_until(w, a, resets + more);
	assert_int_equal(approving_store(a, NULL), OUTCOME_OK);
}

static bool gate_boots(void *arg)
{
	return boots(arg) == OUTCOME_OK;
}

static bool is_stored(void *arg)
{
	return approving_store(arg, NULL) == OUTCOME_OK;
}

/* Does it in a process that dies before its at-th change of the disk. False: it came to its end, and well. */
static bool cut(int at, bool (*what)(void *), void *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		changes = 0;
		cut_at = at;
		_exit(what(arg) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 99 || WEXITSTATUS(status) == 0));
	return WEXITSTATUS(status) == 99;
}

/* -- the cases ------------------------------------------------------------------------------------------ */

/* The file says how one slot got there, and only who had the key or was allowed to approve is sealed to again. */
static void test_edited(void **state)
{
	static struct world w;
	static struct approving a;
	static struct boot b;
	struct seal_slot like, evil;
	struct tpm *t = NULL;
	uint8_t now[32];
	unsigned n;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 2, &like.object);
	memset(like.cmdline, 7, sizeof(like.cmdline)); /* another command line was approved, too */
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_BLOCKED);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	/* an attacker's: he can seal whatever he likes to whatever PCRs */
	evil = w.seal.slot[0];
	evil.object.pcr_digest[0] ^= 1;
	WITH_TPM(&w.c, t, NULL) {
		struct secret junk = { .len = PAYLOAD_LEN };

		assert_int_equal(tpm_seal(t, &junk, &evil.object, NULL, 0, NULL), OUTCOME_OK);
	}
	a.seal.slot[a.seal.slots++] = evil;
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	/* the command line that was approved is not this one: at enforce the slot is not for it */
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	memcpy(a.seal.slot[1].cmdline, w.cmdline, CMDLINE_DIGEST_LEN); /* and edited, it is nobody's word */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	/* as it should be */
	a.seal.slot[1] = evil;
	a.seal.slots = 2;
	memcpy(like.cmdline, w.cmdline, CMDLINE_DIGEST_LEN);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	a.seal.slot[0].has_mac = false; /* an older imagate's: not used in this boot, nobody knows whose it is */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	start(&w, 2);
	boot_init(&b);
	assert_int_equal(boot(&w, &b), OUTCOME_OK);
	b.request.permit = w.config.stage; /* whatever makes it count up */
	assert_int_equal(step_ratchet(&b), OUTCOME_OK);
	boot_end(&b);
	approving_begin(&w, &a);
	n = 0;
	for (size_t i = 0; i < a.seal.slots; i++)
		if (a.seal.slot[i].object.generation == a.generation) {
			n++;
			assert_memory_equal(a.seal.slot[i].object.pcr_digest, like.object.pcr_digest, 32);
			assert_int_equal(a.seal.slot[i].object.approval.signature_len, 0); /* sealed by now */
		}
	assert_int_equal(n, 1);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

/* online = no: the same keys, and nothing can be approved. */
static void test_offline(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32] = { 0 };

	(void)state;
	world_begin(&w, ANSWER_NO, STAGE_FIX);
	like = w.seal.slot[0];
	values(&w, 1, &like.object);
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* One boot whatever the PCRs are; it seals to what they are, and that is all that is left. */
static void test_one_boot(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal before;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	suspend(&w, &a, 4);
	before = a.seal;
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK); /* sealed to it by the boot before */
	start(&w, 6);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	/* a copy of the file that was kept */
	w.seal = before;
	store(&w);
	start(&w, 6);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Where the PCRs fit it is not touched, even where it is the newest; a good boot ends it, and then copies of it. */
static void test_one_boot_unused(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal before;
	static struct boot b;
	uint64_t generation;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	suspend_until(&w, &a, 1000);
	generation = a.generation;
	a.seal.slot[2] = a.seal.slot[1];
	a.seal.slot[1] = a.seal.slot[0];
	a.seal.slot[0] = a.seal.slot[2]; /* first in the file, too */
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	before = a.seal;
	start(&w, 0);
	boot_init(&b);
	assert_int_equal(boot(&w, &b), OUTCOME_OK);
	assert_true(b.generation == generation && !b.used.object.resets && !b.record.suspended);
	approving_begin(&w, &a);
	assert_false(approving_end_suspension(&a, 1000 - APPROVING_RESETS)); /* asked for in this boot: it is for the next one */
	assert_true(approving_end_suspension(&a, 1001 - APPROVING_RESETS));
	assert_false(approving_end_suspension(&a, 1001 - APPROVING_RESETS));
	assert_int_equal(a.seal.slots, 1);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	b.request.floor = w.config.floor; /* as 'imagate bless' then asks for */
	assert_int_equal(step_ratchet(&b), OUTCOME_OK);
	boot_end(&b);
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.seal = before;
	store(&w);
	start(&w, 3);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

/* Never below the floor, for whatever the file says. */
static void test_one_boot_floor(void **state)
{
	static struct world w;
	static struct approving a;
	static struct boot b;
	struct seal_slot like;
	uint8_t now[32] = { 0 };

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	like = w.seal.slot[0];
	like.once = true;
	like.floor = STAGE_FIX;
	like.object.pcrs = (struct pcr_selection){ 0 };
	like.object.pcr_digest_len = 0;
	like.object.resets = 1000;
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(a.seal.slot[1].floor, STAGE_ENFORCE);
	a.seal.slot[1].floor = STAGE_FIX; /* edited: the gate is led to try */
	a.seal.slot[0] = a.seal.slot[1];
	a.seal.slots = 1;
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	w.config.stage = w.config.floor = STAGE_FIX;
	chip_reset(&w.c);
	assert_int_not_equal(boot(&w, &b), OUTCOME_OK);
	boot_end(&b);
	chip_stop(&w.c);
}

/* Cut at each change of the disk: the way back always works; and once it was stored, the way ahead. */
static void test_cut(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];
	bool was_cut = true;
	int at;
	unsigned ahead = 0;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 1, &like.object);
	for (at = 1; was_cut; at++) {
		assert_true(at < 20);
		store(&w);
		start(&w, 0);
		approving_begin(&w, &a);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		was_cut = cut(at, is_stored, &a);
		assert_int_equal(boots(&w), OUTCOME_OK);
		start(&w, 1);
		ahead = boots(&w) == OUTCOME_OK;
	}
	assert_true(at > 4); /* written, synced, renamed, synced */
	assert_true(ahead);
	chip_stop(&w.c);
}

/* Where the boot cannot be bound to what it was it is not counted up, which would leave the next one nothing. */
static void test_one_boot_unbound(void **state)
{
	static struct world w;
	static struct approving a;
	struct tpm *t = NULL;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.seal.slot[0].object.pcrs.mask |= 1u << 9; /* by now nobody extends it */
	WITH_TPM(&w.c, t, NULL)
		seal_slot(&w, t, &w.seal.slot[0]);
	store(&w);
	suspend(&w, &a, 3);
	w.uncounted = true;
	for (int i = 0; i < 2; i++) {
		start(&w, 5);
		assert_int_equal(boots(&w), OUTCOME_OK);
	}
	chip_stop(&w.c);
}

/* Cut while the gate counts the one boot up: the next one has the key nevertheless, whichever generation counts. */
static void test_one_boot_cut(void **state)
{
	static struct world w;
	static struct approving a;
	bool was_cut = true;
	int at;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	for (at = 1; was_cut; at++) {
		assert_true(at < 8);
		suspend(&w, &a, 3);
		start(&w, 5 + at);
		was_cut = cut(at, gate_boots, &w);
		start(&w, 5 + at);
		assert_int_equal(boots(&w), OUTCOME_OK);
		start(&w, 5 + at);
		assert_int_equal(boots(&w), OUTCOME_OK); /* bound to it */
	}
	assert_true(at > 4);
	chip_stop(&w.c);
}

/* The floor rises to enforce in the first boot of an image with another command line than that of the boot that asked for it. */
static void test_rise_in_between(void **state)
{
	static struct world w;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	w.asks = true;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	put(&w, "proc/cmdline", "root=/dev/vdb ro\n", 17); /* now it counts */
	start(&w, 0);
	assert_int_not_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

static void says(const struct world *w, const char *cmdline, uint8_t *ret_digest)
{
	CLEAN_FD root = open(w->c.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	put(w, "proc/cmdline", cmdline, strlen(cmdline));
	if (ret_digest)
		assert_int_equal(binding_cmdline(root, "", ret_digest, NULL), OUTCOME_OK);
}

/* Two images, each with a command line of its own: the rise asked for in one leaves the other its own. */
static void test_rise_of_two(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	memcpy(now, w.seal.slot[0].object.pcr_digest, 32);
	like = w.seal.slot[0];
	values(&w, 2, &like.object);
	says(&w, "root=/dev/vdb ro\n", like.cmdline);
	says(&w, "root=/dev/vda ro\n", NULL);
	start(&w, 0);
	approving_begin(&w, &a);
	assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
	w.asks = true;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	start(&w, 0);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 2);
	assert_int_not_equal(boots(&w), OUTCOME_OK); /* the line of the first */
	says(&w, "root=/dev/vdb ro\n", NULL);
	start(&w, 2);
	assert_int_equal(boots(&w), OUTCOME_OK);
	start(&w, 0);
	assert_int_not_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

/* -- and a good boot ------------------------------------------------------------------------------ */

static const struct world *blessed;

/* What asks has no name for the TPM. */
enum outcome __real_tpm_open(const char *, unsigned, struct tpm **, struct why *);
enum outcome __wrap_tpm_open(const char *, unsigned, struct tpm **, struct why *);
enum outcome __wrap_tpm_open(const char *tcti, unsigned wait, struct tpm **ret, struct why *why)
{
	return __real_tpm_open(tcti ? tcti : blessed->c.tcti, wait, ret, why);
}

/* What the gate leaves in the kernel's keyring, for the generation that opened last. */
static uint64_t generation;

enum outcome asking_key(uint64_t *ret_generation, struct secret *ret, struct why *why)
{
	*ret_generation = generation;
	return request_key(&blessed->master, generation, ret, why);
}

int asking_count_up(enum stage floor)
{
	(void)floor;
	put(blessed, "asked", "", 0);
	return 0;
}

static bool asked(const struct world *w)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/asked", w->c.dir);
	return access(path, F_OK) == 0;
}

/* Carries out what was asked for, and leaves what 'imagate bless' wants to know of it. */
static void boot_to_bless(struct world *w, int times, struct record *ret)
{
	static struct boot b;
	bool asks = asked(w);
	char path[160];

	start(w, times);
	boot_init(&b);
	assert_int_equal(boot(w, &b), OUTCOME_OK);
	if (asks) {
		(void)snprintf(path, sizeof(path), "%s/asked", w->c.dir);
		b.request.floor = BOOT_EVIDENCE(&b)->key.floor;
		assert_int_equal(step_ratchet(&b), OUTCOME_OK);
		assert_int_equal(unlink(path), 0);
	}
	generation = b.generation;
	*ret = b.record;
	boot_end(&b);
}

static size_t bless(struct world *w, const struct record *r)
{
	struct settled settled;

	blessed = w;
	(void)snprintf(w->config.seal, sizeof(w->config.seal), "%s", w->path);
	assert_int_equal(settle_slots(&w->config, r, &settled, NULL), OUTCOME_OK);
	return settled.dropped;
}

static size_t good_boot(struct world *w, int times)
{
	static struct record r;

	boot_to_bless(w, times, &r);
	return bless(w, &r);
}

/* From a boot with PCR 4 extended so many times to one where it is more often. */
static void update(struct world *w, int from, int to)
{
	static struct approving a;
	struct seal_slot like;
	uint8_t now[32];

	values(w, from, &like.object);
	memcpy(now, like.object.pcr_digest, 32);
	approving_begin(w, &a);
	like = a.seal.slot[a.seal.slots - 1];
	values(w, to, &like.object);
	assert_int_equal(approve(w, &a, &like, now), OUTCOME_OK);
	assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
}

/* An update, and before the boot that is to count up a second one: that is its first boot. What was between the two opens nothing either,
 * and nothing is counted up for ever. */
static void test_two_updates(void **state)
{
	static struct world w;
	static struct approving before;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	update(&w, 0, 1);
	assert_int_equal(good_boot(&w, 1), 1);
	assert_true(asked(&w));
	update(&w, 1, 2);
	approving_begin(&w, &before);
	assert_int_equal(good_boot(&w, 2), 1);
	assert_true(asked(&w));
	start(&w, 1);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(good_boot(&w, 2), 0);
		assert_false(asked(&w));
	}
	w.seal = before.seal;
	store(&w);
	start(&w, 1);
	assert_int_equal(boots(&w), OUTCOME_REFUSED);
	chip_stop(&w.c);
}

static struct record to_bless;

static bool is_blessed(void *arg)
{
	return bless(arg, &to_bless) == 1;
}

/* Cut at each change of the disk while a good boot drops what was before it: of what is gone from the disk the copies end, too. */
static void test_bless_cut(void **state)
{
	static struct world w;
	static struct approving a;
	bool was_cut = true;
	int at;

	(void)state;
	for (at = 1; was_cut; at++) {
		assert_true(at < 20);
		world_begin(&w, ANSWER_YES, STAGE_FIX);
		update(&w, 0, 1);
		boot_to_bless(&w, 1, &to_bless);
		blessed = &w;
		was_cut = cut(at, is_blessed, &w);
		approving_begin(&w, &a);
		assert_true(a.seal.slots == 2 || asked(&w));
		assert_int_equal(good_boot(&w, 1), was_cut && a.seal.slots == 2); /* and the next one makes good for it */
		if (asked(&w))
			(void)good_boot(&w, 1);
		start(&w, 0);
		assert_int_equal(boots(&w), OUTCOME_REFUSED);
		start(&w, 1);
		assert_int_equal(boots(&w), OUTCOME_OK);
		chip_stop(&w.c);
	}
	assert_true(at > 8);
}

/* Strict: each update foresees a slot for this stage and one for the other. The first of them is what the next boot needs, however many
 * of the other stage there are. */
static void test_strict_updates(void **state)
{
	static struct world w;
	static struct approving a;
	struct seal_slot like;
	struct tpm *t = NULL;
	uint8_t now[32];
	size_t live;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = w.seal.slot[0].stage = STAGE_ENFORCE;
	for (w.seal.slots = 1; w.seal.slots < SEAL_SLOTS_LIVE - 1; w.seal.slots++) {
		w.seal.slot[w.seal.slots] = w.seal.slot[0];
		w.seal.slot[w.seal.slots].stage = STAGE_AUDIT;
		memset(w.seal.slot[w.seal.slots].object.pcr_digest, 'a' + (int)w.seal.slots, 32);
	}
	WITH_TPM(&w.c, t, NULL)
		for (size_t i = 0; i < w.seal.slots; i++)
			seal_slot(&w, t, &w.seal.slot[i]);
	store(&w);
	for (int i = 1; i <= 4; i++) {
		values(&w, i - 1, &like.object);
		memcpy(now, like.object.pcr_digest, 32);
		start(&w, i - 1);
		approving_begin(&w, &a);
		like = a.seal.slot[a.seal.slots - 1];
		like.stage = STAGE_ENFORCE;
		values(&w, i, &like.object);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		approving_thin(&a, STAGE_AUDIT);
		like.stage = STAGE_AUDIT;
		memset(like.object.pcr_digest, i, 32);
		assert_int_equal(approve(&w, &a, &like, now), OUTCOME_OK);
		assert_int_equal(approving_store(&a, NULL), OUTCOME_OK);
		assert_true(good_boot(&w, i) >= 2);
		(void)good_boot(&w, i);
		approving_begin(&w, &a);
		live = 0;
		for (size_t k = 0; k < a.seal.slots; k++)
			live += a.seal.slot[k].object.generation == a.generation;
		assert_int_equal(live, 2); /* what was before opens nothing, in no stage */
	}
	chip_stop(&w.c);
}

/* A rise of the floor was asked for, and the boot that is to see to it is one without PCRs: it does both. */
static void test_one_boot_rises(void **state)
{
	static struct world w;
	static struct approving a;

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_FIX);
	w.config.stage = STAGE_ENFORCE;
	suspend(&w, &a, 3);
	w.asks = true;
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	w.asks = false;
	approving_begin(&w, &a);
	assert_int_equal(seal_floor(&a.seal), STAGE_ENFORCE);
	start(&w, 5);
	assert_int_equal(boots(&w), OUTCOME_OK);
	chip_stop(&w.c);
}

/* What the file on the disk says of the floor does not lower it where the key is not there to say it. */
static void test_floor_is_edited(void **state)
{
	static struct world w;
	static struct boot b;
	char command[256];

	(void)state;
	world_begin(&w, ANSWER_YES, STAGE_ENFORCE);
	(void)snprintf(command, sizeof(command), "cd %s && mkdir initramfs && cp -r etc proc initramfs", w.c.dir);
	assert_int_equal(system(command), 0);
	w.initramfs = "initramfs";
	w.config.floor = w.config.stage = STAGE_FIX; /* it rose since */
	w.seal.slot[0].floor = STAGE_FIX;
	store(&w);
	start(&w, 0);
	assert_int_equal(boot(&w, &b), OUTCOME_OK); /* and what is sealed says it */
	assert_int_equal(BOOT_EVIDENCE(&b)->key.floor, STAGE_ENFORCE);
	boot_end(&b);
	start(&w, 1);
	assert_int_not_equal(boot(&w, &b), OUTCOME_OK);
	assert_int_equal(BOOT_EVIDENCE(&b)->key.floor, STAGE_ENFORCE);
	boot_end(&b);
	chip_stop(&w.c);
}

/* The power was cut before the counter moved: a slot of the next generation is on the disk. Root takes a copy of it, has the
 * counter deleted and made anew behind the closed door, and counts as far as he likes. */
static void test_counter_made_anew(void **state)
{
	static struct world w;
	static struct approving a;
	static struct seal copy;
	struct secret his, key = { 0 };
	struct tpm *t = NULL;
	int at;
	uint64_t value = 0;

	(void)state;
	world_begin(&w, ANSWER_NO, STAGE_ENFORCE);
	for (at = 1; copy.slots < 2; at++) {
		start(&w, 0);
		w.asks = true;
		assert_true(cut(at, gate_boots, &w));
		approving_begin(&w, &a);
		copy = a.seal;
	}
	assert_int_equal(copy.slots, 2);
	assert_true(copy.slot[1].object.generation == w.seal.slot[0].object.generation + 1);
	store(&w);
	start(&w, 0);
	w.asks = false;
	assert_true(secret_random(&his, COUNTER_AUTH_LEN));
	(void)boots(&w);
	WITH_TPM(&w.c, t, NULL) {
		uint32_t index;

		assert_int_equal(tpm_counter_undefine(t, copy.slot[1].object.counter, NULL), OUTCOME_OK);
		assert_int_equal(tpm_counter_define(t, &his, &index, NULL), OUTCOME_OK);
		assert_int_equal(index, copy.slot[1].object.counter);
		assert_int_equal(tpm_counter_read(t, index, &value, NULL), OUTCOME_OK);
		assert_true(value > copy.slot[1].object.generation);
		assert_int_not_equal(tpm_unseal(t, &copy.slot[1].object, NULL, 0, &key, NULL), OUTCOME_OK);
	}
	chip_stop(&w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edited), cmocka_unit_test(test_offline), cmocka_unit_test(test_one_boot),
		cmocka_unit_test(test_one_boot_unused), cmocka_unit_test(test_one_boot_floor), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_one_boot_cut), cmocka_unit_test(test_one_boot_unbound),
		cmocka_unit_test(test_counter_made_anew), cmocka_unit_test(test_floor_is_edited),
		cmocka_unit_test(test_rise_in_between), cmocka_unit_test(test_rise_of_two), cmocka_unit_test(test_one_boot_rises),
		cmocka_unit_test(test_strict_updates), cmocka_unit_test(test_two_updates), cmocka_unit_test(test_bless_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
