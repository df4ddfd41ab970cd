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
	*ret = (struct grub_script){ .text = take((const char *)file.bytes, file.len), .len = file.len, .prefix = "(hd1)/boot/grub" };
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

/* -- small ones ---------------------------------------------------------------------------------------- */

#define ENTRY "menuentry 'A' { linux /a; }\nmenuentry B --id b { linux /b $x; }\nsubmenu 'M > N' --id m { menuentry C { linux /c; }\nmenuentry D --id=d { linux /d; }\n}\n"

static bool run(const char *text, const char *words, struct grub_commands *ret, const char **ret_why)
{
	static struct grub_learned none;
	const struct grub_script s = { .text = text, .len = strlen(text), .prefix = "(hd1)/boot/grub", .env = words ? env(words) : NULL };

	*ret_why = NULL;
	memory.used = 0;
	return grub_foresee(&memory, &s, &none, ret, ret_why);
}

/* The last command, or why not. */
static void ends(const char *text, const char *words, const char *want)
{
	static struct grub_commands c;
	const char *why, *got;

	got = run(text, words, &c, &why) ? c.line[c.count - 1] : why;
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("%s\ngives: %s\nwant: %s", text, got, want);
}

static void test_menu(void **state)
{
	(void)state;
	ends(ENTRY, NULL, "linux /a");
	ends("set default=1\nset x='1 2'\n" ENTRY, NULL, "linux /b 1 2");
	ends("set default=b\n" ENTRY, NULL, "linux /b");
	ends("set default=7\n" ENTRY, NULL, "linux /a");
	ends("set default='m>1'\n" ENTRY, NULL, "linux /d");
	ends("set default='M >> N>d'\n" ENTRY, NULL, "linux /d");
	ends("set default='m>C'\n" ENTRY, NULL, "linux /c");
	ends("set default=m\n" ENTRY, NULL, "linux /c");
	ends("load_env\nset default=\"${saved_entry}\"\n" ENTRY, "saved_entry=b\n", "linux /b");
	ends("load_env\nif [ \"${next_entry}\" ]; then set default=\"${next_entry}\"; fi\n" ENTRY, "next_entry=1\n", "linux /b");
	ends("function f { set default=$1\n}\nf b\n" ENTRY, NULL, "linux /b");
	ends("if [ a = b ]; then set default=0; elif [ -n '' -o ! -z '' ]; then set default=0; else set default=b; fi\n" ENTRY, NULL, "linux /b");
}

static void test_refused(void **state)
{
	(void)state;
	ends("if loadfont unicode; then set default=1; fi\n" ENTRY, NULL, "whether this succeeds is known to GRUB alone: loadfont unicode");
	ends("set default=$grub_cpu\n" ENTRY, NULL, "what this variable is is known to GRUB alone: grub_cpu");
	ends("load_env\n" ENTRY, NULL, "GRUB's environment block cannot be read");
	ends("load_env -f /other\n" ENTRY, "", "load_env of something else");
	ends("source /other.cfg\n" ENTRY, NULL, "what this command does is not known: source /other.cfg");
	ends("while true; do echo; done\n" ENTRY, NULL, "this is not understood: while");
	ends("set x=/boot/*\n" ENTRY, NULL, "a word that is not understood: x=/boot/*");
	ends("set x='a\n" ENTRY, NULL, "what comes behind this command is not understood: set");
	ends("if [ a = a ]; then echo\n", NULL, "an if without fi");
	ends("menuentry A { echo\n", NULL, "a block that does not end");
	ends("echo\n", NULL, "the menu is empty");
	ends("menuentry A --new-option x { linux /a; }\n", NULL, "a menu entry's option that is not known: --new-option");
	ends("! true\n" ENTRY, NULL, "this is not understood: !");
}

/* What only GRUB knows is learned from what it ran. */
static void test_learned(void **state)
{
	static const char text[] = "if loadfont $font; then set a=$feature_x; else set a=no; fi\nfwsetup --is-supported\n"
	                           "if [ \"$?\" = 0 ]; then menuentry F { fwsetup\n}; fi\nmenuentry A $o 'id' { linux /a; }\nset default=id\n";
	static struct grub_commands ran = { 9, { "loadfont unicode", "set a=y", "fwsetup --is-supported", "[ 1 = 0 ]",
	                                         "menuentry A --id id { linux /a; }", "set default=id", "setparams A", "linux /a" } };
	static const char other[] = "font=unicode\nif loadfont unicode; then linux /font; fi\nfwsetup --is-supported\nif [ \"$?\" = 0 ]; then echo; fi\n"
	                            "set b=$feature_x\nmenuentry A { linux $b; }";
	static struct grub_learned learned;
	static struct grub_commands next;
	struct grub_script s = { .text = text, .len = sizeof(text) - 1, .prefix = "(hd1)/boot/grub" };
	const char *why = NULL;

	(void)state;
	memory.used = 0;
	ran.count = 8;
	if (!grub_learn(&memory, &s, &ran, &learned, &why))
		fail_msg("%s", why);
	s.text = other;
	s.len = sizeof(other) - 1;
	if (!grub_foresee(&memory, &s, &learned, &next, &why))
		fail_msg("%s", why);
	assert_string_equal(next.line[2], "linux /font");
	assert_string_equal(next.line[next.count - 1], "linux y");
	assert_true(has(&next, "[ 1 = 0 ]"));
	/* one command less, one more, another one: not explained */
	ran.count = 7;
	assert_false(grub_learn(&memory, &s, &ran, &learned, &why));
	s.text = text;
	s.len = sizeof(text) - 1;
	assert_false(grub_learn(&memory, &s, &ran, &learned, &why));
	assert_non_null(strstr(why, "fewer"));
	ran.count = 9;
	ran.line[8] = "boot";
	assert_false(grub_learn(&memory, &s, &ran, &learned, &why));
	assert_non_null(strstr(why, "more commands"));
}

/* Somebody took another entry at the menu. */
static void test_by_hand(void **state)
{
	static struct grub_commands ran = { 5, { "menuentry A { linux /a; }", "menuentry B { linux /b; }", "set default=0", "setparams B", "linux /b" } };
	static const char text[] = "menuentry A { linux /a; }\nmenuentry B { linux /b; }\nset default=0\n";
	static struct grub_learned learned;
	const struct grub_script s = { .text = text, .len = sizeof(text) - 1, .prefix = "(hd1)/boot/grub" };
	const char *why = NULL;

	(void)state;
	memory.used = 0;
	if (!grub_learn(&memory, &s, &ran, &learned, &why))
		fail_msg("%s", why);
	assert_true(learned.by_hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debian), cmocka_unit_test(test_menu), cmocka_unit_test(test_refused), cmocka_unit_test(test_learned),
		cmocka_unit_test(test_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
