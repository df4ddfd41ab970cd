/* A real TPM implementation, swtpm, a new one for each test. */
#ifndef IMAGATE_TESTS_CHIP_H
#define IMAGATE_TESTS_CHIP_H

#include "test.h"

#include "base/clean.h"
#include "tpm/context.h"
#include "tpm/tpm.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define DEFAULT_PCRS ((struct pcr_selection){ PCR_BANK_SHA256, 0x95 })

struct chip {
	char dir[64], tcti[128];
	pid_t pid;
};

static bool appears(const char *dir, const char *name)
{
	CLEAN_FD fd = inotify_init1(IN_CLOEXEC);
	char path[128], events[4096];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (fd < 0 || inotify_add_watch(fd, dir, IN_CREATE) < 0)
		return false;
	while (access(path, F_OK) < 0)
		if (poll(&p, 1, 10000) <= 0 || read(fd, events, sizeof(events)) < 0)
			return false;
	return true;
}

static void chip_start(struct chip *c)
{
	char state[80], server[100], ctrl[120];

	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/imagate-tpm-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	(void)snprintf(state, sizeof(state), "dir=%s", c->dir);
	(void)snprintf(server, sizeof(server), "type=unixio,path=%s/s", c->dir);
	(void)snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/s.ctrl", c->dir);
	(void)snprintf(c->tcti, sizeof(c->tcti), "swtpm:path=%s/s", c->dir);
	c->pid = fork();
	if (c->pid == 0) {
		/* a test that fails leaves it behind otherwise, and with it whoever reads our output */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", ctrl,
		       "--flags", "not-need-init,startup-clear", (char *)NULL);
		_exit(127);
	}
	assert_true(c->pid > 0);
	assert_true(appears(c->dir, "s.ctrl") && appears(c->dir, "s"));
}

static inline void chip_stop(struct chip *c)
{
	char command[80];

	(void)kill(c->pid, SIGTERM);
	(void)waitpid(c->pid, NULL, 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", c->dir);
	assert_int_equal(system(command), 0);
}

static TSS2_RC extend_with(ESYS_CONTEXT *e, int pcr)
{
	const TPML_DIGEST_VALUES v = { .count = 1, .digests = { { .hashAlg = TPM2_ALG_SHA256, .digest.sha256 = { 1 } } } };

	return Esys_PCR_Extend(e, ESYS_TR_PCR0 + (ESYS_TR)pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &v);
}

static inline void extend(const struct chip *c, int pcr)
{
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *e = NULL;

	assert_int_equal(Tss2_TctiLdr_Initialize(c->tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	assert_int_equal(extend_with(e, pcr), 0);
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
}

/* What a firmware does. */
static inline void chip_boot(struct chip *c)
{
	chip_start(c);
	for (int i = 0; i < 8; i++)
		extend(c, i);
}

#define WITH_TPM(c, t, why) for (int with_once = (assert_int_equal(tpm_open((c)->tcti, 1, &(t), why), OUTCOME_OK), 1); with_once; with_once = (tpm_close(&(t)), 0))

/* What a firmware does at a reset: PCRs to zero, extended again; READ_STCLEAR ends. */
static inline void chip_reset(struct chip *c)
{
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *e = NULL;
	char command[160];

	assert_int_equal(Tss2_TctiLdr_Initialize(c->tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	assert_int_equal(Esys_Shutdown(e, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR), 0);
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
	(void)snprintf(command, sizeof(command), "swtpm_ioctl -i --unix %s/s.ctrl >/dev/null 2>&1", c->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(Tss2_TctiLdr_Initialize(c->tcti, &tcti), 0);
	assert_int_equal(Esys_Initialize(&e, tcti, NULL), 0);
	assert_int_equal(Esys_Startup(e, TPM2_SU_CLEAR), 0);
	Esys_Finalize(&e);
	Tss2_TctiLdr_Finalize(&tcti);
	for (int i = 0; i < 8; i++)
		extend(c, i);
}

#endif
