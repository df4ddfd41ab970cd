/* fs-verity on a file: a Merkle tree that the file system keeps beside the content and checks each page against as it
 * is read. Irreversible: such a file can never be written again, only replaced. */
#ifndef IMAGATE_LABEL_VERITY_H
#define IMAGATE_LABEL_VERITY_H

#include "label/inode.h"

#define VERITY_DIGEST_MAX 64
#define VERITY_REFUSED_LEN 128

/* Signed is the hash, by the same algorithm, of id and bytes in this order: the kernel's struct ima_file_id. */
struct verity_digest {
	int algo; /* HASH_SHA256 or HASH_SHA512 */
	uint8_t id[2];
	uint8_t bytes[VERITY_DIGEST_MAX];
	size_t len;
};

/* 0 or -errno; -ENODATA: the file has none, but could. */
int verity_measure(int fd, struct verity_digest *ret);
/* 0 or -errno; -EEXIST: it has it already. Content, times and owner stay. */
int verity_enable(int fd, int algo);

/* Why not this file, with the remedy where there is one. error: positive. */
const char *verity_reason(int error);
/* Is it the file system, for all its files? Then in words, as "on ..." */
bool verity_refused(int error, const struct inode *inode, char ret[static VERITY_REFUSED_LEN]);

#endif
