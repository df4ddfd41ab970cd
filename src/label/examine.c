#include "label/examine.h"

#include "label/verity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TYPE_HMAC 2
#define TYPE_PORTABLE 5
#define TYPE_VERITY 6
#define SIGNATURE_HEADER 9
#define DIGEST_MAX 64
#define OVERLAY_MAGIC 0x794c7630

/* p NULL: not there. False: it could not be read. */
static bool get(int fd, const char *name, uint8_t *buf, struct xattr *ret)
{
	ssize_t n = fgetxattr(fd, name, buf, EXAMINE_XATTR_MAX);

	*ret = n >= 0 ? (struct xattr){ buf, (size_t)n } : (struct xattr){ NULL, 0 };
	return n >= 0 || errno == ENODATA || errno == EOPNOTSUPP;
}

static enum outcome unreadable(struct why *why, const char *what)
{
	why_set(why, WHY_ERRNO, errno, "read", what);
	return OUTCOME_BROKEN;
}

void examine_kernel(struct examine_about *a, const struct rule_kernel *k)
{
	a->hashes = k->hashes;
	a->hash_count = k->hash_count;
	a->creds_of_file = k->release >= KERNEL_RELEASE(6, 19);
}

static int hash_count(const struct examine_about *a)
{
	return a->hash_count ? a->hash_count : HASH_COUNT;
}

static bool kernel_has(const struct examine_about *a, int algo)
{
	return algo < hash_count(a) && (!a->hashes || (a->hashes >> algo & 1));
}

static enum proof prove_verity(struct examiner *e, int fd, const struct xattr *ima, struct evidence_file *ret)
{
	struct verity_digest d;
	uint8_t hash[DIGEST_MAX];
	size_t len;

	ret->no_verity = verity_measure(fd, &d) < 0;
	if (ret->no_verity || ima->len <= SIGNATURE_HEADER)
		return PROOF_BAD;
	if (!e->prover)
		return PROOF_NO_KEY;
	ret->algo = (uint8_t)d.algo;
	if (e->prover->bytes(e->prover->state, (struct xattr[]){ { d.id, sizeof(d.id) }, { d.bytes, d.len } }, 2, d.algo, hash, sizeof(hash),
	                     &len, NULL) != OUTCOME_OK)
		return PROOF_BAD;
	return e->prover->signature(e->prover->state, RING_IMA, ima, hash, len);
}

/* A hash label may say this digest, too: with a portable signature of EVM's it is as good as a signature. */
static void prove_hash_of_verity(int fd, const struct xattr *ima, struct evidence_file *ret)
{
	struct verity_digest d;

	ret->no_verity = verity_measure(fd, &d) < 0;
	ret->verity = (uint8_t)(ret->no_verity || !ima->len ? PROOF_BAD : appraise_content(ima, d.bytes, d.len));
}

static enum outcome prove_ima(struct examiner *e, int fd, const struct xattr *ima, struct evidence_file *ret,
                              struct why *why)
{
	struct appraise_needs needs = appraise_needs(ima, 0);
	uint8_t digest[DIGEST_MAX];
	size_t len;
	enum outcome o;

	ret->algo = (uint8_t)appraise_algo(ima, e->about->algo, hash_count(e->about));
	ret->no_algo = !kernel_has(e->about, ret->algo);
	ret->no_verity = 1;
	if (ima->len && ima->p[0] == TYPE_VERITY)
		ret->signature = (uint8_t)prove_verity(e, fd, ima, ret);
	else if (e->about->verity)
		prove_hash_of_verity(fd, ima, ret);
	if (!needs.digest || ret->no_algo)
		return OUTCOME_OK;
	o = !e->prover ? OUTCOME_ABSENT : e->prover->file(e->prover->state, fd, ret->algo, digest, sizeof(digest), &len, why);
	if (o == OUTCOME_ABSENT) {
		ret->content = (uint8_t)appraise_content(ima, NULL, hash_algo_size(ret->algo));
		ret->signature = PROOF_NO_KEY;
		return OUTCOME_OK;
	}
	if (o != OUTCOME_OK)
		return o;
	if (needs.signature)
		ret->signature = (uint8_t)e->prover->signature(e->prover->state, RING_IMA, ima, digest, len);
	else
		ret->content = (uint8_t)appraise_content(ima, digest, len);
	return OUTCOME_OK;
}

static enum proof prove_evm_signature(struct examiner *e, const struct evm_message *m, const struct xattr *evm)
{
	uint8_t digest[DIGEST_MAX];
	size_t len;

	if (evm->len <= SIGNATURE_HEADER || !kernel_has(e->about, evm->p[2]))
		return PROOF_BAD;
	if (!e->prover)
		return PROOF_NO_KEY;
	if (e->prover->bytes(e->prover->state, m->part, m->count, evm->p[2], digest, sizeof(digest), &len, NULL) != OUTCOME_OK)
		return PROOF_BAD;
	return e->prover->signature(e->prover->state, RING_EVM, evm, digest, len);
}

static enum outcome prove_evm(struct examiner *e, int fd, const struct inode *inode, struct evidence_file *ret,
                              struct why *why)
{
	struct evm_input in = { .mode = e->about->evm, .hmac_unsupported = inode->fs->magic == OVERLAY_MAGIC };
	const struct evm_inode about = { inode->ino, inode->generation, inode->uid, inode->gid, inode->mode, inode->fs->uuid };
	struct xattr values[EVM_XATTRS];
	struct evm_message m;

	if (in.mode == EVM_OFF) {
		ret->evm = EVM_STATUS_UNKNOWN;
		return OUTCOME_OK;
	}
	for (size_t i = 0; i < EVM_XATTRS; i++) {
		if (!get(fd, evm_xattr_at(i)->name, e->xattr[i], &values[i]))
			return unreadable(why, evm_xattr_at(i)->name);
		in.protected_xattrs |= values[i].p != NULL;
	}
	if (!get(fd, "security.evm", e->xattr[EVM_XATTRS], &in.evm))
		return unreadable(why, "security.evm");
	if (in.evm.len) {
		bool unknown = !inode->fs->has_uuid && in.evm.p[0] != TYPE_PORTABLE; /* a part of what is sealed */

		evm_message(values, &about, in.evm.p[0], &m);
		if (in.evm.p[0] != TYPE_HMAC)
			in.signature = unknown ? PROOF_NO_KEY : prove_evm_signature(e, &m, &in.evm);
		else if (in.evm.len == 1 + EVM_HMAC_LEN)
			in.hmac = unknown || !e->prover ? PROOF_NO_KEY
			          : e->prover->hmac(e->prover->state, m.part, m.count, in.evm.p + 1);
	}
	ret->evm = (uint8_t)evm_judge(&in);
	return OUTCOME_OK;
}

enum outcome examine_file(struct examiner *e, int fd, const char *name, const struct inode *inode, struct evidence_file *ret,
                          struct why *why)
{
	bool may_be_code = (inode->mode & 0111) || strstr(name, ".so");
	uint8_t label[EXAMINE_XATTR_MAX];
	struct xattr ima;
	ssize_t n = fgetxattr(fd, "security.ima", label, sizeof(label));
	enum outcome o;

	memset(ret, 0, sizeof(*ret));
	ret->no_xattrs = n < 0 && errno == EOPNOTSUPP;
	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return unreadable(why, "security.ima");
	ima = n > 0 ? (struct xattr){ label, (size_t)n } : (struct xattr){ NULL, 0 };
	ret->ima_len = (uint16_t)ima.len;
	if (ima.len)
		memcpy(ret->ima_head, label, ima.len < sizeof(ret->ima_head) ? ima.len : sizeof(ret->ima_head));
	/* where nothing else reads the content, a cold disk is spared, too */
	ret->is_elf = (may_be_code || ima.len) && inode_is_elf(fd);
	o = prove_ima(e, fd, &ima, ret, why);
	return o == OUTCOME_OK ? prove_evm(e, fd, inode, ret, why) : o;
}

void examine_judge(const struct examine_about *about, const struct match_file *file, const struct evidence_file *found,
                   const struct hook *hook, struct examine_verdict *ret)
{
	const struct match_cred run = match_cred_run(about->cred, file);
	bool by_file = hook->func == FUNC_CREDS_CHECK && about->creds_of_file;
	const struct match_event event = { hook->func, hook->mask, file, by_file ? &run : about->cred, NULL };
	struct match m;

	policy_match(about->rules, about->rules_count, &event, &m);
	*ret = (struct examine_verdict){
		.measured = m.measures, .appraised = m.appraises, .unsure = m.unsure, .measure_rule = m.measure, .rule = m.appraise,
	};
	if (m.appraises) {
		const struct appraise_input in = {
			.demands = m.demands, .algos = m.algos, .mask = hook->mask, .no_xattrs = found->no_xattrs,
			.ima = { found->ima_head, found->ima_len }, .evm = (enum evm_status)found->evm, .algo = found->algo,
			.no_algo = found->no_algo, .no_verity = found->no_verity, .content = (enum proof)found->content,
			.verity = (enum proof)found->verity, .signature = (enum proof)found->signature,
		};

		ret->state = appraise_judge(&in);
	}
}

static bool ends_in(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && !memcmp(path + n - m, end, m);
}

static bool is_module(const char *path)
{
	return strstr(path, "/lib/modules/") && (ends_in(path, ".ko") || ends_in(path, ".ko.xz") || ends_in(path, ".ko.zst") ||
	                                         ends_in(path, ".ko.gz"));
}

unsigned examine_scope(const char *path, const struct inode *inode, const struct evidence_file *found)
{
	unsigned bits = 0;

	for (unsigned i = 0; hook_at(i); i++) {
		const struct hook *h = hook_at(i);
		bool in;

		switch (h->func) {
		case FUNC_BPRM_CHECK:
		case FUNC_CREDS_CHECK: in = inode->mode & 0111; break;
		case FUNC_MMAP_CHECK:
		case FUNC_MMAP_CHECK_REQPROT: in = found->is_elf && !is_module(path); break;
		case FUNC_FILE_CHECK: in = h->mask == MASK_READ || (h->mask == MASK_EXEC && (inode->mode & 0111)); break;
		case FUNC_MODULE_CHECK: in = is_module(path); break;
		case FUNC_FIRMWARE_CHECK: in = strstr(path, "/lib/firmware/") != NULL; break;
		case FUNC_KEXEC_KERNEL_CHECK: in = strstr(path, "/boot/vmlinuz") != NULL; break;
		case FUNC_KEXEC_INITRAMFS_CHECK: in = strstr(path, "/boot/initrd") != NULL; break;
		default: in = false; break;
		}
		bits |= (unsigned)in << i;
	}
	return bits;
}
