#include "tpm/context.h"

#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define DEVICE "/dev/tpmrm0"

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: a constant clock */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void tpm_tick(struct tpm *t)
{
	t->since_us = now_us();
}

TSS2_RC tpm_tock(struct tpm *t, TSS2_RC rc)
{
	t->busy_us += now_us() - t->since_us;
	return rc;
}

unsigned tpm_busy_ms(const struct tpm *t)
{
	return (unsigned)((t->busy_us + 500) / 1000);
}

void tpm_flush(struct tpm *t, ESYS_TR *handle)
{
	/* a failure leaves a handle to the resource manager, which drops it when we close */
	if (*handle != ESYS_TR_NONE)
		(void)TPM_CALL(t, Esys_FlushContext(t->esys, *handle));
	*handle = ESYS_TR_NONE;
}

enum outcome tpm_hash(struct tpm *t, const TPM2B_MAX_BUFFER *data, TPM2B_DIGEST *ret, struct why *why)
{
	TPM2B_DIGEST *digest = NULL;
	TSS2_RC rc = TPM_CALL(t, Esys_Hash(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, data, TPM2_ALG_SHA256,
	                                   ESYS_TR_RH_NULL, &digest, NULL));

	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(why, rc, "Esys_Hash", "");
	*ret = *digest;
	Esys_Free(digest);
	return OUTCOME_OK;
}

/* 0: it is there; -errno otherwise. The watch comes first: nothing slips between. */
static int wait_for_device(unsigned seconds)
{
	uint64_t end = now_us() + (uint64_t)seconds * 1000000, now;
	CLEAN_FD fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];

	if (fd < 0 || inotify_add_watch(fd, "/dev", IN_CREATE | IN_MOVED_TO) < 0)
		return -errno;
	while (access(DEVICE, F_OK) < 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		now = now_us();
		if (now >= end)
			return -ENOENT;
		if (poll(&p, 1, (int)((end - now + 999) / 1000)) < 0 && errno != EINTR)
			return -errno;
		while (read(fd, events, sizeof(events)) > 0)
			;
	}
	return 0;
}

static TSS2_RC open_device(struct tpm *t)
{
	size_t size;
	TSS2_RC rc = Tss2_Tcti_Device_Init(NULL, &size, NULL);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	t->tcti = calloc(1, size);
	if (!t->tcti)
		return TSS2_TCTI_RC_MEMORY;
	rc = Tss2_Tcti_Device_Init(t->tcti, &size, DEVICE);
	if (rc != TSS2_RC_SUCCESS) {
		free(t->tcti);
		t->tcti = NULL;
	}
	return rc;
}

static enum outcome open_tcti(struct tpm *t, const char *tcti, unsigned wait_seconds, struct why *why)
{
	TSS2_RC rc;
	int r;

	if (tcti && *tcti) {
		rc = Tss2_TctiLdr_Initialize(tcti, &t->tcti);
		t->tcti_loaded = rc == TSS2_RC_SUCCESS;
		if (t->tcti_loaded)
			return OUTCOME_OK;
		(void)tpm_failed(why, rc, "connect to", tcti);
		return OUTCOME_ABSENT;
	}
	r = wait_for_device(wait_seconds);
	if (r < 0) {
		why_set(why, WHY_ERRNO, -r, "wait for", DEVICE);
		why_detail(why, "no TPM 2.0 appeared");
		return r == -ENOENT ? OUTCOME_ABSENT : OUTCOME_BROKEN;
	}
	rc = open_device(t);
	return rc == TSS2_RC_SUCCESS ? OUTCOME_OK : tpm_failed(why, rc, "open", DEVICE);
}

enum outcome tpm_open(const char *tcti, unsigned wait_seconds, struct tpm **ret, struct why *why)
{
	struct tpm *t = calloc(1, sizeof(*t));
	enum outcome o;
	TSS2_RC rc;

	*ret = NULL;
	if (!t) {
		why_set(why, WHY_ERRNO, ENOMEM, "open", DEVICE);
		return OUTCOME_BROKEN;
	}
	t->srk = ESYS_TR_NONE;
	/* its own lines would be noise at the console: what matters goes into why */
	(void)setenv("TSS2_LOG", "all+none", 0);
	o = open_tcti(t, tcti, wait_seconds, why);
	if (o == OUTCOME_OK) {
		rc = TPM_CALL(t, Esys_Initialize(&t->esys, t->tcti, NULL));
		if (rc != TSS2_RC_SUCCESS)
			o = tpm_failed(why, rc, "Esys_Initialize", "");
	}
	if (o != OUTCOME_OK)
		tpm_close(&t);
	*ret = t;
	return o;
}

void tpm_close(struct tpm **ptr)
{
	struct tpm *t = *ptr;

	*ptr = NULL;
	if (!t)
		return;
	if (t->esys && t->srk_transient)
		tpm_flush(t, &t->srk);
	if (t->esys)
		Esys_Finalize(&t->esys);
	if (t->tcti && t->tcti_loaded)
		Tss2_TctiLdr_Finalize(&t->tcti);
	else if (t->tcti)
		Tss2_Tcti_Finalize(t->tcti);
	if (!t->tcti_loaded)
		free(t->tcti);
	free(t);
}
