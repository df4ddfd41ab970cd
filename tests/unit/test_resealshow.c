/* 'imagate reseal --show': each slot as it is in the seal; without a TPM, whether it fits is not said. */
#include "test.h"

#include "cli/reseal.h"
#include "tpm/tpm.h"

#include <string.h>

/* reseal.c's; nothing is read from a TPM here */
enum outcome reseal_digest(const uint8_t *values, size_t len, uint8_t ret[static 32], struct why *why)
{
	(void)values;
	(void)len;
	(void)ret;
	(void)why;
	fail();
	return OUTCOME_BROKEN;
}

static const char *string(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

static void test_json(void **state)
{
	static struct resealing r;
	struct seal_slot *s = r.a.seal.slot;
	struct json_object *list, *one;

	(void)state;
	r.a.seal.slots = 3;
	for (size_t i = 0; i < 3; i++)
		s[i] = (struct seal_slot){ .stage = STAGE_ENFORCE, .floor = STAGE_FIX, .cmdline_bound = true,
		                           .object = { .generation = 7, .pcr_digest_len = 32, .pcrs = { PCR_BANK_SHA256, 0x95 } } };
	s[0].values = (struct seal_values){ .mask = 1 << 4, .size = 32, .bytes = { 0xab } };
	s[1].object.approval.signature_len = 70;
	s[1].stage = STAGE_UNSET;
	s[2].object.pcrs.mask = 0;
	s[2].object.resets = 9;
	s[2].once = true;
	r.json = json_object_new_object();
	reseal_show(&r, NULL);
	list = json_object_object_get(r.json, "slots");
	assert_int_equal(json_object_array_length(list), 3);
	one = json_object_array_get_idx(list, 0);
	assert_string_equal(string(one, "kind"), "sealed");
	assert_string_equal(string(one, "stage"), "enforce");
	assert_string_equal(string(one, "floor"), "fix");
	assert_string_equal(string(one, "pcrs"), "sha256:0,2,4,7");
	assert_null(json_object_object_get(one, "fits")); /* null */
	assert_string_equal(string(json_object_object_get(one, "values"), "4"),
	                    "ab00000000000000000000000000000000000000000000000000000000000000");
	one = json_object_array_get_idx(list, 1);
	assert_string_equal(string(one, "kind"), "approved");
	assert_null(string(one, "stage"));
	one = json_object_array_get_idx(list, 2);
	assert_string_equal(string(one, "kind"), "suspended");
	assert_string_equal(string(one, "pcrs"), "");
	assert_true(json_object_get_boolean(json_object_object_get(one, "fits")));
	json_object_put(r.json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
