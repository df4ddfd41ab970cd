#include "label/units.h"

#include "base/file.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_MAX (256 * 1024)
#define UNITS_MAX 1024
#define NAME_LEN 256

/* In systemd's order: the first that has a unit is the one that counts. */
static const char *const unit_dirs[] = {
	"/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
};
#define UNIT_DIRS (sizeof(unit_dirs) / sizeof(unit_dirs[0]))

static const char *const path_dirs[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

/* Where a boot begins; and what systemd starts without a unit asking for it. */
static const char *const first_units[] = {
	"default.target", "boot-complete.target", "sysinit.target", "basic.target", "systemd-fsck-root.service",
	"systemd-fsck@.service", "getty@.service", "serial-getty@.service", "imagate-bless.service",
	"systemd-udevd.service", "systemd-logind.service", "user@.service", "modprobe@.service",
};

struct units {
	int root;
	char (*name)[NAME_LEN]; /* each once, in the order in which they were found */
	size_t count;
	bool failed, found;
	units_program_fn program;
	void *arg;
};

static void add_unit(struct units *u, const char *name, size_t len)
{
	char copy[NAME_LEN];

	if (len == 0 || len >= NAME_LEN || memchr(name, '/', len))
		return;
	memcpy(copy, name, len);
	copy[len] = '\0';
	for (size_t i = 0; i < u->count; i++)
		if (!strcmp(u->name[i], copy))
			return;
	if (u->count == UNITS_MAX) {
		u->failed = true;
		return;
	}
	memcpy(u->name[u->count++], copy, len + 1);
}

/* "getty@tty1.service" -> "getty@.service"; false: no instance. */
static bool template_of(const char *name, char ret[static NAME_LEN])
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	if (!at || !dot || dot <= at + 1)
		return false;
	(void)snprintf(ret, NAME_LEN, "%.*s%s", (int)(at + 1 - name), name, dot); /* shorter than name */
	return true;
}

/* -- one unit --------------------------------------------------------------------------- */

static void program_by_name(struct units *u, const char *name)
{
	char path[PATH_MAX];

	if (*name == '/') {
		u->program(name, u->arg);
		return;
	}
	for (size_t i = 0; i < sizeof(path_dirs) / sizeof(path_dirs[0]); i++) {
		CLEAN_FD fd = -1;

		if (snprintf(path, sizeof(path), "%s/%s", path_dirs[i], name) < (int)sizeof(path) &&
		    file_open_in_root(u->root, path, &fd) == 0) {
			u->program(path, u->arg);
			return;
		}
	}
}

/* "-@/bin/x arg": the prefixes of systemd.service(5), then the program */
static void exec(struct units *u, const char *value, size_t len)
{
	struct text t = { value, value + len };
	char name[PATH_MAX];
	const char *word;
	size_t n;

	if (!text_word(&t, &word, &n))
		return;
	while (n && strchr("@-:+!|", *word)) {
		word++;
		n--;
	}
	if (n > 1 && *word == '"') {
		word++;
		n -= 1 + (word[n - 2] == '"');
	}
	/* a specifier is only known at run time */
	if (n == 0 || n >= sizeof(name) || memchr(word, '%', n))
		return;
	memcpy(name, word, n);
	name[n] = '\0';
	program_by_name(u, name);
}

static void words(struct units *u, const char *value, size_t len)
{
	struct text t = { value, value + len };
	const char *word;
	size_t n;

	while (text_word(&t, &word, &n))
		add_unit(u, word, n);
}

static void assignment(struct units *u, const char *line, size_t len)
{
	static const char *const pulls[] = { "Wants=", "Requires=", "Requisite=", "BindsTo=", "Upholds=", "Service=", "Sockets=",
		"Unit=", "OnFailure=" };

	for (size_t i = 0; i < sizeof(pulls) / sizeof(pulls[0]); i++)
		if (text_begins(line, len, pulls[i]))
			words(u, line + strlen(pulls[i]), len - strlen(pulls[i]));
	if (text_begins(line, len, "Exec")) {
		const char *equals = memchr(line, '=', len);

		if (equals)
			exec(u, equals + 1, (size_t)(line + len - equals - 1));
	}
}

/* A backslash at the end of a line joins the next one: in place, for the text is ours. */
static void join_lines(char *text)
{
	for (char *p = text; (p = strstr(p, "\\\n")) != NULL;)
		p[0] = p[1] = ' ';
}

static bool read_unit_file(struct units *u, const char *path)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FD fd = -1;
	struct text t;
	const char *line;
	size_t len;

	if (file_open_in_root(u->root, path, &fd) < 0 || file_read_fd(fd, UNIT_MAX, &text, &len) < 0)
		return false;
	join_lines(text);
	t = (struct text){ text, text + len };
	while (text_line(&t, &line, &len)) {
		text_trim(&line, &len);
		if (len && *line != '#' && *line != ';')
			assignment(u, line, len);
	}
	return true;
}

static DIR *open_dir(struct units *u, const char *path)
{
	int fd = -1;
	DIR *d = dir_open_in_root(u->root, path, &fd) < 0 ? NULL : fdopendir(fd); /* takes fd over */

	if (!d && fd >= 0) {
		clean_fd(&fd);
		u->failed = true;
	}
	return d;
}

/* Names in DIR/UNIT.SUFFIX. */
static void list_dir(struct units *u, const char *dir, const char *unit, const char *suffix, bool are_units)
{
	char path[PATH_MAX], file[PATH_MAX];
	CLEAN_DIR d = NULL;

	if (snprintf(path, sizeof(path), "%s/%s%s", dir, unit, suffix) < (int)sizeof(path))
		d = open_dir(u, path);
	for (const struct dirent *e; d && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		if (are_units)
			add_unit(u, e->d_name, strlen(e->d_name));
		else if (snprintf(file, sizeof(file), "%s/%s", path, e->d_name) < (int)sizeof(file))
			(void)read_unit_file(u, file); /* a drop-in that cannot be read adds nothing */
	}
}

static void read_unit(struct units *u, const char *name)
{
	char path[PATH_MAX], template[NAME_LEN];
	bool instance = template_of(name, template), found = false;

	for (size_t i = 0; i < UNIT_DIRS; i++) {
		list_dir(u, unit_dirs[i], name, ".wants", true);
		list_dir(u, unit_dirs[i], name, ".requires", true);
		list_dir(u, unit_dirs[i], name, ".d", false);
		if (instance)
			list_dir(u, unit_dirs[i], template, ".d", false);
		/* fits: constants and two names */
		(void)snprintf(path, sizeof(path), "%s/%s", unit_dirs[i], name);
		found = found || read_unit_file(u, path);
	}
	for (size_t i = 0; instance && !found && i < UNIT_DIRS; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", unit_dirs[i], template);
		found = read_unit_file(u, path);
	}
	u->found |= found;
}

/* A socket or a path starts the service of its name. */
static void add_activated(struct units *u, const char *name)
{
	static const char *const kinds[] = { ".socket", ".path" };
	size_t len = strlen(name);
	char service[NAME_LEN + 8];

	for (size_t i = 0; i < 2; i++) {
		size_t k = strlen(kinds[i]);

		if (len <= k || strcmp(name + len - k, kinds[i]) != 0)
			continue;
		(void)snprintf(service, sizeof(service), "%.*s.service", (int)(len - k), name); /* fits */
		add_unit(u, service, strlen(service));
		(void)snprintf(service, sizeof(service), "%.*s@.service", (int)(len - k), name);
		add_unit(u, service, strlen(service));
	}
}

/* -- what runs without a unit ------------------------------------------------------------ */

static bool begins_and_ends(const char *name, const char *begin, const char *in)
{
	return !strncmp(name, begin, strlen(begin)) && strstr(name + strlen(begin), in);
}

static void each_in(struct units *u, const char *dir, const char *begin, const char *in)
{
	char path[PATH_MAX];
	CLEAN_DIR d = open_dir(u, dir);

	for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && begins_and_ends(e->d_name, begin, in) &&
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path))
			u->program(path, u->arg);
}

static void plugins_in(struct units *u, const char *dir)
{
	char path[PATH_MAX];

	each_in(u, dir, "libnss_", ".so.2");
	if (snprintf(path, sizeof(path), "%s/security", dir) < (int)sizeof(path))
		each_in(u, path, "pam_", ".so");
}

/* Name service and login modules are opened by name at run time, in each directory of libraries. */
static void each_plugin(struct units *u)
{
	static const char *const dirs[] = { "/usr/lib", "/usr/lib64" };
	char path[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		CLEAN_DIR d = open_dir(u, dirs[i]);

		plugins_in(u, dirs[i]);
		for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
			if (strstr(e->d_name, "-linux-") &&
			    snprintf(path, sizeof(path), "%s/%s", dirs[i], e->d_name) < (int)sizeof(path))
				plugins_in(u, path);
	}
}

static void each_helper(struct units *u)
{
	static const char *const helpers[] = { "mount", "umount", "swapon", "fsck", "fsck.ext4", "fsck.xfs", "fsck.btrfs", "modprobe",
		"agetty", "login", "sulogin", "sh" };

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		program_by_name(u, helpers[i]);
	each_in(u, "/usr/lib/systemd/system-generators", "", "");
	each_in(u, "/usr/lib/systemd/system-environment-generators", "", "");
	each_in(u, "/etc/systemd/system-generators", "", "");
	each_plugin(u);
}

bool units_programs(int root, units_program_fn program, void *arg)
{
	struct units u = { .root = root, .program = program, .arg = arg };

	u.name = calloc(UNITS_MAX, sizeof(*u.name));
	if (!u.name)
		return false;
	for (size_t i = 0; i < sizeof(first_units) / sizeof(first_units[0]); i++)
		add_unit(&u, first_units[i], strlen(first_units[i]));
	for (size_t i = 0; i < u.count; i++) {
		read_unit(&u, u.name[i]);
		add_activated(&u, u.name[i]);
	}
	each_helper(&u);
	free(u.name);
	return u.found && !u.failed;
}
