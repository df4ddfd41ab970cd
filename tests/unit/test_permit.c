/* imagate permit: what becomes of the request that is there. */
#include "test.h"

#include "cli/asking.h"
#include "cli/evidence.h"
#include "cli/grubfile.h"
#include "cli/sealing.h"
#include "cli/verb.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

/* The request on the disk, and what it is for. */
static struct {
	bool there;
	enum stage permit, floor;
} request;

int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	assert_string_equal(path, "/etc/imagate/request");
	request.there = false;
	return 0;
}

int asking_store(enum stage permit, enum stage floor)
{
	request.there = true;
	request.permit = permit;
	request.floor = floor;
	return 0;
}

bool asking_pending(bool *ret_floor)
{
	*ret_floor = request.there && request.floor != STAGE_UNSET;
	return request.there;
}

bool evidence_record(struct record *r)
{
	memset(r, 0, sizeof(*r));
	r->evidence.key.floor = STAGE_AUDIT;
	return true;
}

int grubfile_read(const char *root, char ret[static GRUBENV_LEN])
{
	(void)root;
	(void)ret;
	return -ENOENT;
}

int grubfile_write(const char *root, const char block[static GRUBENV_LEN])
{
	(void)root;
	(void)block;
	return -ENOENT;
}

bool sealing_is_strict(void)
{
	return false;
}

int verb_help(const struct verb *v)
{
	(void)v;
	return -1;
}

int verb_usage(const struct verb *v)
{
	(void)v;
	return -1;
}

int verb_extra(const struct verb *v, const char *arg)
{
	(void)v;
	(void)arg;
	return -1;
}

static int permit(const char *arg)
{
	char *argv[] = { (char[]){ "permit" }, (char[16]){ 0 }, NULL };

	(void)snprintf(argv[1], 16, "%s", arg);
	optind = 0;
	return verb_permit.run(&verb_permit, 2, argv);
}

/* It takes back a permit, and never a rise of the floor, which nobody would ask for again. */
static void test_withdraw(void **state)
{
	(void)state;
	assert_int_equal(permit("fix"), 0);
	assert_true(request.there && request.permit == STAGE_FIX);
	assert_int_equal(permit("--withdraw"), 0);
	assert_true(request.there && request.permit == STAGE_UNSET && request.floor == STAGE_AUDIT);
	(void)asking_store(STAGE_UNSET, STAGE_ENFORCE); /* a trial was blessed */
	assert_int_equal(permit("--withdraw"), 0);
	assert_true(request.there && request.floor == STAGE_ENFORCE);
	request.there = false;
	assert_int_equal(permit("--withdraw"), 0);
	assert_true(request.there && request.floor == STAGE_AUDIT); /* copies of one that was there end */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_withdraw) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
