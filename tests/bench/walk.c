/* The bare limit of looking at every file: threads that open, read, hash and read the two labels, and nothing
 * else; with LEN, they write a security.ima of so many bytes, too, in place of the signature that they do not make.
 * usage: walk DIR THREADS [LEN]; without directories below DIR, its files are shared out one by one */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static char **stack;
static size_t depth, room;
static unsigned busy;
static bool by_file;
static size_t label_len;
static _Atomic size_t files, bytes;

static void push(const char *dir)
{
	(void)pthread_mutex_lock(&lock);
	if (depth == room) {
		room = room ? room * 2 : 1024;
		stack = realloc(stack, room * sizeof(*stack));
	}
	stack[depth++] = strdup(dir);
	(void)pthread_cond_signal(&more);
	(void)pthread_mutex_unlock(&lock);
}

static void look(int dir, const char *name, EVP_MD_CTX *c, const EVP_MD *md, char *chunk)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unsigned char label[512], digest[64];
	ssize_t n;

	if (fd < 0)
		return;
	EVP_DigestInit_ex2(c, md, NULL);
	while ((n = read(fd, chunk, 1 << 18)) > 0) {
		EVP_DigestUpdate(c, chunk, (size_t)n);
		bytes += (size_t)n;
	}
	EVP_DigestFinal_ex(c, digest, NULL);
	(void)!fgetxattr(fd, "security.ima", label, sizeof(label));
	(void)!fgetxattr(fd, "security.evm", label, sizeof(label));
	memset(label, 3, sizeof(label)); /* EVM_IMA_XATTR_DIGSIG */
	if (label_len && fsetxattr(fd, "security.ima", label, label_len, 0) < 0)
		exit(1);
	(void)close(fd);
	files++;
}

/* DIR is a directory of large files: another thread takes the next. */
static bool flat(const char *dir)
{
	struct stat st;

	return stat(dir, &st) == 0 && st.st_nlink == 2;
}

static void walk(const char *path, EVP_MD_CTX *c, const EVP_MD *md, char *chunk)
{
	DIR *d = opendir(path);
	char sub[PATH_MAX];

	if (!d)
		look(AT_FDCWD, path, c, md, chunk);

	for (const struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.' && (!e->d_name[1] || (e->d_name[1] == '.' && !e->d_name[2])))
			continue;
		if (by_file && snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) < (int)sizeof(sub))
			push(sub);
		else if (e->d_type == DT_DIR && snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) < (int)sizeof(sub))
			push(sub);
		else if (e->d_type == DT_REG)
			look(dirfd(d), e->d_name, c, md, chunk);
	}
	if (d)
		(void)closedir(d);
}

static void *run(void *arg)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_MD *md = EVP_MD_fetch(NULL, "sha256", NULL);
	char *chunk = malloc(1 << 18);

	(void)arg;
	for (;;) {
		char *path = NULL;

		(void)pthread_mutex_lock(&lock);
		while (!depth && busy)
			(void)pthread_cond_wait(&more, &lock);
		if (depth) {
			path = stack[--depth];
			busy++;
		}
		(void)pthread_mutex_unlock(&lock);
		if (!path)
			break;
		walk(path, c, md, chunk);
		free(path);
		(void)pthread_mutex_lock(&lock);
		if (--busy == 0 && !depth)
			(void)pthread_cond_broadcast(&more);
		(void)pthread_mutex_unlock(&lock);
	}
	free(chunk);
	EVP_MD_free(md);
	EVP_MD_CTX_free(c);
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc == 3 || argc == 4 ? atoi(argv[2]) : 0;
	pthread_t t[64];

	label_len = argc == 4 ? (size_t)atoi(argv[3]) : 0;
	if (n < 1 || n > 64 || label_len > 512)
		return 2;
	by_file = flat(argv[1]);
	push(argv[1]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, run, NULL) != 0)
			return 1;
	for (int i = 0; i < n; i++)
		(void)pthread_join(t[i], NULL);
	printf("%zu files, %zu bytes\n", (size_t)files, (size_t)bytes);
	return 0;
}
