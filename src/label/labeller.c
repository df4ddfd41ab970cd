#include "label/labeljob.h"

#include "base/file.h"
#include "label/labelreason.h"
#include "label/verity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOVES "it changes while it is read: label it once it is at rest"
#define NO_HMAC "what EVM's HMAC is over, the file system's UUID and the inode's generation, cannot be learned here: it would be wrong"
#define UNREADABLE "it could not be read, or its label not be made"

static void add_bad(struct worker *w, const char *path, const char *reason)
{
	struct labeller_bad *bigger;

	if (w->bad_count == w->bad_room) {
		bigger = realloc(w->bad, (w->bad_room ? w->bad_room * 2 : 64) * sizeof(*bigger));
		if (!bigger) {
			walk_stop(*w->walk, ENOMEM, "label", path);
			return;
		}
		w->bad = bigger;
		w->bad_room = w->bad_room ? w->bad_room * 2 : 64;
	}
	w->bad[w->bad_count] = (struct labeller_bad){ strdup(path), reason };
	if (w->bad[w->bad_count].path)
		w->bad_count++;
	else
		walk_stop(*w->walk, ENOMEM, "label", path);
}

/* -- writing -------------------------------------------------------------------------------- */

static int set(const struct job *j, const char *name, const struct xattr *x)
{
	return fsetxattr(j->fd, name, x->p, x->len, 0) < 0 ? errno : 0;
}

/* One without the other may be worse than both as they were. */
static void take_back(const struct job *j)
{
	if (j->ima_was.len)
		(void)set(j, "security.ima", &j->ima_was); /* it is reported in any case */
	else
		(void)fremovexattr(j->fd, "security.ima");
}

/* Where EVM is on, a file without any label may get its portable signature first, and then what that is over. */
static int write_labels(const struct job *j, bool ima, bool evm)
{
	int error = ima ? set(j, "security.ima", &j->ima) : 0;
	bool evm_first = error == EPERM && evm && j->evm.p[0] == TYPE_PORTABLE;

	if (evm && (error == 0 || evm_first)) {
		int e = set(j, "security.evm", &j->evm);

		if (e && ima && error == 0)
			take_back(j);
		if (e)
			return e;
	}
	return evm_first ? set(j, "security.ima", &j->ima) : error;
}

/* One answer for all: no use to go on. The files of a list lie on any file system: the next one may take labels. */
static bool stops_all(struct worker *w, const struct job *j, int error, bool hmac)
{
	if (w->l->list && (error == EROFS || error == EOPNOTSUPP))
		return false;
	if (error == EROFS)
		walk_stop(*w->walk, error, "write labels", "this file system is mounted read-only");
	else if (error == EOPNOTSUPP)
		walk_stop(*w->walk, error, "write labels", "this file system takes none (ext4, xfs, btrfs and f2fs do)");
	else if (error == EPERM && hmac && !strcmp(label_reason(j->fd, error), label_reason(-1, EPERM)))
		walk_stop(*w->walk, error, "write HMACs",
		          "this machine's kernel has EVM and takes none from programs: sign instead (--evm-sign), let the fix stage "
		          "write them, or do it where EVM is not built in");
	else
		return false;
	w->refused = true;
	return true;
}

static void finish(struct worker *w, const struct job *j, bool evm_changed)
{
	struct labeller *l = w->l;
	int error;

	if (!j->changed && !evm_changed && !j->enabled) {
		l->kept++;
		return;
	}
	error = l->dry_run ? 0 : write_labels(j, j->changed, evm_changed);
	if (error == 0)
		l->labelled++;
	else if (!stops_all(w, j, error, evm_changed && j->evm.p[0] == TYPE_HMAC))
		add_bad(w, j->path, label_reason(j->fd, error));
}

/* -- one file ------------------------------------------------------------------------------- */

static int open_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME);

	if (fd < 0 && errno == EPERM) /* not ours: no O_NOATIME */
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd;
}

/* Changed while we read it: its label would be wrong. The next run finds it. */
static bool stood_still(struct worker *w, const struct job *j)
{
	struct inode now;

	return inode_read(j->fd, &w->fs, &now) == 0 && now.size == j->inode.size && now.ctime.tv_sec == j->inode.ctime.tv_sec &&
	       now.ctime.tv_nsec == j->inode.ctime.tv_nsec;
}

/* Content that may be labelled, with its digest. NULL, or the reason why not; "": unproven, and counted. */
static const char *content_of(struct worker *w, const struct job *j, uint8_t digest[static LABELJOB_DIGEST_MAX], size_t *ret_len)
{
	struct labeller *l = w->l;

	if (w->maker->digest(w->maker->state, w->head, j->head_len, j->head_len < LABELJOB_HEAD ? -1 : j->fd, digest, LABELJOB_DIGEST_MAX, ret_len, NULL) !=
	    OUTCOME_OK)
		return UNREADABLE;
	if (!l->proven || l->proven(j->path, digest, *ret_len, l->proven_arg))
		return NULL;
	l->unproven++;
	return "";
}

/* 0, -errno, or -ESTALE: it changed since it was read. From here on it cannot. */
static int enable_at_rest(struct worker *w, struct job *j)
{
	int r;

	if (w->l->dry_run)
		return 0;
	if (!stood_still(w, j))
		return -ESTALE;
	r = verity_enable(j->fd, w->maker->algo);
	if (r < 0 && r != -EEXIST)
		return r;
	return inode_read(j->fd, &w->fs, &j->inode) < 0 ? -ESTALE : r; /* the ctime is another now */
}

/* Gives the file fs-verity where it has none. What no file of this file system can have stops all. */
static const char *enable(struct worker *w, struct job *j, struct verity_digest *ret)
{
	char where[VERITY_REFUSED_LEN];
	int r = verity_measure(j->fd, ret);

	if (r < 0 && !w->l->verity)
		return "a rule wants its fs-verity digest, and it has none: --verity";
	if (r == -ENODATA) {
		r = enable_at_rest(w, j);
		j->enabled = r == 0;
		w->l->enabled += j->enabled; /* for ever, whatever becomes of its label */
		if (!w->l->dry_run && (r == 0 || r == -EEXIST))
			r = verity_measure(j->fd, ret);
	}
	if (r == -ESTALE)
		return MOVES;
	if (r == 0)
		return ret->algo == w->maker->algo ? NULL : "its fs-verity is by another hash algorithm: --hash";
	if (!verity_refused(-r, &j->inode, where))
		return verity_reason(-r);
	walk_stop(*w->walk, -r, "enable fs-verity", where);
	w->refused = true;
	return "";
}

/* Until it had fs-verity somebody could still write to what had been proven. */
static bool is_still(const struct worker *w, const struct job *j, const uint8_t *digest, size_t len)
{
	uint8_t now[LABELJOB_DIGEST_MAX];
	size_t now_len;

	return w->maker->digest(w->maker->state, w->head, 0, j->fd, now, sizeof(now), &now_len, NULL) == OUTCOME_OK && now_len == len &&
	       !memcmp(now, digest, len);
}

/* What the kernel hashes before it verifies the signature. */
static const char *verity_of(struct worker *w, struct job *j, uint8_t digest[static LABELJOB_DIGEST_MAX], size_t *ret_len)
{
	struct verity_digest d = { .algo = w->maker->algo };
	const char *reason = enable(w, j, &d);
	const struct xattr parts[] = { { d.id, sizeof(d.id) }, { d.bytes, d.len } };

	if (!reason && w->l->proven && j->enabled && !w->l->dry_run && !is_still(w, j, digest, *ret_len))
		return MOVES;
	if (!reason && j->by_verity && w->maker->parts(w->maker->state, parts, 2, digest, LABELJOB_DIGEST_MAX, ret_len, NULL) != OUTCOME_OK)
		return UNREADABLE;
	if (!reason && j->scope.verity && !w->maker->signs[MAKER_IMA] && labeljob_get(j->fd, "security.ima", w->ima_is) < 1)
		return "a rule wants a signature over its fs-verity digest: --sign";
	return reason;
}

static void label_file(struct worker *w, struct job *j)
{
	struct labeller *l = w->l;
	uint8_t digest[LABELJOB_DIGEST_MAX];
	struct why why = { 0 };
	bool evm_changed = false;
	const char *reason = NULL;
	size_t len;

	l->bytes += j->inode.size;
	if (j->by_verity && j->scope.content)
		reason = "some rules want its fs-verity digest, others its content: no label is good for both";
	if (!reason && w->maker->macs && !w->maker->signs[MAKER_EVM] && !(j->inode.fs->has_uuid && j->inode.has_generation))
		reason = NO_HMAC;
	if (!reason && (l->proven || (j->labels && !j->by_verity)))
		reason = content_of(w, j, digest, &len);
	if (!reason && j->verity)
		reason = verity_of(w, j, digest, &len);
	if (!reason && j->labels &&
	    (labelwant_ima(w, j, digest, len, &why) != OUTCOME_OK || labelwant_evm(w, j, &evm_changed, &why) != OUTCOME_OK))
		reason = UNREADABLE;
	if (!reason && !stood_still(w, j))
		reason = MOVES;
	if (!reason)
		finish(w, j, evm_changed);
	else if (*reason)
		add_bad(w, j->path, reason);
}

static bool read_head(struct worker *w, struct job *j)
{
	ssize_t n = pread(j->fd, w->head, LABELJOB_HEAD, 0);

	j->head_len = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

/* all: whatever the policy says; but where a rule does want something of the file, that is what it gets. */
static bool wanted(const struct worker *w, struct job *j)
{
	const struct labeller *l = w->l;
	const struct label_scope *s = &j->scope;
	bool large = l->all && j->inode.size >= l->verity_least;

	j->verity = s->verity || (l->verity && !s->content && (s->measured || large));
	j->by_verity = j->verity && (s->verity || w->maker->signs[MAKER_IMA]);
	j->labels = l->all || s->content || j->by_verity;
	return j->labels || j->verity;
}

static void look_at(struct worker *w, struct job *j, const char *name)
{
	if (!label_scope_code(j->path, name, &j->inode) && !w->l->all && !label_scope_reads(w->l->about)) {
		w->l->skipped++;
		return;
	}
	if (!read_head(w, j)) {
		add_bad(w, j->path, "it cannot be read");
		return;
	}
	j->scope = label_scope_of(w->l->about, j->path, &j->inode, j->head_len >= 4 && !memcmp(w->head, "\177ELF", 4));
	if (wanted(w, j))
		label_file(w, j);
	else
		w->l->skipped++;
}

static void visit(void *worker, int dir, const char *name, const char *path)
{
	struct worker *w = worker;
	CLEAN_FD fd = open_file(dir, name);
	struct job j = { .fd = fd, .path = path };
	pthread_mutex_t *linked = NULL;
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return; /* gone or changed meanwhile */
	r = fd < 0 ? -errno : inode_read(fd, &w->fs, &j.inode);
	if (r == -EINVAL)
		return; /* no regular file */
	w->l->files++;
	if (r == 0 && j.inode.links > 1) { /* its ctime is another once another name of it is done */
		linked = &w->linked[j.inode.ino % LABELJOB_LOCKS];
		(void)pthread_mutex_lock(linked); /* a plain one, of which nobody holds two, cannot fail */
		r = inode_read(fd, &w->fs, &j.inode);
	}
	if (r < 0)
		add_bad(w, path, "it cannot be opened");
	else
		look_at(w, &j, name);
	if (linked)
		(void)pthread_mutex_unlock(linked);
}

static void unreadable(void *worker, const char *path, int error)
{
	(void)error;
	add_bad(worker, path, "the directory cannot be read");
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct labeller_bad *)a)->path, ((const struct labeller_bad *)b)->path);
}

/* Everything that the workers have goes into one. */
static bool join(struct labeller *l, struct worker **workers, bool *ret_refused)
{
	size_t bad = 0;

	for (unsigned i = 0; i < l->threads; i++)
		bad += workers[i]->bad_count;
	l->bad = calloc(bad + 1, sizeof(*l->bad));
	for (unsigned i = 0; l->bad && i < l->threads; i++) {
		struct worker *w = workers[i];

		if (w->bad_count)
			memcpy(l->bad + l->bad_count, w->bad, w->bad_count * sizeof(*w->bad));
		l->bad_count += w->bad_count;
		*ret_refused |= w->refused;
	}
	if (l->bad)
		qsort(l->bad, l->bad_count, sizeof(*l->bad), by_path);
	return l->bad;
}

enum outcome labeller_run(int root, struct labeller *l, struct why *why)
{
	struct worker **workers = calloc(l->threads, sizeof(*workers));
	const struct walk_about about = { l->start, l->threads, (void *const *)workers, visit, unreadable, l->list };
	pthread_mutex_t linked[LABELJOB_LOCKS];
	struct walk *walk = NULL;
	bool ok = workers, refused = false;
	enum outcome o = OUTCOME_BROKEN;

	for (size_t i = 0; i < LABELJOB_LOCKS; i++)
		linked[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (unsigned i = 0; ok && i < l->threads; i++) {
		workers[i] = calloc(1, sizeof(**workers));
		ok = workers[i];
		if (ok) {
			workers[i]->l = l;
			workers[i]->linked = linked;
			workers[i]->walk = &walk;
			workers[i]->maker = &l->makers[i];
			workers[i]->prover = l->provers ? &l->provers[i] : NULL;
		}
	}
	if (ok)
		o = walk_run(root, &about, &walk, why);
	if (!ok || !join(l, workers, &refused)) {
		why_set(why, WHY_ERRNO, ENOMEM, "label", "/");
		o = OUTCOME_BROKEN;
	}
	for (unsigned i = 0; workers && i < l->threads; i++) {
		free(workers[i] ? workers[i]->bad : NULL);
		free(workers[i]);
	}
	free(workers);
	return refused ? OUTCOME_REFUSED : o;
}

void labeller_free(struct labeller *l)
{
	for (size_t i = 0; i < l->bad_count; i++)
		free(l->bad[i].path);
	free(l->bad);
	l->bad = NULL;
	l->bad_count = 0;
}
