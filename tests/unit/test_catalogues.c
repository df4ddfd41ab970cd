/* Catalogues as files: signed, forged, of another epoch, revoked; what a set of them proves. */
#include "certs.h"

#include "base/file.h"
#include "core/revoked.h"
#include "crypto/detached.h"
#include "gate/trusted.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>

static char dir_name[] = "/tmp/imagate-catalogues-XXXXXX";
static int dir = -1;
static const uint8_t id[4] = { 1, 2, 3, 4 };

static const char *at(const char *name)
{
	static char path[4][128];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir_name, name);
	return path[turn];
}

static void put(const char *name, const void *bytes, size_t len)
{
	assert_int_equal(file_write_atomic(dir, name, bytes, len, 0644), 0);
}

static void make_pair(const char *key_name, const char *cert_name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t der[4096];
	FILE *f = fopen(at(key_name), "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	put(cert_name, der, cert_make(key, id, sizeof(id), der, sizeof(der)));
	EVP_PKEY_free(key);
}

static void sign(const char *name, const char *text, const char *key, const char *cert)
{
	struct why why = { 0 };
	char beside[128];
	uint8_t *sig;
	size_t len;

	assert_int_equal(detached_sign(&(struct signer_wish){ at(key), at(cert), NULL }, text, strlen(text), &sig, &len, &why), OUTCOME_OK);
	(void)snprintf(beside, sizeof(beside), "%s.p7s", name);
	put(beside, sig, len);
	free(sig);
}

static void put_signed(const char *name, const char *text)
{
	put(name, text, strlen(text));
	sign(name, text, "good.key", "trust/good.der");
}

static void empty(const char *name)
{
	char command[160];

	(void)snprintf(command, sizeof(command), "rm -rf %s && mkdir %s", at(name), at(name));
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	empty("trust");
	empty("other");
	make_pair("good.key", "trust/good.der");
	make_pair("forger.key", "other/forger.der");
	return dir < 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	(void)close(dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir_name);
	return system(command);
}

#define D(c) c c c c c c c c c c c c c c c c
#define D1 D("1111")
#define D2 D("2222")
#define D3 D("3333")
#define HEAD(name, epoch) "# imagate-catalogue: 1\n# name: " name "\n# epoch: " epoch "\n"
#define BASE(epoch) HEAD("base", epoch) D1 "  /bin/a\n" D2 "  /bin/b\n"

static struct verifier verifier(void)
{
	static struct detached_trust trust;

	trust = (struct detached_trust){ dir, "trust" };
	return detached_verifier(&trust);
}

/* -- one file ------------------------------------------------------------------------------ */

static enum outcome load(const char *name, struct why *why)
{
	struct verifier v = verifier();
	struct catalogue_file f;
	enum outcome o;

	*why = (struct why){ 0 };
	o = catalogue_file_load(dir, name, &v, &f, why);
	if (o == OUTCOME_OK)
		assert_int_equal(f.catalogue.count, 2);
	else
		assert_true(!f.text && !f.index);
	assert_int_equal(o == OUTCOME_OK, why->domain == WHY_NONE);
	catalogue_file_free(&f);
	return o;
}

static void test_file(void **state)
{
	struct why why;
	char text[] = BASE("7");

	(void)state;
	assert_int_equal(load("c", &why), OUTCOME_ABSENT);
	put("c", text, strlen(text));
	assert_int_equal(load("c", &why), OUTCOME_REFUSED); /* not signed */
	sign("c", text, "forger.key", "other/forger.der");
	assert_int_equal(load("c", &why), OUTCOME_REFUSED);
	put_signed("c", text);
	assert_int_equal(load("c", &why), OUTCOME_OK);
	for (size_t i = 0; i < strlen(text); i++) { /* a bit of it */
		text[i] ^= 1;
		put("c", text, strlen(text));
		assert_int_equal(load("c", &why), OUTCOME_REFUSED);
		assert_true(strstr(why.detail, "changed since"));
		text[i] ^= 1;
	}
	put("c", text, strlen(text) - 78); /* a line less */
	assert_int_equal(load("c", &why), OUTCOME_REFUSED);
	put("c", "", 0);
	assert_int_equal(load("c", &why), OUTCOME_REFUSED);
	put("c.p7s", "x", 1);
	put("c", text, strlen(text));
	assert_int_equal(load("c", &why), OUTCOME_REFUSED);
	put("c.p7s", "", 0);
	assert_int_equal(load("c", &why), OUTCOME_REFUSED);
}

static const struct {
	const char *text;
	unsigned line;
} malformed[] = { /* and well signed */
	{ HEAD("base", "7") D1 "  /bin/b\n" D2 "  /bin/a\n", 5 },
	{ HEAD("base", "7") D1 "  /bin/a\n" D2 "  /bin/a\n", 5 },
	{ HEAD("base", "0"), 3 },
	{ "# imagate-revoked: 1\n# epoch: 1\n", 1 },
	{ "appraise func=BPRM_CHECK\n", 1 },
	{ "", 1 },
};

static void test_malformed(void **state)
{
	struct why why;

	(void)state;
	for (size_t i = 0; i < ROWS(malformed); i++) {
		put_signed("m", malformed[i].text);
		assert_int_equal(load("m", &why), OUTCOME_REFUSED);
		assert_int_equal(why.domain, WHY_TEXT);
		if (why.code != malformed[i].line)
			fail_msg("row %zu: line %ld", i, (long)why.code);
	}
	assert_int_equal(mkdirat(dir, "d", 0755), 0);
	assert_int_equal(load("d", &why), OUTCOME_BROKEN);
	assert_int_equal(symlinkat("c", dir, "l"), 0);
	assert_int_equal(load("l", &why), OUTCOME_BROKEN);
}

/* -- a set --------------------------------------------------------------------------------- */

static struct catalogues *set(enum outcome wanted, unsigned least)
{
	struct verifier v = verifier();
	const struct catalogues_about about = { dir, "set", &v, least };
	struct catalogues *c = NULL;
	struct why why = { 0 };
	enum outcome o = catalogues_load(&about, &c, &why);

	if (o != wanted)
		fail_msg("%s instead of %s: %s %s", outcome_name(o), outcome_name(wanted), why.subject, why.detail);
	return c;
}

/* As the configuration has it: catalogues below one root, certificates below another. */
static void test_trusted(void **state)
{
	CLEAN_FD root = -1;
	struct catalogues *c;
	struct config config;
	struct why why = { 0 };

	(void)state;
	empty("sysroot");
	assert_int_equal(mkdirat(dir, "sysroot/c", 0755), 0);
	put_signed("sysroot/c/base.catalogue", BASE("7"));
	root = openat(dir, "sysroot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&config);
	(void)snprintf(config.catalogues, sizeof(config.catalogues), "/c");
	(void)snprintf(config.x509_catalogue, sizeof(config.x509_catalogue), "/trust");
	assert_int_equal(trusted_catalogues(root, dir, &config, &c, &why), OUTCOME_OK);
	catalogues_free(&c);
	config.revoked = 1;
	assert_int_equal(trusted_catalogues(root, dir, &config, &c, &why), OUTCOME_REFUSED);
	catalogues_free(&c);
	config.revoked = 0;
	(void)snprintf(config.x509_catalogue, sizeof(config.x509_catalogue), "/other");
	assert_int_equal(trusted_catalogues(root, dir, &config, &c, &why), OUTCOME_ABSENT);
	catalogues_free(&c);
}

static enum outcome proves(const struct catalogues *c, const char *path, uint8_t byte)
{
	uint8_t digest[32];

	memset(digest, byte, sizeof(digest));
	return path ? catalogue_proves(c, path, digest) : catalogue_proves_content(c, digest);
}

static enum catalogue_state state_of(const struct catalogues *c, const char *file)
{
	for (size_t i = 0; i < catalogues_count(c); i++)
		if (!strcmp(catalogues_at(c, i)->file, file))
			return catalogues_at(c, i)->state;
	fail_msg("%s is not listed", file);
	return CATALOGUE_BAD;
}

static void expect_nothing(const struct catalogues *c)
{
	assert_int_equal(proves(c, "/bin/a", 0x11), OUTCOME_BLOCKED);
	assert_int_equal(proves(c, NULL, 0x11), OUTCOME_BLOCKED);
}

static void count_path(const char *path, void *arg)
{
	unsigned *n = arg;

	*n += *path == '/';
}

static void test_proves(void **state)
{
	uint8_t digest[32];
	unsigned paths = 0;
	struct catalogues *c;

	(void)state;
	expect_nothing(NULL);
	empty("set");
	put_signed("set/base.catalogue", BASE("7"));
	put_signed("set/more.catalogue", HEAD("more", "1") D3 "  /bin/a\n" D1 "  /opt/x\n");
	c = set(OUTCOME_OK, 0);
	assert_int_equal(proves(c, "/bin/a", 0x11), OUTCOME_OK);
	assert_int_equal(proves(c, "/bin/a", 0x33), OUTCOME_OK); /* by the other one */
	assert_int_equal(proves(c, "/bin/a", 0x22), OUTCOME_REFUSED);
	assert_int_equal(proves(c, "/bin/b", 0x22), OUTCOME_OK);
	assert_int_equal(proves(c, "/bin/c", 0x22), OUTCOME_ABSENT);
	assert_int_equal(proves(c, "bin/b", 0x22), OUTCOME_ABSENT);
	assert_int_equal(proves(c, "", 0x22), OUTCOME_ABSENT);
	assert_int_equal(proves(c, NULL, 0x22), OUTCOME_OK);
	assert_int_equal(proves(c, NULL, 0x44), OUTCOME_ABSENT);
	memset(digest, 0x11, sizeof(digest));
	catalogue_paths(c, digest, count_path, &paths);
	assert_int_equal(paths, 2);
	/* where /bin leads to /usr/bin, and nowhere else; another file of that directory is not meant */
	empty("usr");
	empty("usr/bin");
	assert_int_equal(catalogue_proves_at(c, dir, "/usr/bin/a", digest), OUTCOME_ABSENT);
	assert_int_equal(symlinkat("usr/bin", dir, "bin"), 0);
	assert_int_equal(catalogue_proves_at(c, dir, "/usr/bin/a", digest), OUTCOME_OK);
	assert_int_equal(catalogue_proves_at(c, dir, "/usr/bin/b", digest), OUTCOME_ABSENT);
	assert_int_equal(catalogue_proves_at(c, dir, "/bin/a", digest), OUTCOME_OK);
	assert_int_equal(unlinkat(dir, "bin", 0), 0);
	catalogues_free(&c);
	assert_null(c);
}

/* One that is forged, unsigned or malformed proves nothing, and the others still do. */
static void test_bad_one(void **state)
{
	struct catalogues *c;

	(void)state;
	empty("set");
	put_signed("set/base.catalogue", BASE("7"));
	put("set/forged.catalogue", BASE("9"), strlen(BASE("9")));
	sign("set/forged.catalogue", BASE("9"), "forger.key", "other/forger.der");
	put("set/unsigned.catalogue", HEAD("u", "1") D3 "  /u\n", strlen(HEAD("u", "1") D3 "  /u\n"));
	put("set/.hidden.catalogue", "", 0);
	put("set/base.txt", "", 0);
	c = set(OUTCOME_OK, 0);
	assert_int_equal(catalogues_count(c), 3);
	assert_int_equal(state_of(c, "base.catalogue"), CATALOGUE_ACTIVE); /* a forged epoch supersedes nothing */
	assert_int_equal(state_of(c, "forged.catalogue"), CATALOGUE_BAD);
	assert_int_equal(state_of(c, "unsigned.catalogue"), CATALOGUE_BAD);
	assert_int_equal(proves(c, "/bin/a", 0x11), OUTCOME_OK);
	assert_int_equal(proves(c, "/u", 0x33), OUTCOME_ABSENT);
	catalogues_free(&c);
	put("set/base.catalogue", "x", 1);
	c = set(OUTCOME_ABSENT, 0);
	expect_nothing(c);
	catalogues_free(&c);
}

/* Of one name the highest epoch counts, whatever the files are called; of equal ones the first. */
static void test_epochs(void **state)
{
	static const struct {
		unsigned epoch[3];
		int active;
	} orders[] = { { { 7, 8, 9 }, 2 }, { { 9, 8, 7 }, 0 }, { { 8, 9, 7 }, 1 }, { { 7, 9, 9 }, 1 } };
	static const char *const names[] = { "0.catalogue", "1.catalogue", "2.catalogue" };

	(void)state;
	for (size_t i = 0; i < ROWS(orders); i++) {
		struct catalogues *c;

		empty("set");
		for (int k = 0; k < 3; k++) {
			static const char *const digests[] = { D1, D2, D3 };
			char name[32], text[512];

			(void)snprintf(name, sizeof(name), "set/%s", names[k]);
			(void)snprintf(text, sizeof(text), HEAD("base", "%u") "%s  /bin/a\n", orders[i].epoch[k], digests[k]);
			put_signed(name, text);
		}
		c = set(OUTCOME_OK, 0);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(state_of(c, names[k]), k == orders[i].active ? CATALOGUE_ACTIVE : CATALOGUE_SUPERSEDED);
			assert_int_equal(proves(c, "/bin/a", (uint8_t)(0x11 * (k + 1))), k == orders[i].active ? OUTCOME_OK : OUTCOME_REFUSED);
			assert_int_equal(proves(c, NULL, (uint8_t)(0x11 * (k + 1))), k == orders[i].active ? OUTCOME_OK : OUTCOME_ABSENT);
		}
		catalogues_free(&c);
	}
}

static void put_list(const char *entries)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "# imagate-revoked: 1\n# epoch: 3\n%s", entries);
	put_signed("set/revoked", text);
}

static void test_revoked(void **state)
{
	struct catalogues *c;
	size_t digests;

	(void)state;
	empty("set");
	put_signed("set/base.catalogue", BASE("7"));
	put_signed("set/more.catalogue", HEAD("more", "1") D2 "  /opt/x\n");
	put_list("base 7\nmore 1\n");
	c = set(OUTCOME_OK, 3);
	assert_int_equal(proves(c, "/bin/a", 0x11), OUTCOME_OK);
	assert_int_equal(catalogues_revoked(c, &digests), 3);
	assert_int_equal(digests, 0);
	catalogues_free(&c);
	put_list(D3 "\nbase 8\n" D2 "\n" D("4444") "\n" D("0000") "\n");
	c = set(OUTCOME_OK, 0);
	assert_int_equal(state_of(c, "base.catalogue"), CATALOGUE_REVOKED);
	assert_int_equal(proves(c, "/bin/a", 0x11), OUTCOME_ABSENT);
	assert_int_equal(proves(c, "/opt/x", 0x22), OUTCOME_REFUSED);
	assert_int_equal(proves(c, NULL, 0x22), OUTCOME_REFUSED);
	assert_int_equal(proves(c, NULL, 0x33), OUTCOME_REFUSED);
	catalogues_free(&c);
	put_list("base 8\nmore 2\n");
	c = set(OUTCOME_ABSENT, 0);
	expect_nothing(c);
	catalogues_free(&c);
}

/* Where nobody knows what the list said, nothing is proven. */
static void test_bad_list(void **state)
{
	static const char list[] = "# imagate-revoked: 1\n# epoch: 3\n";
	struct catalogues *c;

	(void)state;
	empty("set");
	put_signed("set/base.catalogue", BASE("7"));
	c = set(OUTCOME_REFUSED, 1); /* there must be one */
	expect_nothing(c);
	catalogues_free(&c);
	put("set/revoked", list, strlen(list));
	c = set(OUTCOME_REFUSED, 0); /* not signed */
	expect_nothing(c);
	catalogues_free(&c);
	sign("set/revoked", list, "forger.key", "other/forger.der");
	c = set(OUTCOME_REFUSED, 0);
	expect_nothing(c);
	catalogues_free(&c);
	put_signed("set/revoked", list);
	c = set(OUTCOME_OK, 3);
	catalogues_free(&c);
	c = set(OUTCOME_REFUSED, 4); /* an old one */
	expect_nothing(c);
	catalogues_free(&c);
	put_list("base\n");
	c = set(OUTCOME_REFUSED, 0);
	expect_nothing(c);
	catalogues_free(&c);
	put_signed("set/revoked", BASE("7")); /* signed for another purpose */
	c = set(OUTCOME_REFUSED, 0);
	expect_nothing(c);
	catalogues_free(&c);
	assert_int_equal(unlinkat(dir, "set/revoked", 0), 0); /* its signature is left */
	c = set(OUTCOME_REFUSED, 0);
	expect_nothing(c);
	catalogues_free(&c);
}

static void test_no_set(void **state)
{
	struct catalogues *c;

	(void)state;
	empty("set");
	assert_int_equal(unlinkat(dir, "set", AT_REMOVEDIR), 0);
	c = set(OUTCOME_ABSENT, 0);
	expect_nothing(c);
	catalogues_free(&c);
	c = set(OUTCOME_REFUSED, 1);
	expect_nothing(c);
	catalogues_free(&c);
	empty("set");
	c = set(OUTCOME_ABSENT, 0);
	catalogues_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_proves),
		cmocka_unit_test(test_bad_one),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_bad_list),
		cmocka_unit_test(test_no_set),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
