#include "label/ready.h"

#include "base/file.h"
#include "core/evmmessage.h"
#include "label/examine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define FILES_MAX 4096
#define DIGEST_MAX 64
#define NEW_SUFFIX ".dpkg-new" /* a configuration file that dpkg has unpacked and not yet put in its place */

struct job {
	const struct ready *r;
	const struct labeldump_entry *e;
	int fd;
	struct inode_fs fs;
	uint8_t is[EVM_XATTRS][EXAMINE_XATTR_MAX];
};

/* -- proof ---------------------------------------------------------------------------------- */

/* security.ima: a signature that a key proves, or the right hash, which then security.evm has to prove. */
static enum proof prove_ima(struct job *j)
{
	const struct prover *p = j->r->prover;
	const struct xattr ima = { j->e->ima, j->e->ima_len };
	uint8_t digest[DIGEST_MAX];
	struct label l;
	size_t len;

	label_parse(ima.p, ima.len, &l);
	if ((l.kind != LABEL_HASH && l.kind != LABEL_SIGNATURE) ||
	    p->file(p->state, j->fd, l.algo, digest, sizeof(digest), &len, NULL) != OUTCOME_OK)
		return PROOF_BAD;
	if (l.kind == LABEL_HASH)
		return l.digest_len == len && !memcmp(l.digest, digest, len) ? PROOF_NO_KEY : PROOF_BAD;
	return p->signature(p->state, RING_IMA, &ima, digest, len);
}

/* security.evm: a portable signature over the file as it is, with security.ima as it is to be. */
static enum proof prove_evm(struct job *j)
{
	const struct prover *p = j->r->prover;
	const struct xattr evm = { j->e->evm, j->e->evm_len };
	struct xattr values[EVM_XATTRS];
	uint8_t digest[DIGEST_MAX];
	struct evm_message m;
	struct inode inode;
	struct label l;
	size_t len;

	if (!evm.len)
		return PROOF_NO_KEY;
	label_parse(evm.p, evm.len, &l);
	if (l.kind != LABEL_PORTABLE || inode_read(j->fd, &j->fs, &inode) < 0)
		return PROOF_BAD;
	for (size_t i = 0; i < EVM_XATTRS; i++) {
		const char *name = evm_xattr_at(i)->name;
		ssize_t n = !strcmp(name, "security.ima") ? 0 : fgetxattr(j->fd, name, j->is[i], sizeof(j->is[i]));

		if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return PROOF_BAD;
		values[i] = !strcmp(name, "security.ima") ? (struct xattr){ j->e->ima, j->e->ima_len }
		            : n > 0                       ? (struct xattr){ j->is[i], (size_t)n } : (struct xattr){ NULL, 0 };
	}
	evm_message(values, &(struct evm_inode){ .uid = inode.uid, .gid = inode.gid, .mode = inode.mode, .fsuuid = inode.fs->uuid },
	            evm.p[0], &m);
	if (p->bytes(p->state, m.part, m.count, l.algo, digest, sizeof(digest), &len, NULL) != OUTCOME_OK)
		return PROOF_BAD;
	return p->signature(p->state, RING_EVM, &evm, digest, len);
}

static bool proven(struct job *j, const char *path)
{
	const struct prover *p = j->r->prover;
	enum proof ima = prove_ima(j), evm = ima == PROOF_BAD ? PROOF_BAD : prove_evm(j);
	uint8_t digest[32];
	size_t len;

	/* one signature at least, and none that is wrong */
	if (ima == PROOF_BAD || evm == PROOF_BAD || (ima != PROOF_GOOD && evm != PROOF_GOOD))
		return false;
	return !j->r->proven || (p->file(p->state, j->fd, HASH_SHA256, digest, sizeof(digest), &len, NULL) == OUTCOME_OK &&
	                         len == sizeof(digest) && j->r->proven(path, digest, j->r->proven_arg));
}

/* -- writing -------------------------------------------------------------------------------- */

static bool set(const struct job *j, const char *name, const uint8_t *value, size_t len)
{
	return !len || fsetxattr(j->fd, name, value, len, 0) == 0;
}

/* With EVM's HMAC on, only a file whose labels are valid gets others: a new one has its HMAC by a hash rule of the
 * policy. Where the portable signature is there already, or comes first, what it is over may follow. */
static bool write_both(const struct job *j)
{
	const struct labeldump_entry *e = j->e;
	bool ima = set(j, "security.ima", e->ima, e->ima_len);

	return set(j, "security.evm", e->evm, e->evm_len) && (ima || set(j, "security.ima", e->ima, e->ima_len));
}

/* at: where the file lies; path: whose content and label it is. */
static void label_at(struct ready *r, const struct labeldump_entry *e, const char *at, const char *path)
{
	struct job j = { .r = r, .e = e, .fd = -1 };

	if (!paths_has(r->wanted, at) || file_open(r->root, at, &j.fd) < 0)
		return;
	if (proven(&j, path))
		*(write_both(&j) ? &r->written : &r->refused) += 1;
	clean_fd(&j.fd);
}

static void label_entry(struct ready *r, const struct labeldump_entry *e)
{
	char path[LABELDUMP_PATH_LEN], at[LABELDUMP_PATH_LEN + sizeof(NEW_SUFFIX)];

	if (!e->ima_len || path_real_in_root(r->root, e->path, path, sizeof(path)) < 0)
		return;
	(void)snprintf(at, sizeof(at), "%s" NEW_SUFFIX, path); /* there is room */
	label_at(r, e, path, path);
	label_at(r, e, at, path);
}

static enum outcome one_file(struct ready *r, const char *path, struct why *why)
{
	static struct labeldump_entry e;
	CLEAN_FREE char *text = NULL;
	struct labeldump d;
	const char *error;
	size_t len;
	int k = file_read(r->root, path, LABELDUMP_MAX, &text, &len);

	if (k < 0) {
		why_set(why, WHY_ERRNO, -k, "read", path);
		return OUTCOME_BROKEN;
	}
	d = (struct labeldump){ { text, text + len }, 0 };
	while (labeldump_next(&d, &e, &error))
		label_entry(r, &e);
	if (!error)
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, d.line, "read", path);
	why_detail(why, error);
	return OUTCOME_REFUSED;
}

enum outcome ready_write(struct ready *r, const char *dir, struct why *why)
{
	CLEAN_FREE char(*names)[256] = calloc(FILES_MAX, sizeof(*names));
	char path[LABELDUMP_PATH_LEN];
	enum outcome worst = OUTCOME_OK;
	int n = names ? dir_list(r->root, dir, LABELDUMP_SUFFIX, names, FILES_MAX) : -ENOMEM;

	r->written = r->refused = 0;
	if (n < 0 && n != -ENOENT) {
		why_set(why, WHY_ERRNO, -n, "list", dir);
		return OUTCOME_BROKEN;
	}
	for (int i = 0; i < n; i++) {
		enum outcome o;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		o = one_file(r, path, why);
		worst = o != OUTCOME_OK ? o : worst;
	}
	return n <= 0 ? OUTCOME_ABSENT : worst;
}
