/* What the TPM's no was about: the PCRs of now against what a slot says it was sealed to, this boot's event log against the
 * copy that was kept at sealing. For words only; read after the door is closed. */
#include "gate/boot.h"

#include "base/file.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

/* The values of now, of one selection. */
struct now {
	struct pcr_selection pcrs;
	uint8_t values[SEAL_VALUES_MAX];
	size_t len;
};

struct found {
	const struct seal_slot *slot; /* NULL: none says what it was sealed to */
	struct now now;
	uint32_t differ;
};

static bool read_now(struct boot *b, const struct pcr_selection *pcrs, struct now *ret)
{
	if (ret->len && ret->pcrs.bank == pcrs->bank && ret->pcrs.mask == pcrs->mask)
		return true;
	ret->pcrs = *pcrs;
	if (tpm_pcr_read(b->tpm, pcrs, ret->values, sizeof(ret->values), &ret->len, NULL) != OUTCOME_OK)
		ret->len = 0; /* a sentence less */
	return ret->len > 0;
}

static struct refused_about about(const struct seal_slot *slot, const struct now *now)
{
	return (struct refused_about){ .slot = slot, .now = now->values, .now_len = now->len, .hash = digest_hash };
}

/* Of the slots of the newest generation for this stage, the one that the fewest PCRs miss. */
static void find_slot(struct boot *b, struct found *ret)
{
	struct stance s = boot_stance(b);
	size_t places[SEAL_SLOTS_MAX], n = seal_candidates(&b->seal, decide_stage(&s), NULL, places);
	struct now now = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct seal_slot *slot = &b->seal.slot[places[i]];
		struct refused_about a;
		uint32_t differ;

		if (!read_now(b, &slot->object.pcrs, &now))
			continue;
		a = about(slot, &now);
		if (!refused_differ(&a, &differ))
			continue;
		if (ret->slot && (slot->object.generation < ret->slot->object.generation ||
		                  (slot->object.generation == ret->slot->object.generation &&
		                   pcr_count(differ) >= pcr_count(ret->differ))))
			continue;
		*ret = (struct found){ slot, now, differ };
	}
}

/* True: *ret is open, over *bytes (malloc'ed). */
static bool open_log(char *bytes, size_t len, struct eventlog *ret)
{
	struct eventlog_error error;
	unsigned events;

	return eventlog_open((const uint8_t *)bytes, len, ret, &error) && eventlog_check(ret, &events, &error);
}

static int read_in_root(const char *sysroot, const char *path, char **ret, size_t *ret_len)
{
	CLEAN_FD root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD fd = -1;
	int r = root < 0 ? -1 : file_open_in_root(root, path, &fd);

	return r < 0 ? r : file_read_fd(fd, SEAL_LOG_MAX, ret, ret_len);
}

/* With the copy of the initramfs, else with the root's, which may be newer; else by the values alone. */
static void explain(struct boot *b, const struct found *f)
{
	CLEAN_FREE char *mine = NULL, *roots = NULL, *today = NULL;
	struct eventlog then, now;
	struct refused_about a = about(f->slot, &f->now);
	char path[PATH_MAX];
	size_t len;

	(void)snprintf(path, sizeof(path), "%s" SEAL_LOG_SUFFIX, b->config.seal); /* far shorter */
	if (file_read(b->root, EVENTLOG_PATH, EVENTLOG_MAX, &today, &len) == 0 && open_log(today, len, &now))
		a.log_now = &now;
	if (a.log_now && file_read(b->root, path, SEAL_LOG_MAX, &mine, &len) == 0 && open_log(mine, len, &then))
		a.log_then = &then;
	if (a.log_now && !refused_log_fits(&a, f->differ) && !b->wait_sysroot &&
	    read_in_root(b->sysroot_path, path, &roots, &len) == 0)
		a.log_then = open_log(roots, len, &then) ? &then : NULL;
	refused_explain(&a, &b->record.refused);
}

void refusal_find(struct boot *b)
{
	static struct found f;

	f = (struct found){ 0 };
	if (BOOT_EVIDENCE(b)->outcome[STEP_UNSEAL] != OUTCOME_REFUSED || !b->has_seal || !b->tpm)
		return;
	find_slot(b, &f);
	if (f.slot)
		explain(b, &f);
}
