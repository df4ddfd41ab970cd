/* For tests/bench/catalogue: makes a catalogue of a given size, loads one as imagate does, and walks over its lines
 * as barely as can be. Prints seconds, entries, and the peak of resident memory in bytes. */
#include "base/clean.h"
#include "core/advice.h"
#include "core/catalogue.h"
#include "crypto/detached.h"
#include "label/cataloguefile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f)
		(void)fclose(f);
	return kib * 1024;
}

/* Paths as long as those of a Debian system: 60 bytes on average. */
static int make(const char *file, unsigned count)
{
	static char line[CATALOGUE_LINE_LEN];
	char path[128];
	FILE *f = fopen(file, "w");
	size_t n = catalogue_format_head("bench", 1, line, sizeof(line));
	uint64_t x = 88172645463325252u;

	if (!f)
		return 2;
	(void)fwrite(line, 1, n, f);
	for (unsigned i = 0; i < count; i++) {
		uint8_t digest[32];

		for (size_t b = 0; b < sizeof(digest); b++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			digest[b] = (uint8_t)(x >> 24);
		}
		(void)snprintf(path, sizeof(path), "/usr/lib/package-%05u/part-%u/component/module-%07u.so", i / 60, i / 20 % 3, i);
		n = catalogue_format(digest, path, line);
		(void)fwrite(line, 1, n, f);
	}
	return fclose(f) == 0 ? 0 : 3;
}

static int load(const char *file, const char *certificates)
{
	const struct detached_trust trust = { AT_FDCWD, certificates };
	const struct verifier v = detached_verifier(&trust);
	struct catalogue_file f;
	struct why why = { 0 };
	char text[512];
	double start = now();

	if (catalogue_file_load(AT_FDCWD, file, *certificates ? &v : NULL, &f, &why) == OUTCOME_OK) {
		(void)printf("%.4f %zu %ld\n", now() - start, f.catalogue.count, peak());
		catalogue_file_free(&f);
		return 0;
	}
	why_format(&why, text, sizeof(text));
	(void)fprintf(stderr, "%s\n", text);
	return 1;
}

static int bare(const char *file)
{
	double start = now();
	CLEAN_FD fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t count = 0;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0 || !(p = malloc((size_t)st.st_size)) || read(fd, p, (size_t)st.st_size) != st.st_size)
		return 2;
	for (const char *at = p, *end = p + st.st_size, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		count += newline - at > 66 && *at != '#' && at[64] == ' ';
	}
	(void)printf("%.4f %zu %ld\n", now() - start, count, peak());
	free(p);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "make"))
		return make(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "load"))
		return load(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "bare"))
		return bare(argv[2]);
	(void)fprintf(stderr, "usage: make FILE COUNT | load FILE CERTIFICATES | bare FILE\n");
	return 2;
}
