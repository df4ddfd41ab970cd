#include "cli/approving.h"

#include "base/clean.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Takes fd over. */
static int locked(int fd)
{
	if (fd >= 0 && flock(fd, LOCK_EX) < 0)
		clean_fd(&fd);
	return fd;
}

static int lock_dir_of(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash && (size_t)(slash - path) >= sizeof(dir))
		return -1;
	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash == path ? 1 : slash - path) : 1, slash ? path : "."); /* it fits */
	return locked(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* The file, which is root's alone: anybody who may read a directory may lock it, and for ever. Who waited for one that was
 * replaced waits again. */
int approving_lock(const char *path)
{
	struct stat mine, there;

	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0 && errno == ENOENT)
			return lock_dir_of(path); /* the first seal */
		fd = locked(fd);
		if (fd < 0)
			return -1;
		if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
			return fd;
		(void)close(fd);
	}
}

enum outcome approving_read(struct approving *a, struct why *why)
{
	CLEAN_FREE char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, a->path, SEAL_FILE_MAX, &text, &len);

	if (r == 0)
		return seal_file_parse(a->path, text, len, &a->seal, why);
	why_set(why, WHY_ERRNO, -r, "read", a->path);
	return OUTCOME_BROKEN;
}

/* The floor is not asked: a permitted boot below it may update, too. */
static bool is_of_this_boot(const struct approving *a, const struct seal_slot *s)
{
	return s->object.generation == a->generation && !s->once && !s->object.resets &&
	       (s->stage == STAGE_UNSET || s->stage == a->stage);
}

const struct seal_slot *approving_base(struct approving *a, struct tpm *t, struct why *why)
{
	const struct seal_slot *other = NULL;
	struct seal_signer signer;
	bool any = false, may = false;

	if (approval_signer(&a->request, &signer, why) != OUTCOME_OK)
		return NULL;
	for (size_t i = a->seal.slots; i > 0; i--) {
		const struct seal_slot *s = &a->seal.slot[i - 1];

		if (!is_of_this_boot(a, s))
			continue;
		any = true;
		if (tpm_signer_may(t, &s->object, &signer, &may, why) != OUTCOME_OK)
			return NULL;
		if (may && (!s->cmdline_bound || !memcmp(s->cmdline, a->cmdline, CMDLINE_DIGEST_LEN)))
			return s;
		if (may && !other)
			other = s; /* below enforce another command line boots, too */
	}
	if (other)
		return other;
	why_set(why, WHY_TEXT, 0, "approve for", a->path);
	why_detail(why, any ? "it was sealed with [reseal] online = no, or by an older imagate: nobody but the gate can make it fit other "
	                      "PCRs. 'imagate recover' (recovery key) after the update seals anew"
	                    : "it has no slot of the generation and stage that this boot used: restore the file");
	return NULL;
}

static void drop(struct seal *s, size_t place)
{
	s->slots--;
	memmove(&s->slot[place], &s->slot[place + 1], (s->slots - place) * sizeof(s->slot[0]));
}

static bool is_for(const struct seal_slot *s, const uint8_t now[static 32])
{
	return s->object.pcr_digest_len == 32 && !memcmp(s->object.pcr_digest, now, 32);
}

static bool is_of_now(const struct approving *a, const struct seal_slot *s, const uint8_t now[static 32])
{
	return is_for(s, now) && (!s->cmdline_bound || !memcmp(s->cmdline, a->cmdline, CMDLINE_DIGEST_LEN));
}

/* Of another stage's slots the newest is the one that its next boot needs. */
static bool is_newest_of_other(const struct seal *s, size_t place, enum stage stage)
{
	const struct seal_slot *x = &s->slot[place];

	if (x->once || x->stage == stage)
		return false;
	for (size_t i = place + 1; i < s->slots; i++)
		if (s->slot[i].stage == x->stage && !s->slot[i].once)
			return false;
	return true;
}

/* For one of this stage. False: all that are there are wanted. What was approved last is the most likely to be booted. */
static bool make_room(struct approving *a, enum stage stage, const uint8_t now[static 32])
{
	for (size_t i = a->seal.slots; i > 0; i--)
		if (a->seal.slot[i - 1].object.generation != a->generation)
			drop(&a->seal, i - 1); /* counted up since: dead */
	for (int approved = 1; approved >= 0; approved--)
		for (size_t i = 0; a->seal.slots >= SEAL_SLOTS_LIVE && i < a->seal.slots; i++)
			if (!is_of_now(a, &a->seal.slot[i], now) && !is_newest_of_other(&a->seal, i, stage) &&
			    !a->seal.slot[i].object.approval.signature_len == !approved)
				drop(&a->seal, i--);
	return a->seal.slots < SEAL_SLOTS_LIVE;
}

/* Of what is there, too, the newest are those for boots to come: a good boot drops what is before its own. */
static enum outcome to_end(struct seal *s, size_t place)
{
	const struct seal_slot x = s->slot[place];

	if (place == s->slots - 1)
		return OUTCOME_BLOCKED;
	drop(s, place);
	s->slot[s->slots++] = x;
	return OUTCOME_OK;
}

enum outcome approving_add(struct approving *a, struct tpm *t, const struct seal_slot *base, const struct seal_slot *like,
                           const uint8_t now[static 32], struct why *why)
{
	struct seal_slot s = *like;
	uint8_t policy[SEAL_BRANCH_LEN];
	enum outcome o;

	s.floor = base->floor; /* the payload's: never another */
	s.object = base->object;
	s.object.pcrs = like->object.pcrs;
	s.object.pcr_digest_len = like->object.pcr_digest_len;
	memcpy(s.object.pcr_digest, like->object.pcr_digest, sizeof(s.object.pcr_digest));
	s.object.resets = like->object.resets;
	s.has_mac = false;
	for (size_t i = 0; i < a->seal.slots; i++)
		if (seal_slot_same(&s, &a->seal.slot[i]))
			return to_end(&a->seal, i);
	o = tpm_policy_to_approve(t, &s.object, policy, why);
	if (o == OUTCOME_OK)
		o = approval_sign(&a->request, policy, &s.object.approval, why);
	if (o == OUTCOME_OK)
		o = slot_mac(&a->request, &s, why);
	if (o != OUTCOME_OK)
		return o;
	if (!make_room(a, s.stage, now)) {
		why_set(why, WHY_TEXT, 0, "add to", a->path);
		why_detail(why, "it has as many slots as fit, all for the PCRs of now");
		return OUTCOME_REFUSED;
	}
	a->seal.slot[a->seal.slots++] = s;
	return OUTCOME_OK;
}

void approving_thin(struct approving *a, enum stage stage)
{
	bool newest = true;

	for (size_t i = a->seal.slots; i > 0; i--) {
		const struct seal_slot *s = &a->seal.slot[i - 1];

		if (s->stage != stage || stage == a->stage || !s->object.approval.signature_len || s->once || s->object.resets)
			continue;
		if (!newest)
			drop(&a->seal, i - 1);
		newest = false;
	}
}

/* Behind the one that fits, so foreseen since; then the one before, too, is for what was booted before. */
static bool has_newer(const struct seal *s, size_t fits, const struct seal_slot *x)
{
	for (size_t i = fits + 1; i < s->slots; i++)
		if (s->slot[i].stage == x->stage && !s->slot[i].once && s->slot[i].object.generation == x->object.generation)
			return true;
	return false;
}

size_t approving_superseded(struct seal *s, uint64_t generation, enum stage stage, bool foreseen, const uint8_t now[static 32])
{
	size_t before = s->slots, fits = s->slots, gone = 0;

	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].object.generation == generation && is_for(&s->slot[i], now))
			fits = i; /* the newest that does: what is behind it is for boots to come */
	/* this boot used none of them: nothing is known. Or one that somebody added by hand, a second kernel's for instance */
	if (fits == before || (!foreseen && !s->slot[fits].object.approval.signature_len))
		return 0;
	for (size_t i = before; i > 0; i--) {
		const struct seal_slot *x = &s->slot[i - 1];
		bool before_it = x->stage == STAGE_UNSET || x->stage == stage || has_newer(s, fits, x);

		if (x->object.generation != generation || (x->object.resets && i - 1 < fits) ||
		    (i - 1 < fits && before_it && !x->once && !is_for(x, now))) {
			gone += x->object.generation == generation;
			fits -= i - 1 < fits; /* it moves up */
			drop(s, i - 1);
		}
	}
	return gone;
}

bool approving_end_suspension(struct approving *a, uint32_t resets)
{
	bool any = false;

	for (size_t i = a->seal.slots; i > 0; i--) {
		const struct seal_object *o = &a->seal.slot[i - 1].object;

		if (!o->resets || (o->generation == a->generation && o->resets == resets + APPROVING_RESETS))
			continue;
		any |= o->generation == a->generation;
		drop(&a->seal, i - 1);
	}
	return any;
}

enum outcome approving_store(const struct approving *a, struct why *why)
{
	static char text[SEAL_FILE_MAX];
	size_t len;
	enum outcome o = seal_file_format(&a->seal, text, sizeof(text), &len, why);
	int r = o == OUTCOME_OK ? file_write_atomic(AT_FDCWD, a->path, text, len, 0600) : 0;

	if (r == 0)
		return o;
	why_set(why, WHY_ERRNO, -r, "write", a->path);
	return OUTCOME_BROKEN;
}
