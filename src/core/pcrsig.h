/* Signed PCR policies: for which PCR values a key's owner lets a sealed object be opened. The file is systemd's
 * (systemd-measure(1), ukify(1); a UKI's .pcrsig section, /.extra/tpm2-pcr-signature.json of its initramfs):
 *
 *   {"sha256":[{"pcrs":[0,2,4,7],"pkfp":"<hex>","pol":"<hex>","sig":"<base64>"}]}
 *
 *   pcrs  in the bank that the array is named after
 *   pkfp  SHA-256 of the bare public key: RSAPublicKey of PKCS#1 in DER, or an EC point, uncompressed
 *   pol   the digest of a policy that is PolicyPCR for these values alone, SHA-256
 *   sig   over its bytes, SHA-256: RSA PKCS#1 v1.5; or ECDSA in DER, which systemd does not read
 *
 * What is imagate's beside these (systemd does not look at it):
 *
 *   imagate-epoch  a number from 1 on
 *   imagate-sig    the same over the bytes of pol and PCRSIG_REF with this number: a TPM policy's policyRef
 *
 * An object that is sealed to an epoch opens only for signatures of this epoch. Nothing here is believed: the TPM verifies.
 * Sources: systemd src/shared/tpm2-util.c (find_signature()), src/boot/measure.c, openssl-util.c (pubkey_fingerprint()); TPM 2.0 Part 3, 23.16 PolicyAuthorize. */
#ifndef IMAGATE_CORE_PCRSIG_H
#define IMAGATE_CORE_PCRSIG_H

#include "core/bank.h"
#include "core/pcr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCRSIG_FILE_MAX (256 * 1024)
#define PCRSIG_SIGNATURE_MAX 512 /* RSA 4096 */
#define PCRSIG_DIGEST_LEN 32
#define PCRSIG_EPOCH_MAX 999999
#define PCRSIG_REF "imagate epoch %u"
#define PCRSIG_REF_MAX 32

struct signature {
	uint8_t bytes[PCRSIG_SIGNATURE_MAX];
	size_t len; /* 0: none */
};
struct pcrsig {
	struct pcr_selection pcrs;
	uint8_t key[PCRSIG_DIGEST_LEN];
	uint8_t policy[PCRSIG_DIGEST_LEN];
	struct signature plain, epochal; /* one of them may be missing */
	unsigned epoch;                  /* of epochal; 0: none */
};
typedef void (*pcrsig_fn)(const struct pcrsig *s, void *arg);

/* Each entry of a bank that is known here, in order. Those without a signature are passed over. False: *ret_line and *ret_error
 * (a constant) say what is wrong; entries before it were told all the same. */
bool pcrsig_each(const char *text, size_t len, pcrsig_fn each, void *arg, unsigned *ret_line, const char **ret_error);

/* What epoch e is signed with; 0: nothing. NUL-terminated, the length is returned. */
size_t pcrsig_ref(unsigned epoch, char ret[static PCRSIG_REF_MAX]);

/* The digest of PolicyPCR alone, for these PCRs whose values, one after another, have this SHA-256 digest: Part 3, 23.7.
 * False: hash cannot. */
bool pcrsig_policy(const struct pcr_selection *pcrs, const uint8_t digest[static PCRSIG_DIGEST_LEN], hash_fn hash, void *arg,
                   uint8_t ret[static PCRSIG_DIGEST_LEN]);
/* The digest of PolicyAuthorize by the key of this name, for this epoch: Part 3, 23.16. False: hash cannot. */
#define PCRSIG_NAME_LEN (2 + PCRSIG_DIGEST_LEN)
bool pcrsig_branch(const uint8_t name[static PCRSIG_NAME_LEN], unsigned epoch, hash_fn hash, void *arg,
                   uint8_t ret[static PCRSIG_DIGEST_LEN]);

#endif
