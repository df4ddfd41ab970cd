#include "core/bank.h"

#include <string.h>

static const struct {
	uint16_t alg;
	uint8_t size;
	const char *name;
} algorithms[] = {
	{ BANK_SHA1, 20, "sha1" },         { BANK_SHA256, 32, "sha256" },     { BANK_SHA384, 48, "sha384" },
	{ BANK_SHA512, 64, "sha512" },     { BANK_SM3_256, 32, "sm3_256" },   { BANK_SHA3_256, 32, "sha3_256" },
	{ BANK_SHA3_384, 48, "sha3_384" }, { BANK_SHA3_512, 64, "sha3_512" },
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

size_t bank_size(uint16_t alg)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].alg == alg)
			return algorithms[i].size;
	return 0;
}

const char *bank_name(uint16_t alg)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].alg == alg)
			return algorithms[i].name;
	return "?";
}

uint16_t bank_from_name(const char *name)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (!strcmp(algorithms[i].name, name))
			return algorithms[i].alg;
	return 0;
}
