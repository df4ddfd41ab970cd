/* The next boot's PCRs, from a real machine's log and a tree of what it would boot: nothing changed, a variable, a boot
 * program, a file of GRUB's, a file that is gone. And what counts as changed where there is no log. */
#include "test.h"

#include "eventlogs.h"

#include "base/file.h"
#include "cli/approving.h"
#include "cli/esp.h"
#include "cli/foreseegrub.h"
#include "cli/grubtrace.h"
#include "core/efi.h"
#include "crypto/crypto.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STUB "/usr/lib/systemd/boot/efi/linuxx64.efi.stub" /* an EFI program that is at hand: systemd-boot-efi */
#define LOADER "esp/EFI/BOOT/BOOTX64.EFI"
#define MASK(n) (UINT32_C(1) << (n))
#define SEALED (MASK(0) | MASK(2) | MASK(4) | MASK(7))

struct world {
	char dir[64];
	int root;
	struct file log_file;
	struct eventlog log;
	struct pcr_values now;
};

static void make(const struct world *w, const char *path, const void *bytes, size_t len)
{
	char whole[512];
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", w->dir, path);
	for (char *p = whole + strlen(w->dir) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		(void)mkdir(whole, 0755);
	}
	f = fopen(whole, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void copy(const struct world *w, const char *from, const char *to)
{
	CLEAN_FREE char *bytes = NULL;
	size_t len;

	assert_int_equal(file_read(AT_FDCWD, from, 1 << 24, &bytes, &len), 0);
	make(w, to, bytes, len);
}

/* As efivarfs shows them: attributes, then the data; one that is empty is not there. */
static void make_variables(const struct world *w)
{
	struct event_cursor c;
	struct event e;

	event_begin(&c, &w->log);
	while (event_next(&c, &e)) {
		struct efi_variable v;
		char guid[EFI_GUID_TEXT], path[512], bytes[8192] = "\7";

		if (e.type != EV_EFI_VARIABLE_DRIVER_CONFIG || !efi_variable_parse(e.data, e.len, &v) || v.len == 0)
			continue;
		efi_guid_text(v.guid, guid);
		(void)snprintf(path, sizeof(path), "sys/firmware/efi/efivars/%s-%s", v.name, guid);
		assert_true(v.len + 4 <= sizeof(bytes));
		memcpy(bytes + 4, v.data, v.len);
		make(w, path, bytes, v.len + 4);
	}
}

/* A tree of what would be booted after this log. */
static void begin_with(struct world *w)
{
	static const char mounts[] = "/dev/vda / ext4 rw 0 0\n/dev/vdb1 /esp vfat rw 0 0\n";
	struct eventlog_error error;

	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/foresee-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_true(eventlog_open(w->log_file.bytes, w->log_file.len, &w->log, &error));
	assert_true(eventlog_replay(&w->log, BANK_SHA256, digest_hash, NULL, &w->now, &error));
	make(w, "proc/self/mounts", mounts, sizeof(mounts) - 1);
	copy(w, STUB, LOADER);
	make_variables(w);
	w->root = open(w->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->root >= 0);
}

static void begin(struct world *w)
{
	file_load("ovmf-grub.bin", &w->log_file);
	begin_with(w);
}

static void end(struct world *w)
{
	char command[96];

	(void)close(w->root);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
}

static void look(const struct world *w, uint32_t mask, struct foresight *ret)
{
	struct eventlog_error error;

	*ret = (struct foresight){ .root = w->root, .log = &w->log, .alg = BANK_SHA256, .mask = mask };
	assert_true(foresee(ret, &error));
}

/* Extended by hand: one record of this PCR has another digest. */
static void by_hand(const struct world *w, uint32_t pcr, unsigned number, const uint8_t digest[static 32], uint8_t ret[static 32])
{
	struct event_cursor c;
	struct event e;

	memset(ret, 0, 32);
	event_begin(&c, &w->log);
	while (event_next(&c, &e)) {
		const struct part parts[] = { { ret, 32 }, { e.number == number ? digest : event_digest(&e, BANK_SHA256), 32 } };

		if (e.pcr == pcr && event_extends(&e))
			assert_true(digest_hash(NULL, BANK_SHA256, parts, 2, ret));
	}
}

static void same(const struct world *w, const struct foresight *f, unsigned pcr)
{
	assert_memory_equal(f->prediction.values.value[pcr], w->now.value[pcr], 32);
}

static void test_program(void **state)
{
	static struct world w;
	struct foresight f;
	struct event e;
	CLEAN_FREE char *bytes = NULL;
	uint8_t digest[BANK_DIGEST_MAX], want[32];
	size_t len;

	(void)state;
	begin(&w);
	copy(&w, EVENTLOGS "ovmf-grub.cfg", "boot/grub/grub.cfg");
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, 0);
	same(&w, &f, 0);
	same(&w, &f, 2);
	same(&w, &f, 7);
	assert_true(predict_find_image(&w.log, "/EFI/BOOT/BOOTX64.EFI", 0, &e));
	assert_int_equal(foresee_read(&f, "/EFI/BOOT/BOOTX64.EFI", &bytes, &len), 0);
	assert_true(foresee_digest(&f, bytes, len, true, digest));
	by_hand(&w, 4, e.number, digest, want);
	assert_memory_equal(f.prediction.values.value[4], want, 32);
	assert_memory_not_equal(want, w.now.value[4], 32);
	assert_int_equal(f.said_count, 1);
	assert_non_null(strstr(f.said[0].words, "BOOTX64.EFI changed"));
	foresee_end(&f);
	end(&w);
}

static void test_gone(void **state)
{
	static struct world w;
	struct foresight f;
	char path[128];

	(void)state;
	begin(&w);
	make(&w, LOADER, "no program", 10);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, MASK(4));
	foresee_end(&f);
	(void)snprintf(path, sizeof(path), "%s/" LOADER, w.dir);
	assert_int_equal(unlink(path), 0);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, MASK(4));
	foresee_end(&f);
	end(&w);
}

static void test_variable(void **state)
{
	static struct world w;
	static struct file v;
	struct foresight f;
	struct event e;
	struct efi_variable old;
	char guid[EFI_GUID_TEXT], path[512];
	uint8_t digest[32], want[32];
	struct part part = { v.bytes, 0 };

	(void)state;
	begin(&w);
	assert_true(predict_find_variable(&w.log, 7, "SecureBoot", 0, &e) && efi_variable_parse(e.data, e.len, &old));
	efi_guid_text(old.guid, guid);
	(void)snprintf(path, sizeof(path), "sys/firmware/efi/efivars/SecureBoot-%s", guid);
	make(&w, path, "\6\0\0\0\1", 5);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, 0);
	/* the record with its last byte, which is the data, another */
	put(&v, e.data, e.len);
	assert_int_equal(old.len, 1);
	v.bytes[v.len - 1] = 1;
	part.len = v.len;
	assert_true(digest_hash(NULL, BANK_SHA256, &part, 1, digest));
	by_hand(&w, 7, e.number, digest, want);
	assert_memory_equal(f.prediction.values.value[7], want, 32);
	assert_memory_not_equal(want, w.now.value[7], 32);
	foresee_end(&f);
	/* nobody mounted efivarfs: nothing is known of them */
	(void)snprintf(path, sizeof(path), "rm -rf %s/sys", w.dir);
	assert_int_equal(system(path), 0);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, MASK(7));
	foresee_end(&f);
	end(&w);
}

#define UKI "esp/EFI/Linux/debian.efi"
#define PAYLOAD "/usr/lib/systemd/boot/efi/systemd-bootx64.efi" /* stands for a kernel: an EFI program, too */

/* As dracut makes it. */
static void make_uki(const struct world *w, const char *payload)
{
	char command[1024];

	make(w, "cmdline", "root=/dev/vda ro other", 23); /* with its NUL */
	make(w, UKI, "", 0);
	(void)snprintf(command, sizeof(command), "objcopy --add-section .osrel=%s/cmdline --change-section-vma .osrel=0x20000 "
	               "--add-section .cmdline=%s/cmdline --change-section-vma .cmdline=0x30000 --add-section .linux=%s "
	               "--change-section-vma .linux=0x2000000 " STUB " %s/" UKI, w->dir, w->dir, payload, w->dir);
	assert_int_equal(system(command), 0);
}

/* Extended with the digests of what lies there. */
static void extended_by_file(uint8_t pcr[static 32], const struct foresight *f, const char *path)
{
	CLEAN_FREE char *bytes = NULL;
	uint8_t digest[BANK_DIGEST_MAX];
	const struct part parts[] = { { pcr, 32 }, { digest, 32 } };
	size_t len;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 24, &bytes, &len), 0);
	assert_true(foresee_digest(f, bytes, len, true, digest));
	assert_true(digest_hash(NULL, BANK_SHA256, parts, 2, pcr));
}

/* Another image, and the kernel in it: two records change, and the command line is the image's. */
static void test_uki(void **state)
{
	static struct world w;
	struct foresight f;
	char path[256];
	uint8_t want[32] = { 0 };

	(void)state;
	w.log_file.len = 0;
	put_header(&w.log_file);
	put_image(&w.log_file, "\\EFI\\Linux\\debian.efi", "uki");
	put_plain(&w.log_file, 11, EV_IPL, ".\0l\0i\0n\0u\0x\0\0", 14);
	put_payload(&w.log_file);
	put_plain(&w.log_file, 9, EV_EVENT_TAG, "\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd", 21);
	begin_with(&w);
	make_uki(&w, PAYLOAD);
	look(&w, SEALED | MASK(12) | MASK(13), &f);
	assert_int_equal(f.blocked, 0);
	assert_int_equal(f.count, 2);
	assert_string_equal(f.next_cmdline, "root=/dev/vda ro other");
	(void)snprintf(path, sizeof(path), "%s/" UKI, w.dir);
	extended_by_file(want, &f, path);
	extended_by_file(want, &f, PAYLOAD);
	assert_memory_equal(f.prediction.values.value[4], want, 32);
	same(&w, &f, 12);
	foresee_end(&f);
	/* what the stub will measure of its sections depends on its version; the kernel measures what the stub hands to it */
	look(&w, SEALED | MASK(9) | MASK(11), &f);
	assert_int_equal(f.blocked, MASK(9) | MASK(11));
	foresee_end(&f);
	look(&w, MASK(9), &f);
	assert_int_equal(f.blocked, MASK(9));
	foresee_end(&f);
	/* no kernel can be measured in it: none is foreseen */
	(void)snprintf(path, sizeof(path), "%s/cmdline", w.dir);
	make_uki(&w, path);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked, MASK(4));
	foresee_end(&f);
	copy(&w, STUB, UKI);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked, MASK(4));
	foresee_end(&f);
	end(&w);
	/* and where there was none */
	begin(&w);
	make_uki(&w, PAYLOAD);
	(void)snprintf(path, sizeof(path), "mv %s/" UKI " %s/" LOADER, w.dir, w.dir);
	assert_int_equal(system(path), 0);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, MASK(4));
	foresee_end(&f);
	end(&w);
}

/* The value that the machine had: "sha256 8 ..." */
static void is_in(const struct foresight *f, const char *pcrs, unsigned pcr)
{
	static struct file file;
	char want[16 + 2 * 32], *p = want + sprintf(want, "sha256 %u ", pcr);

	for (size_t i = 0; i < 32; i++)
		p += sprintf(p, "%02x", f->prediction.values.value[pcr][i]);
	file_load(pcrs, &file);
	file.bytes[file.len] = '\0';
	if (!strstr((const char *)file.bytes, want))
		fail_msg("not in %s: %s", pcrs, want);
}

static void test_grub(void **state)
{
	static const char kernel[] = "boot/vmlinuz-6.12.117+deb12-amd64", initrd[] = "boot/initrd.img-6.12.117+deb12-amd64";
	static struct world w;
	struct foresight f;

	(void)state;
	begin(&w);
	copy(&w, EVENTLOGS "ovmf-grub.cfg", "boot/grub/grub.cfg");
	look(&w, MASK(9), &f);
	assert_int_equal(f.blocked & MASK(9), MASK(9)); /* neither kernel nor initramfs is there */
	foresee_end(&f);
	make(&w, kernel, "another kernel", 14);
	make(&w, initrd, "another initramfs", 17);
	look(&w, MASK(8) | MASK(9), &f);
	assert_int_equal(f.blocked & (MASK(8) | MASK(9)), 0);
	same(&w, &f, 8);
	assert_memory_not_equal(f.prediction.values.value[9], w.now.value[9], 32);
	assert_int_equal(f.count, 2);
	foresee_end(&f);
	copy(&w, EVENTLOGS "ovmf-grub-next.cfg", "boot/grub/grub.cfg");
	look(&w, MASK(8), &f); /* what GRUB will do by it is not known */
	assert_int_equal(f.blocked & MASK(8), MASK(8));
	foresee_end(&f);
	look(&w, MASK(9), &f);
	assert_int_equal(f.blocked & MASK(9), MASK(9));
	foresee_end(&f);
	/* unless it is known what it did by the one before: then it is what the next boot of that machine was */
	copy(&w, EVENTLOGS "ovmf-grub.cfg", "var/lib/imagate/grub.cfg");
	look(&w, MASK(8), &f);
	assert_int_equal(f.blocked & MASK(8), 0);
	is_in(&f, "ovmf-grub-next.pcrs", 8);
	assert_non_null(strstr(f.next_cmdline, " imagate.stage=off audit=1"));
	foresee_end(&f);
	end(&w);
}

/* -- Debian's own chain: shim, GRUB by grub-mkconfig's grub.cfg, an environment block -------------------------------- */

#define ALL (SEALED | MASK(8) | MASK(9))

static void blocked_by(const struct foresight *f, uint32_t pcrs, const char *text)
{
	assert_int_equal(f->blocked & ALL, pcrs);
	for (size_t i = 0; i < f->said_count; i++)
		if (f->said[i].blocks && strstr(f->said[i].words, text))
			return;
	fail_msg("nobody says: %s", text);
}

static const char *block(const char *words)
{
	static char b[1025];

	memset(b, '#', 1024);
	memcpy(b, "# GRUB Environment Block\n", 25);
	memcpy(b + 25, words, strlen(words));
	return b;
}

/* As it was booted, but for the programs, which are not in the repository. */
static void debian(struct world *w)
{
	file_load("debian-shim.bin", &w->log_file);
	begin_with(w);
	copy(w, STUB, "esp/EFI/BOOT/grubx64.efi");
	make(w, "esp/EFI/debian/grub.cfg", "search --no-floppy --label imagate-root --set=root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n", 110);
	copy(w, EVENTLOGS "debian-shim.cfg", "boot/grub/grub.cfg");
	make(w, "boot/grub/grubenv", block(""), 1024);
	copy(w, STUB, "boot/vmlinuz-6.1.0-56-amd64");
	make(w, "boot/initrd.img-6.1.0-56-amd64", "initramfs", 9);
	copy(w, STUB, "boot/vmlinuz-6.12.117+deb12-amd64");
	make(w, "boot/initrd.img-6.12.117+deb12-amd64", "initramfs", 9);
}

/* PCR 4 by hand: each program is the stub now. */
static void all_are_the_stub(const struct world *w, const struct foresight *f)
{
	CLEAN_FREE char *bytes = NULL;
	uint8_t digest[BANK_DIGEST_MAX], want[32] = { 0 };
	struct event_cursor c;
	struct event e;
	size_t len;
	unsigned kernels = 0;

	assert_int_equal(file_read(AT_FDCWD, STUB, 1 << 24, &bytes, &len), 0);
	assert_true(foresee_digest(f, bytes, len, true, digest));
	event_begin(&c, &w->log);
	while (event_next(&c, &e)) {
		bool program = e.type == EV_EFI_BOOT_SERVICES_APPLICATION;
		const struct part parts[] = { { want, 32 }, { program ? digest : event_digest(&e, BANK_SHA256), 32 } };

		if (e.pcr != 4 || !event_extends(&e))
			continue;
		kernels += program;
		assert_true(digest_hash(NULL, BANK_SHA256, parts, 2, want));
	}
	assert_int_equal(kernels, 4); /* shim, GRUB, and the kernel twice */
	assert_memory_equal(f->prediction.values.value[4], want, 32);
}

static void test_debian(void **state)
{
	static struct world w;
	struct foresight f;

	(void)state;
	debian(&w);
	look(&w, ALL, &f);
	assert_int_equal(f.blocked & ALL, 0);
	all_are_the_stub(&w, &f);
	assert_null(f.next_cmdline);
	same(&w, &f, 8);
	foresee_end(&f);
	/* a file that GRUB asked for in vain: its script would lead elsewhere, although nothing else has changed */
	make(&w, "boot/grub/custom.cfg", "", 0);
	look(&w, ALL, &f);
	blocked_by(&f, MASK(4) | MASK(8) | MASK(9), "custom.cfg has come or gone");
	foresee_end(&f);
	assert_int_equal(unlinkat(w.root, "boot/grub/custom.cfg", 0), 0);
	/* another kernel in the menu: of what GRUB did by the one before nothing is kept */
	copy(&w, EVENTLOGS "debian-shim-next.cfg", "boot/grub/grub.cfg");
	look(&w, ALL, &f);
	blocked_by(&f, MASK(4) | MASK(8) | MASK(9), "no copy is left");
	foresee_end(&f);
	copy(&w, EVENTLOGS "debian-shim.cfg", "var/lib/imagate/grub.cfg");
	look(&w, ALL, &f);
	assert_int_equal(f.blocked & ALL, 0);
	all_are_the_stub(&w, &f);
	assert_non_null(strstr(f.next_cmdline, "/boot/vmlinuz-6.12.117+deb12-amd64 root=UUID="));
	foresee_end(&f);
	/* under the default binding GRUB's commands count for the kernel alone */
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, 0);
	all_are_the_stub(&w, &f);
	foresee_end(&f);
	make(&w, "boot/vmlinuz-6.12.117+deb12-amd64", "no program", 10);
	look(&w, SEALED, &f);
	assert_int_equal(f.blocked & SEALED, MASK(4));
	foresee_end(&f);
	end(&w);
}

static void test_environment(void **state)
{
	static struct world w;
	struct foresight f;

	(void)state;
	debian(&w);
	make(&w, "boot/grub/grubenv", block("imagate_stage=measure\n"), 1024);
	look(&w, MASK(8) | MASK(9), &f);
	assert_int_equal(f.blocked & ALL, 0);
	assert_non_null(strstr(f.next_cmdline, " imagate.stage=measure"));
	foresee_end(&f);
	/* once: GRUB takes it out of its block, after it has measured it */
	make(&w, "boot/grub/grubenv", block("imagate_stage=fix\nimagate_once=audit\n"), 1024);
	look(&w, MASK(8), &f);
	assert_int_equal(f.blocked & ALL, 0);
	assert_non_null(strstr(f.next_cmdline, " imagate.stage=audit ima_appraise=log"));
	foresee_end(&f);
	look(&w, MASK(9), &f);
	blocked_by(&f, MASK(9), "save_env imagate_once");
	foresee_end(&f);
	/* this entry leads to the script once more */
	make(&w, "boot/grub/grubenv", block("next_entry=imagate: another stage, this boot only\n"), 1024);
	look(&w, MASK(8), &f);
	blocked_by(&f, MASK(8), "what this command does is not known: configfile");
	foresee_end(&f);
	/* what GRUB asked for in vain */
	make(&w, "boot/grub/grubenv", block("imagate_stage=fix\n"), 1024);
	make(&w, "boot/grub/custom.cfg", "", 0);
	look(&w, MASK(8), &f);
	blocked_by(&f, MASK(8), "custom.cfg has come or gone");
	foresee_end(&f);
	end(&w);
}

/* A good boot keeps what GRUB read, and nothing else. */
static void test_keep(void **state)
{
	static struct world w;
	CLEAN_FREE char *bytes = NULL;
	size_t len;

	(void)state;
	debian(&w);
	make(&w, "var/lib/x", "", 0);
	copy(&w, EVENTLOGS "debian-shim-next.cfg", "boot/grub/grub.cfg");
	assert_int_equal(foresee_keep(w.root, &w.log, BANK_SHA256), 0);
	assert_false(file_exists(w.root, GRUB_KEPT));
	copy(&w, EVENTLOGS "debian-shim.cfg", "boot/grub/grub.cfg");
	assert_int_equal(foresee_keep(w.root, &w.log, BANK_SHA256), 0);
	assert_int_equal(file_read(w.root, GRUB_KEPT, 1 << 20, &bytes, &len), 0);
	assert_int_equal(len, 7464);
	end(&w);
}

/* -- without a log ---------------------------------------------------------------------------------- */

/* By grub.cfg alone. */
static void test_guess(void **state)
{
	static struct world w;
	char *line;

	(void)state;
	debian(&w);
	assert_null(grub_guess_cmdline(w.root)); /* was it GRUB at all? */
	make(&w, "proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/vda\n", 39);
	line = grub_guess_cmdline(w.root);
	assert_non_null(line);
	assert_string_equal(line, "/boot/vmlinuz-6.1.0-56-amd64 root=UUID=946b2b90-22b8-47cb-aa9f-414251a5cb02 ro console=ttyS0 systemd.show_status=0 "
	                    "lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor");
	free(line);
	make(&w, "boot/grub/grubenv", block("imagate_stage=enforce\n"), 1024);
	line = grub_guess_cmdline(w.root);
	assert_non_null(line);
	assert_non_null(strstr(line, " imagate.stage=enforce ima_appraise=enforce"));
	free(line);
	make(&w, "boot/grub/grub.cfg", "while true; do echo; done\n", 26);
	assert_null(grub_guess_cmdline(w.root));
	end(&w);
}

static void set_boot_time(const struct world *w, long long t)
{
	char text[96];

	make(w, "proc/stat", text, (size_t)snprintf(text, sizeof(text), "cpu 1 2\nbtime %lld\nprocesses 5\n", t));
}

static void test_esp(void **state)
{
	static struct world w;
	char words[256];

	(void)state;
	begin(&w);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_UNKNOWN); /* no time */
	set_boot_time(&w, time(NULL) + 3600);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_SAME);
	set_boot_time(&w, time(NULL) - 3600);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_CHANGED);
	assert_string_equal(words, "/esp/EFI/BOOT/BOOTX64.EFI");
	make(&w, "proc/self/mounts", "/dev/vda / ext4 rw 0 0\n", 23);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_UNKNOWN); /* no system partition */
	make(&w, "boot/grub/i386-pc/core.img", "grub", 4);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_CHANGED);
	set_boot_time(&w, time(NULL) + 3600);
	assert_int_equal(esp_changed(w.root, words, sizeof(words)), ESP_SAME);
	end(&w);
}

/* -- what a good boot drops ----------------------------------------------------------------------------- */

struct row {
	uint64_t generation;
	enum stage stage;
	char values; /* 'o' before the update, 'n' of now, 'l' later ones */
	bool approved, once, stays;
};

static void drops(const struct row *rows, size_t count)
{
	static struct seal s;
	uint8_t now[32];
	size_t left = 0;

	memset(now, 'n', sizeof(now));
	s.slots = count;
	for (size_t i = 0; i < count; i++) {
		struct seal_slot *x = &s.slot[i];

		*x = (struct seal_slot){ .stage = rows[i].stage, .once = rows[i].once };
		x->object.generation = rows[i].generation;
		x->object.pcr_digest_len = 32;
		memset(x->object.pcr_digest, rows[i].values, 32);
		x->object.approval.signature_len = rows[i].approved ? 70 : 0;
		x->object.counter = (uint32_t)i; /* to know it again */
	}
	(void)approving_superseded(&s, 7, STAGE_ENFORCE, false, now);
	for (size_t i = 0; i < count; i++)
		if (rows[i].stays) {
			assert_true(left < s.slots);
			assert_int_equal(s.slot[left++].object.counter, i);
		}
	assert_int_equal(s.slots, left);
}

static void test_superseded(void **state)
{
	(void)state;
	/* the update that was foreseen came: what was before goes, what is foreseen since stays */
	drops((const struct row[]){ { 7, STAGE_UNSET, 'o', 0, 0, 0 }, { 7, STAGE_UNSET, 'n', 1, 0, 1 }, { 7, STAGE_UNSET, 'l', 1, 0, 1 } }, 3);
	/* it was not booted yet */
	drops((const struct row[]){ { 7, STAGE_UNSET, 'n', 0, 0, 1 }, { 7, STAGE_UNSET, 'l', 1, 0, 1 } }, 2);
	/* none of them was used: nothing is known */
	drops((const struct row[]){ { 7, STAGE_UNSET, 'o', 0, 0, 1 }, { 7, STAGE_UNSET, 'l', 1, 0, 1 } }, 2);
	/* a second kernel's slot that somebody added by hand is no update */
	drops((const struct row[]){ { 7, STAGE_ENFORCE, 'o', 0, 0, 1 }, { 7, STAGE_ENFORCE, 'n', 0, 0, 1 } }, 2);
	/* another stage's, where one was foreseen for it, too; not before that */
	drops((const struct row[]){ { 7, STAGE_AUDIT, 'o', 0, 0, 0 }, { 7, STAGE_FIX, 'o', 0, 0, 1 }, { 7, STAGE_ENFORCE, 'o', 0, 0, 0 },
	                            { 7, STAGE_ENFORCE, 'n', 1, 0, 1 }, { 7, STAGE_AUDIT, 'l', 1, 0, 1 } }, 5);
	/* other stages' and permits stay; another generation's are dead */
	drops((const struct row[]){ { 7, STAGE_AUDIT, 'o', 0, 0, 1 }, { 7, STAGE_FIX, 'o', 0, 1, 1 }, { 6, STAGE_ENFORCE, 'o', 0, 0, 0 },
	                            { 7, STAGE_ENFORCE, 'o', 0, 0, 0 }, { 7, STAGE_ENFORCE, 'n', 1, 0, 1 } }, 5);
}

/* Each update approves one slot for each other stage: the one before it stays, for the way back, and no older one. */
static void test_thin(void **state)
{
	static struct approving a;

	(void)state;
	a.stage = STAGE_ENFORCE;
	a.seal.slots = 6;
	for (size_t i = 0; i < a.seal.slots; i++) {
		a.seal.slot[i] = (struct seal_slot){ .stage = i == 5 ? STAGE_ENFORCE : i == 4 ? STAGE_AUDIT : STAGE_FIX };
		a.seal.slot[i].object.counter = (uint32_t)i;
		a.seal.slot[i].object.approval.signature_len = i ? 70 : 0; /* the first was sealed */
	}
	approving_thin(&a, STAGE_FIX);
	assert_int_equal(a.seal.slots, 4);
	assert_int_equal(a.seal.slot[0].object.counter, 0);
	assert_int_equal(a.seal.slot[1].object.counter, 3);
	approving_thin(&a, STAGE_ENFORCE);
	approving_thin(&a, STAGE_AUDIT);
	assert_int_equal(a.seal.slots, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program), cmocka_unit_test(test_gone), cmocka_unit_test(test_variable), cmocka_unit_test(test_uki),
		cmocka_unit_test(test_grub), cmocka_unit_test(test_debian), cmocka_unit_test(test_environment), cmocka_unit_test(test_keep), cmocka_unit_test(test_esp), cmocka_unit_test(test_superseded),
		cmocka_unit_test(test_thin), cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
