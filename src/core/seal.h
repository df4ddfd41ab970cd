/* The seal: what `imagate seal` stores and the gate unseals, and the payload inside it.
 *
 * On disk (seal.pem) it is text: lines about the whole, then up to SEAL_SLOTS_MAX slots, each a
 * few lines and the TSS2 PRIVATE KEY block that other TPM tools read. One file, so that one
 * rename() replaces all of it:
 *
 *   Imagate-Seal: 2
 *   Srk-Name: <hex of the storage root key's TPM name>
 *   Key-Id: <hex of SHA-256 over "imagate key id" NUL and the master key>
 *   Evm-Key: default user:imagate-master 64 <hex>
 *   Recovery: <hex: the master key under the recovery key, AES-256-GCM: nonce 12, text 32, tag 16>
 *   Slot: stage=any floor=fix once=no
 *   Cmdline: <hex of the command line's digest, or "any">
 *   Pcr-Digest: <hex of the PCR digest that was sealed to>
 *   Pcr-Values: 0=<hex> 2=<hex> 4=<hex> 7=<hex>      so that it can be said which differs; may be missing
 *   Mac: <hex; over these lines and what the object is bound to, by who had the key or was allowed to approve>
 *   -----BEGIN TSS2 PRIVATE KEY-----
 *   ...
 *
 * Nothing in it is secret, and nothing in it is believed. A TPM will happily seal an attacker's
 * key to the same PCRs; so the Key-Id that counts is the one of the copy in the initramfs, and
 * what is unsealed must match it. What a slot says of itself only saves asking the TPM for a key
 * that could not be used: the payload repeats it, and the payload counts.
 *
 * Sources: ASN.1 of the TSS2 PEM form, draft-bottomley-tpm2-keys; sealed data OID
 * 2.23.133.10.1.5. Blob: kernel security/keys/encrypted-keys/encrypted.c. */
#ifndef IMAGATE_CORE_SEAL_H
#define IMAGATE_CORE_SEAL_H

#include "core/bank.h"
#include "core/pcr.h"
#include "core/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_FILE_MAX 65536
#define SEAL_SLOTS_LIVE 8 /* of one generation */
#define SEAL_SLOTS_MAX (2 * SEAL_SLOTS_LIVE) /* while it is being counted up, two may be there */
#define SEAL_PUBLIC_MAX 512  /* TPM2B_PUBLIC, marshalled */
#define SEAL_PRIVATE_MAX 512 /* TPM2B_PRIVATE, marshalled */
#define SEAL_DIGEST_MAX 64
#define SEAL_SIGNERS_MAX 3
#define SEAL_BRANCHES_MAX (1 + SEAL_SIGNERS_MAX)
#define SEAL_BRANCH_LEN 32
#define SEAL_REF_MAX 32
#define SEAL_SIGNATURE_MAX 520 /* RSA 4096 */
#define SEAL_MAC_LEN 32
#define SEAL_NAME_MAX 66      /* TPM name: algorithm (2) and digest */
#define EVM_BLOB_MAX 1024
#define MASTER_KEY_LEN 32
#define EVM_KEY_LEN 64
#define KEY_ID_LEN 32
#define KEY_ID_LABEL "imagate key id" /* its NUL is hashed, too */
#define RECOVERY_KEY_LEN 32
#define RECOVERY_WRAP_LEN (12 + MASTER_KEY_LEN + 16)
#define CMDLINE_DIGEST_LEN 32
#define ROOT_ID_LEN 20
#define COUNTER_AUTH_LEN 32
#define COUNTER_LABEL "imagate counter" /* what counting asks for: HMAC-SHA256(master key, this with its NUL) */
#define MASTER_KEY_NAME "imagate-master" /* kernel "user" key; the blob names it */
#define EVM_KEY_NAME "evm-key"           /* the kernel asks for this name: evm_crypto.c */

/* Who may approve other PCR values for an object that is sealed already: PolicyAuthorize. The bytes are the TPM's. */
struct seal_signer {
	uint8_t key[SEAL_PUBLIC_MAX]; /* TPM2B_PUBLIC, marshalled, size field included */
	size_t key_len;
	uint8_t ref[SEAL_REF_MAX]; /* policyRef: what it signs together with the policy */
	size_t ref_len;
};
struct seal_approval {
	struct seal_signer by;
	uint8_t signature[SEAL_SIGNATURE_MAX]; /* TPMT_SIGNATURE, marshalled */
	size_t signature_len;                  /* 0: none; the object itself is bound to the PCRs */
};

/* The TPM object and its policy, out of the PEM block, in this order:
 *   PolicyPCR(pcrs, pcr_digest)       where pcrs.mask is not 0
 *   PolicyCounterTimer(resetCount <= resets)   where resets is not 0: dead after that many resets, used or not
 *   PolicyAuthorize(approval)         where there is an approval
 *   PolicyOR(branch[])                where there are branches: PolicyPCR as it was sealed, and each signer's
 *   PolicyNV(counter == generation)   always: door and ratchet hold for approved values, too
 * Approving makes no new object: the same one once more, with other PCRs and a signature. */
struct seal_object {
	uint32_t parent; /* handle: 0x40000001 (owner: primary made transiently) or 0x81000001 */
	struct pcr_selection pcrs;
	uint8_t pcr_digest[SEAL_DIGEST_MAX]; /* what PolicyPCR compares */
	size_t pcr_digest_len;
	uint32_t resets;
	struct seal_approval approval;
	uint8_t branch[SEAL_BRANCHES_MAX][SEAL_BRANCH_LEN];
	size_t branches;     /* 0, or at least 2 */
	uint32_t counter;    /* NV index of the counter; never 0 */
	uint64_t generation; /* unseals only while the counter has this value */
	uint8_t public_part[SEAL_PUBLIC_MAX]; /* TPM2B_PUBLIC as in the PEM, size field included */
	size_t public_len;
	uint8_t private_part[SEAL_PRIVATE_MAX];
	size_t private_len;
};

/* The values that the digest is over. They decide nothing. */
#define SEAL_VALUES_MAX 768 /* all 24 of sha256 */
#define SEAL_VALUES_TEXT (2 * SEAL_VALUES_MAX + 24 * 4)
struct seal_values {
	uint32_t mask; /* bit n: that of PCR n is there; 0: they are not kept */
	size_t size;   /* of one */
	uint8_t bytes[SEAL_VALUES_MAX]; /* one after another, in order of number */
};

struct seal_slot {
	enum stage stage; /* only for this one; STAGE_UNSET: for any from the floor up */
	enum stage floor;
	bool once;        /* a permit: whoever uses it counts up, which kills it */
	bool cmdline_bound;
	uint8_t cmdline[CMDLINE_DIGEST_LEN];
	struct seal_values values;
	bool has_mac;
	uint8_t mac[SEAL_MAC_LEN];
	struct seal_object object;
};

struct seal {
	uint8_t srk_name[SEAL_NAME_MAX];
	size_t srk_name_len;
	uint8_t key_id[KEY_ID_LEN];
	char evm_blob[EVM_BLOB_MAX]; /* NUL-terminated, no newline */
	uint8_t recovery[RECOVERY_WRAP_LEN];
	struct seal_slot slot[SEAL_SLOTS_MAX];
	size_t slots;
};

/* Where the PEM blocks are in the text. */
struct seal_pem {
	size_t offset[SEAL_SLOTS_MAX], len[SEAL_SLOTS_MAX];
};

/* Everything but the objects into ret. Unknown lines, doubles, a missing one and a version
 * other than 2 are errors: *ret_line (from 1) and *ret_error (a constant, with remedy) say
 * which. */
bool seal_text_parse(const char *text, size_t len, struct seal *ret, struct seal_pem *ret_pem,
                     unsigned *ret_line, const char **ret_error);
/* The counterparts, NUL-terminated; 0 if it does not fit, else the length. */
size_t seal_head_format(const struct seal *s, char *ret, size_t size);
size_t seal_slot_format(const struct seal_slot *s, char *ret, size_t size);
/* What a slot's Mac is over: its lines and what its object is bound to. Under the slot key, which the master key
 * gives, where it was sealed; under the approval key where it was approved (slotmac.c of crypto). */
size_t seal_slot_signed(const struct seal_slot *s, char *ret, size_t size);
#define SEAL_SIGNED_MAX 512
#define SLOT_KEY_LABEL "imagate slot"
#define APPROVAL_MAC_LABEL "imagate approval mac"
#define APPROVAL_KEY_LABEL "imagate approval"
/* Two slots that a boot in one of them could use the other for: same stage, command line, PCRs and bounds. */
bool seal_slot_same(const struct seal_slot *a, const struct seal_slot *b);

/* False: they are too many to be kept, or not of one length; then ret is empty. */
bool seal_values_take(const struct pcr_selection *s, const uint8_t *values, size_t len, struct seal_values *ret);
const uint8_t *seal_values_of(const struct seal_values *v, unsigned pcr); /* NULL: it is not there */
/* What follows "Pcr-Values:". */
bool seal_values_parse(const char *p, size_t len, struct seal_values *ret);
size_t seal_values_format(const struct seal_values *v, char *ret, size_t size); /* 0: does not fit, or there are none */
/* Are they those that the object is sealed to? */
bool seal_values_belong(const struct seal_values *v, const struct seal_object *o, hash_fn hash, void *arg);

/* A copy of the event log of the boot that sealed, beside the seal: what changed since can be said. Public, believed by
 * nobody. */
#define SEAL_LOG_SUFFIX ".log"
#define SEAL_LOG_MAX (256u << 10)

/* Is it "default user:imagate-master 64 <hex>", with the hex length the kernel wants? */
bool evm_blob_valid(const char *blob);

/* The authenticated record and the master key: what is sealed, at most 128 bytes (TPM 2.0
 * Part 2, MAX_SYM_DATA). Numbers big-endian:
 *   0  4  magic "IMG\2"        16  4  policy epoch, zero: any
 *   4  8  generation           20 32  master key
 *  12  1  floor                52 24  zero
 *  13  1  stage                76 20  root identity, zero: not bound
 *  14  1  flags: 1 once        96 32  command line digest, zero: not bound
 *  15  1  zero */
#define PAYLOAD_LEN 128
struct seal_record {
	uint64_t generation;
	enum stage floor, stage;
	bool once;
	unsigned epoch; /* the lowest that a policy may have */
	uint8_t master[MASTER_KEY_LEN];
	uint8_t root[ROOT_ID_LEN];
	uint8_t cmdline[CMDLINE_DIGEST_LEN];
};
/* Secrets are in it: whoever has one wipes it. */
void payload_build(const struct seal_record *r, uint8_t ret[static PAYLOAD_LEN]);
/* False if it is none of this version, or a floor or stage is none. */
bool payload_parse(const uint8_t *payload, size_t len, struct seal_record *ret);

/* Which slots could be of use? Those for this stage, whose floor does not forbid it, whose
 * command line is this one (once the floor is enforce; cmdline NULL: whichever it is). Normal ones
 * first and the newest generation first, a permit only where no normal one will do: ret gets their places, the count is returned. */
size_t seal_candidates(const struct seal *s, enum stage stage, const uint8_t *cmdline,
                       size_t ret[static SEAL_SLOTS_MAX]);
/* The lowest floor that a normal slot of the newest generation names; STAGE_UNSET where there is none. */
enum stage seal_floor(const struct seal *s);
/* Each stage has a slot of its own: those of the newest generation say so. */
bool seal_is_strict(const struct seal *s);
/* Strict, and this stage, which uses the key, has no slot of the newest generation. */
bool seal_lacks(const struct seal *s, enum stage stage);

/* What the administrator of a verified system asks the next boot's gate for: /etc/imagate/request.
 *
 *   Imagate-Request: 1
 *   Generation: 7
 *   Permit: fix         once, this stage although the floor is above it; or
 *   Floor: enforce      raise the floor (or, with that of now: only count up), and
 *   Cmdline: <hex>      the command line's digest of the boot that asks: once the floor is enforce, only it gets the key
 *   Mac: <hex>
 *
 * Mac: HMAC-SHA256 over the lines above it, under the request key that the gate of the last verified
 * boot left to root: HMAC-SHA256(master key, REQUEST_LABEL NUL, generation as 8 bytes, big-endian). A
 * request dies with its generation, and whatever is done for it counts up. */
#define REQUEST_MAX 1024
#define REQUEST_LABEL "imagate request"
#define REQUEST_KEY_LEN 32
#define REQUEST_KEY_NAME "imagate-request" /* kernel "user" key of root: generation (8), key (32) */
struct request {
	uint64_t generation;
	enum stage permit, floor; /* STAGE_UNSET: not asked for */
	uint8_t cmdline[CMDLINE_DIGEST_LEN]; /* with floor */
	uint8_t mac[32];
	size_t signed_len;        /* of the text, that the Mac covers */
};
bool request_parse(const char *text, size_t len, struct request *ret, unsigned *ret_line, const char **ret_error);
/* Will the gate of the next boot see to it? One of another generation was done before the power was cut, or is dead. */
bool request_is_pending(const char *text, size_t len, uint64_t generation, struct request *ret);
/* The lines above the Mac; 0 if they do not fit. */
size_t request_format(const struct request *r, char *ret, size_t size);

/* Would the newest generation have a slot for this stage, were the command line another? */
bool seal_only_cmdline_differs(const struct seal *s, enum stage stage, const uint8_t cmdline[static CMDLINE_DIGEST_LEN]);

/* Hex, both cases on input, lower on output. hex_encode writes 2*len+1 bytes. */
void hex_encode(const uint8_t *bytes, size_t len, char *ret);
bool hex_decode(const char *hex, size_t hex_len, uint8_t *ret, size_t size, size_t *ret_len);

#endif
