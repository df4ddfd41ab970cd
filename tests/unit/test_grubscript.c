/* GRUB's scripts: what Debian's GRUB ran by a grub.cfg of grub-mkconfig's, as it is in a real log, is what is read out of the script;
 * what it would run by another one; and what must be refused. */
#include "test.h"

#include "eventlogs.h"

#include "core/grubenv.h"
#include "core/grubscript.h"
#include "core/story.h"

#include <stdio.h>
#include <string.h>

static char bytes[4 << 20];
static struct grub_memory memory = { bytes, sizeof(bytes), 0 };

static const char *take(const char *p, size_t len)
{
	char *to = bytes + memory.used;

	memcpy(to, p, len);
	to[len] = '\0';
	memory.used += len + 1;
	return to;
}

/* The commands behind the last one that begins so. */
static void commands(const char *log, const char *behind, struct grub_commands *ret)
{
	static struct file file;
	struct eventlog l;
	struct eventlog_error error;
	struct event_cursor c;
	struct event e;
	bool cmdline;
	const char *s;
	size_t len;

	file_load(log, &file);
	assert_true(eventlog_open(file.bytes, file.len, &l, &error));
	event_begin(&c, &l);
	while (event_next(&c, &e)) {
		if (!event_grub_string(&e, &cmdline, &s, &len) || cmdline)
			continue;
		if (!strncmp(s, behind, strlen(behind)))
			ret->count = 0;
		else
			ret->line[ret->count++] = take(s, len);
	}
}

static void script(const char *name, struct grub_script *ret)
{
	static struct file file;

	file_load(name, &file);
	*ret = (struct grub_script){ take((const char *)file.bytes, file.len), file.len, "(hd1)/boot/grub", NULL };
}

static const char *env(const char *words)
{
	static char block[GRUBENV_LEN];

	memset(block, '#', sizeof(block));
	memcpy(block, "# GRUB Environment Block\n", 25);
	memcpy(block + 25, words, strlen(words));
	return block;
}

static void same(const struct grub_commands *a, const struct grub_commands *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		assert_string_equal(a->line[i], b->line[i]);
	assert_int_equal(a->count, b->count);
}

static bool has(const struct grub_commands *c, const char *begin)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strncmp(c->line[i], begin, strlen(begin)))
			return true;
	return false;
}

static void test_debian(void **state)
{
	static struct grub_commands ran, next;
	static struct grub_learned learned;
	struct grub_script s, other;
	const char *why = NULL;

	(void)state;
	memory.used = 0;
	commands("debian-shim.bin", "configfile ", &ran);
	assert_true(ran.count > 40);
	script("debian-shim.cfg", &s);
	if (!grub_learn(&memory, &s, &ran, &learned, &why))
		fail_msg("%s", why);
	assert_false(learned.by_hand);
	s.env = env("");
	if (!grub_foresee(&memory, &s, &learned, &next, &why))
		fail_msg("%s", why);
	same(&ran, &next);
	/* another kernel, and one entry of the menu more */
	script("debian-shim-next.cfg", &other);
	other.env = s.env;
	if (!grub_foresee(&memory, &other, &learned, &next, &why))
		fail_msg("%s", why);
	assert_true(has(&next, "linux /boot/vmlinuz-6.12.117+deb12-amd64 root=UUID="));
	assert_true(has(&next, "initrd /boot/initrd.img-6.12.117+deb12-amd64"));
	assert_true(has(&next, "menuentry UEFI Firmware Settings --id uefi-firmware {\n\tfwsetup\n}"));
	assert_int_equal(next.count, ran.count + 1);
	/* the other script is not what GRUB ran */
	assert_false(grub_learn(&memory, &other, &ran, &learned, &why));
	assert_non_null(strstr(why, "another command"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
