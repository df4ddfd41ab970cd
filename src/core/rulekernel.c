#include "core/rule.h"

#include "core/label.h"

unsigned kernel_release_parse(const char *text)
{
	unsigned n[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		const char *from = text;

		for (; *text >= '0' && *text <= '9' && text - from < 4; text++)
			n[i] = n[i] * 10 + (unsigned)(*text - '0');
		if (text == from || n[i] > 255)
			return 0;
		if (i == 0 && *text++ != '.')
			return 0;
	}
	return KERNEL_RELEASE(n[0], n[1]);
}

#define ALGO(a) ((uint32_t)1 << HASH_##a)

void rule_kernel_debian(unsigned release, struct rule_kernel *ret)
{
	*ret = (struct rule_kernel){
		.release = release,
		.key_check = true,
		.lsm = RULE_LSM_APPARMOR,
		.algos = ALGO(MD5) | ALGO(SHA1) | ALGO(SHA224) | ALGO(SHA256),
		.hashes = ALGO(MD4) | ALGO(MD5) | ALGO(SHA1) | ALGO(RMD160) | ALGO(SHA256) | ALGO(SHA384) | ALGO(SHA512) |
		          ALGO(SHA224) | ALGO(WP256) | ALGO(WP384) | ALGO(WP512) | ALGO(STREEBOG256) | ALGO(STREEBOG512),
		.hash_count = release >= KERNEL_RELEASE(6, 7) ? HASH_COUNT : HASH_SHA3_256,
		.ecdsa = release >= KERNEL_RELEASE(6, 12), /* CONFIG_CRYPTO_ECDSA: unset in 6.1, y in 6.12 */
	};
	ret->p521 = ret->ecdsa; /* which came with 6.10 */
	if (release < KERNEL_RELEASE(5, 12))
		ret->hashes |= ALGO(RMD128) | ALGO(RMD256) | ALGO(RMD320) | ALGO(TGR128) | ALGO(TGR160) | ALGO(TGR192);
	if (release >= KERNEL_RELEASE(6, 7))
		ret->hashes |= ALGO(SHA3_256) | ALGO(SHA3_384) | ALGO(SHA3_512);
	/* CONFIG_CRYPTO_SHA512 and SHA3 in 6.1: m, m; in 6.12: y, y; in 7.2: y, m */
	if (release >= KERNEL_RELEASE(6, 12))
		ret->algos |= ALGO(SHA384) | ALGO(SHA512);
	if (release >= KERNEL_RELEASE(6, 12) && release < KERNEL_RELEASE(7, 0))
		ret->algos |= ALGO(SHA3_256) | ALGO(SHA3_384) | ALGO(SHA3_512);
}
