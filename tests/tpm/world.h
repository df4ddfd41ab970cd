/* A machine for the tests of what becomes of its seal: the gate's own steps against a software TPM, a root that is a directory, and
 * a power cut at any change of the disk. */
#ifndef IMAGATE_TESTS_WORLD_H
#define IMAGATE_TESTS_WORLD_H

#include "base/file.h"
#include "base/secret.h"
#include "chip.h"
#include "cli/approving.h"
#include "crypto/crypto.h"
#include "gate/approvers.h"
#include "gate/binding.h"
#include "gate/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* -- what is cut ------------------------------------------------------------------------------- */

/* From now on, the cut_at-th change of the disk is the last thing that does not happen any more; 0: none. */
static int cut_at, changes;

static inline void change(void)
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

static inline void put(const struct world *w, const char *name, const char *text, size_t len)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", w->c.dir, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, text, len, 0600), 0);
}

static inline void store(const struct world *w)
{
	static char text[SEAL_FILE_MAX];
	size_t len;

	assert_int_equal(seal_file_format(&w->seal, text, sizeof(text), &len, NULL), OUTCOME_OK);
	put(w, "etc/imagate/seal.pem", text, len);
}

/* What 'imagate seal' does, for these PCRs. */
static inline void seal_slot(struct world *w, struct tpm *t, struct seal_slot *s)
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

static inline void world_begin(struct world *w, enum answer online, enum stage floor)
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
	(void)snprintf(w->seal.evm_blob, sizeof(w->seal.evm_blob), "default user:imagate-master 64 %0226d", 0);
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
static inline enum outcome boot(struct world *w, struct boot *b)
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

static inline enum outcome boots(struct world *w)
{
	static struct boot b;
	enum outcome o = boot(w, &b);

	/* 'imagate bless' leaves the slot that the next boot needs again */
	assert_true(b.record.suspended == (o == OUTCOME_OK && w->uncounted));
	boot_end(&b);
	return o;
}

static inline void approving_begin(struct world *w, struct approving *a)
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
static inline void start(struct world *w, int times)
{
	chip_reset(&w->c);
	for (int i = 0; i < times; i++)
		extend(&w->c, 4);
}

static inline void values(struct world *w, int times, struct seal_object *o)
{
	struct tpm *t = NULL;

	start(w, times);
	o->pcrs = DEFAULT_PCRS;
	WITH_TPM(&w->c, t, NULL)
		assert_int_equal(tpm_pcr_digest(t, &o->pcrs, o->pcr_digest, &o->pcr_digest_len, NULL), OUTCOME_OK);
}

static inline enum outcome approve(struct world *w, struct approving *a, const struct seal_slot *like, const uint8_t *now)
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
static inline void suspend_until(struct world *w, struct approving *a, uint32_t resets)
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

static inline void suspend(struct world *w, struct approving *a, uint32_t more)
{
	struct tpm *t = NULL;
	uint32_t resets = 0;

	WITH_TPM(&w->c, t, NULL)
		assert_int_equal(tpm_resets(t, &resets, NULL), OUTCOME_OK);
	suspend_until(w, a, resets + more);
	assert_int_equal(approving_store(a, NULL), OUTCOME_OK);
}

static inline bool gate_boots(void *arg)
{
	return boots(arg) == OUTCOME_OK;
}

static inline bool is_stored(void *arg)
{
	return approving_store(arg, NULL) == OUTCOME_OK;
}

/* Does it in a process that dies before its at-th change of the disk. False: it came to its end, and well. */
static inline bool cut(int at, bool (*what)(void *), void *arg)
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

#endif
