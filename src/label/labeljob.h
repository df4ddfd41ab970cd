/* A file that is being labelled, by one of the labeller's threads: what labeller.c and labelwant.c share. */
#ifndef IMAGATE_LABEL_LABELJOB_H
#define IMAGATE_LABEL_LABELJOB_H

#include "label/labeller.h"
#include "label/labelscope.h"
#include "label/walk.h"

#include <pthread.h>

#define LABELJOB_HEAD (64 * 1024)
#define LABELJOB_DIGEST_MAX 64
#define LABELJOB_LOCKS 16

/* linux/security/integrity/integrity.h, enum evm_ima_xattr_type */
enum { TYPE_HMAC = 2, TYPE_SIGNATURE = 3, TYPE_DIGEST_NG = 4, TYPE_PORTABLE = 5, TYPE_VERITY = 6 };

struct worker {
	struct labeller *l;
	struct walk **walk;
	const struct maker *maker;
	const struct prover *prover; /* NULL */
	struct inode_fs fs;
	struct labeller_bad *bad;
	size_t bad_count, bad_room;
	bool refused;            /* nothing of this kind can be written here */
	pthread_mutex_t *linked; /* LABELJOB_LOCKS: two names of one file are not labelled at the same time */
	uint8_t head[LABELJOB_HEAD];
	uint8_t ima[MAKER_LABEL_MAX], evm[MAKER_LABEL_MAX]; /* as they are to be */
	uint8_t is[EVM_XATTRS][EXAMINE_XATTR_MAX];          /* as they are, and these two: */
	uint8_t ima_is[EXAMINE_XATTR_MAX], evm_is[EXAMINE_XATTR_MAX];
};

struct job {
	int fd;
	const char *path;
	struct inode inode;
	size_t head_len;
	struct label_scope scope;
	struct xattr ima, evm; /* into the worker's buffers */
	bool verity;           /* it is to have fs-verity, and, since now or in a real run, */
	bool enabled;          /* has it */
	bool by_verity;        /* its label is over that digest, not over the content */
	bool labels;
	struct xattr ima_was;
	bool changed;
};

/* A label's value, or 0 where there is none; -1 and errno. */
ssize_t labeljob_get(int fd, const char *name, uint8_t buf[static EXAMINE_XATTR_MAX]);

/* What the labels are to be: j->ima, j->evm and whether they are others than those that are there. The digest is in hand: a
 * label that says it already stays, and a signature that proves it. */
enum outcome labelwant_ima(struct worker *w, struct job *j, const uint8_t *digest, size_t len, struct why *why);
/* After the other one. */
enum outcome labelwant_evm(struct worker *w, struct job *j, bool *ret_changed, struct why *why);

#endif
