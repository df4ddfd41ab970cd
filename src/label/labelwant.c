#include "label/labeljob.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

ssize_t labeljob_get(int fd, const char *name, uint8_t buf[static EXAMINE_XATTR_MAX])
{
	ssize_t n = fgetxattr(fd, name, buf, EXAMINE_XATTR_MAX);

	return n < 0 && errno == ENODATA ? 0 : n;
}

/* No kernel takes it, or it is over other content, or by nobody whose key is there. */
static bool is_wrong(const struct worker *w, const struct job *j, const struct xattr *is)
{
	const struct prover *p = w->prover;
	uint8_t digest[LABELJOB_DIGEST_MAX];
	struct label l;
	size_t len;

	if (!p)
		return false;
	label_parse(is->p, is->len, &l);
	return l.kind != LABEL_SIGNATURE ||
	       (p->file(p->state, j->fd, l.algo, digest, sizeof(digest), &len, NULL) == OUTCOME_OK &&
	        p->signature(p->state, RING_IMA, is, digest, len) == PROOF_BAD);
}

enum outcome labelwant_ima(struct worker *w, struct job *j, const uint8_t *digest, size_t len, struct why *why)
{
	const uint8_t type = j->by_verity ? TYPE_VERITY : TYPE_SIGNATURE;
	const struct maker *m = w->maker;
	struct xattr is = { w->ima_is, 0 };
	ssize_t n = labeljob_get(j->fd, "security.ima", w->ima_is);
	size_t size;
	enum outcome o;

	if (n < 0) {
		why_set(why, WHY_ERRNO, errno, "read security.ima of", j->path);
		return OUTCOME_BROKEN;
	}
	is.len = (size_t)n;
	j->ima_was = is;
	if (m->signs[MAKER_IMA] ? is.len && is.p[0] == type && m->signed_by_us(m->state, MAKER_IMA, &is, digest, len)
	                        : j->by_verity || (is.len && is.p[0] == type && !is_wrong(w, j, &is))) {
		j->ima = is; /* where only hashes are asked for, somebody's signature is worth more; of fs-verity there are no others */
		return OUTCOME_OK;
	}
	if (m->signs[MAKER_IMA]) {
		o = m->sign(m->state, MAKER_IMA, type, digest, len, w->ima, &size, why);
		if (o != OUTCOME_OK)
			return o;
	} else {
		w->ima[0] = TYPE_DIGEST_NG;
		w->ima[1] = (uint8_t)m->algo;
		memcpy(w->ima + 2, digest, len);
		size = len + 2;
	}
	j->ima = (struct xattr){ w->ima, size };
	j->changed = is.len != size || memcmp(is.p, w->ima, size) != 0;
	return OUTCOME_OK;
}

/* The values that EVM's label is over, with security.ima as it is going to be. */
static bool values_of(struct worker *w, const struct job *j, struct xattr values[static EVM_XATTRS])
{
	for (size_t i = 0; i < EVM_XATTRS; i++) {
		const char *name = evm_xattr_at(i)->name;
		ssize_t n;

		if (!strcmp(name, "security.ima")) {
			values[i] = j->ima;
			continue;
		}
		n = labeljob_get(j->fd, name, w->is[i]);
		if (n < 0 && errno != EOPNOTSUPP)
			return false;
		values[i] = n > 0 ? (struct xattr){ w->is[i], (size_t)n } : (struct xattr){ NULL, 0 };
	}
	return true;
}

static enum outcome want_portable(struct worker *w, struct job *j, const struct evm_message *msg, const struct xattr *is,
                                  struct why *why)
{
	const struct maker *m = w->maker;
	uint8_t digest[LABELJOB_DIGEST_MAX];
	size_t len, size;
	enum outcome o = m->parts(m->state, msg->part, msg->count, digest, sizeof(digest), &len, why);

	if (o != OUTCOME_OK)
		return o;
	if (is->len && is->p[0] == TYPE_PORTABLE && m->signed_by_us(m->state, MAKER_EVM, is, digest, len)) {
		j->evm = *is;
		return OUTCOME_OK;
	}
	o = m->sign(m->state, MAKER_EVM, TYPE_PORTABLE, digest, len, w->evm, &size, why);
	j->evm = (struct xattr){ w->evm, size };
	return o;
}

enum outcome labelwant_evm(struct worker *w, struct job *j, bool *ret_changed, struct why *why)
{
	const struct maker *m = w->maker;
	const struct evm_inode about = { j->inode.ino, j->inode.generation, j->inode.uid, j->inode.gid, j->inode.mode, j->inode.fs->uuid };
	struct xattr values[EVM_XATTRS], is;
	struct evm_message msg;
	enum outcome o;
	ssize_t n;

	*ret_changed = false;
	if (!j->ima.len || (!m->signs[MAKER_EVM] && !m->macs))
		return OUTCOME_OK;
	if (!values_of(w, j, values) || (n = labeljob_get(j->fd, "security.evm", w->evm_is)) < 0) {
		why_set(why, WHY_ERRNO, errno, "read labels of", j->path);
		return OUTCOME_BROKEN;
	}
	is = (struct xattr){ w->evm_is, (size_t)n };
	evm_message(values, &about, m->signs[MAKER_EVM] ? TYPE_PORTABLE : TYPE_HMAC, &msg);
	if (m->signs[MAKER_EVM]) {
		o = want_portable(w, j, &msg, &is, why);
	} else {
		w->evm[0] = TYPE_HMAC;
		o = m->mac(m->state, msg.part, msg.count, w->evm + 1, why);
		j->evm = (struct xattr){ w->evm, 1 + EVM_HMAC_LEN };
	}
	*ret_changed = j->evm.len != is.len || (is.len && memcmp(j->evm.p, is.p, is.len) != 0);
	return o;
}
