#include "label/cataloguefile.h"

#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Zeroed, and not resident until it is touched. Of ordinary pages: huge ones take 20 ms less where memory is fresh,
 * and 200 more where it has to be compacted first. */
static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void catalogue_file_free(struct catalogue_file *f)
{
	if (f->text)
		(void)munmap(f->text, f->text_size); /* ours: cannot fail */
	if (f->index)
		(void)munmap(f->index, f->index_size);
	*f = (struct catalogue_file){ .text = NULL };
}

/* -- reading ------------------------------------------------------------------------------ */

static enum outcome failed(struct why *why, const char *operation, const char *path, int error)
{
	why_set(why, WHY_ERRNO, error, operation, path);
	return error == ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
}

/* len bytes and no more; errno. */
static int fill(int fd, char *p, size_t len)
{
	size_t done = 0;
	char more;

	while (done < len) {
		ssize_t n = read(fd, p + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EAGAIN; /* it shrank meanwhile */
		done += (size_t)n;
	}
	return read(fd, &more, 1) == 0 ? 0 : EAGAIN;
}

static enum outcome read_text(int root, const char *path, struct catalogue_file *f, struct why *why)
{
	CLEAN_FD fd = -1;
	struct stat st;
	int r = file_open(root, path, &fd);

	if (r < 0 || fstat(fd, &st) < 0)
		return failed(why, "open", path, r < 0 ? -r : errno);
	if ((uintmax_t)st.st_size > CATALOGUE_TEXT_MAX)
		return failed(why, "read", path, EFBIG);
	f->text_size = (size_t)st.st_size + 1; /* not 0 */
	f->text = memory(f->text_size);
	if (!f->text)
		return failed(why, "read", path, ENOMEM);
	r = fill(fd, f->text, (size_t)st.st_size);
	return r ? failed(why, "read", path, r) : OUTCOME_OK;
}

static enum outcome read_signature(int root, const char *path, char **ret, size_t *ret_len, struct why *why)
{
	char name[PATH_MAX];
	int r = snprintf(name, sizeof(name), "%s" CATALOGUE_SIGNATURE, path) < (int)sizeof(name)
	        ? file_read(root, name, CATALOGUE_SIGNATURE_MAX, ret, ret_len) : -ENAMETOOLONG;

	if (r == 0)
		return OUTCOME_OK;
	(void)failed(why, "read", name, -r);
	why_detail(why, "a catalogue without its signature proves nothing: 'imagate catalogue sign' makes it");
	return r == -ENOENT ? OUTCOME_REFUSED : OUTCOME_BROKEN;
}

/* -- verifying and parsing ---------------------------------------------------------------- */

struct job {
	const struct verifier *v;
	const char *path, *text;
	size_t len;
	char *signature;
	size_t signature_len;
	enum outcome outcome;
	struct why why;
};

static void *verify(void *arg)
{
	struct job *j = arg;

	j->outcome = j->v->detached(j->v->state, j->path, j->text, j->len, (const uint8_t *)j->signature, j->signature_len, &j->why);
	return NULL;
}

static enum outcome parse(const char *path, struct catalogue_file *f, struct why *why)
{
	size_t len = f->text_size - 1, room = catalogue_room(len), heads = catalogue_heads(len);
	struct catalogue_memory m = { .room = room, .heads = heads };
	struct catalogue_error error;

	f->index_size = (2 * room + heads) * sizeof(uint32_t);
	f->index = memory(f->index_size);
	if (!f->index)
		return failed(why, "parse", path, ENOMEM);
	m.line = f->index;
	m.next = m.line + room;
	m.head = m.next + room;
	if (catalogue_parse(f->text, len, &m, &f->catalogue, &error))
		return OUTCOME_OK;
	why_set(why, WHY_TEXT, error.line, "parse", path);
	why_detail(why, error.reason);
	return OUTCOME_REFUSED;
}

static enum outcome verify_and_parse(struct job *j, struct catalogue_file *f, struct why *why)
{
	enum outcome o;
	pthread_t thread;
	bool beside = pthread_create(&thread, NULL, verify, j) == 0;

	o = parse(j->path, f, why);
	if (beside)
		(void)pthread_join(thread, NULL); /* it is there, and joined once */
	else
		(void)verify(j);
	if (j->outcome != OUTCOME_OK && why) /* a forged text may be malformed in any way: the signature is what counts */
		*why = j->why;
	return j->outcome != OUTCOME_OK ? j->outcome : o;
}

static enum outcome load(int root, const char *path, const struct verifier *v, struct catalogue_file *f, struct why *why)
{
	enum outcome o = read_text(root, path, f, why);
	struct job j = { .v = v, .path = path, .text = f->text, .len = f->text_size - 1 };

	if (o != OUTCOME_OK)
		return o;
	if (!v)
		return parse(path, f, why);
	o = read_signature(root, path, &j.signature, &j.signature_len, why);
	if (o == OUTCOME_OK)
		o = verify_and_parse(&j, f, why);
	free(j.signature);
	return o;
}

enum outcome catalogue_file_load(int root, const char *path, const struct verifier *v, struct catalogue_file *ret,
                                 struct why *why)
{
	enum outcome o;

	*ret = (struct catalogue_file){ .text = NULL };
	o = load(root, path, v, ret, why);
	if (o != OUTCOME_OK)
		catalogue_file_free(ret);
	return o;
}
