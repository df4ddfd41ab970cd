#include "core/facts.h"

#include "core/text.h"

#include <string.h>

static bool digits(const char **p, unsigned *ret)
{
	unsigned n = 0;
	int count = 0;

	for (; **p >= '0' && **p <= '9' && count < 6; count++)
		n = n * 10 + (unsigned)(*(*p)++ - '0');
	*ret = n;
	return count > 0;
}

bool kernel_version_parse(const char *release, struct kernel_version *ret)
{
	struct kernel_version v = { 0 };

	if (!digits(&release, &v.major) || *release++ != '.' || !digits(&release, &v.minor))
		return false;
	if (*release == '.') {
		release++;
		(void)digits(&release, &v.patch); /* "6.12-rc3" has none: 0 */
	}
	*ret = v;
	return true;
}

bool kernel_version_below(const struct kernel_version *v, unsigned major, unsigned minor)
{
	return v->major < major || (v->major == major && v->minor < minor);
}

/* One name after another; false at the end. */
static bool next_name(const char **list, const char **ret, size_t *ret_len)
{
	size_t len;

	if (!*list)
		return false;
	len = strcspn(*list, ",");
	*ret = *list;
	*ret_len = len;
	*list = (*list)[len] ? *list + len + 1 : NULL;
	return true;
}

bool lsm_list_has(const char *list, const char *name)
{
	const char *word;
	size_t len;

	while (next_name(&list, &word, &len))
		if (text_is(word, len, name))
			return true;
	return false;
}

/* In kernels 5.7 (bpf LSM) to 6.5 security_inode_init_security() hands EVM the first xattr
 * slot if any hook answered 0. The bpf LSM's default does, and fills nothing in; SELinux
 * and Smack fill the name. 6.6 rebuilt the function. */
enum tri facts_hazard_bpf(const struct kernel_version *v, const char *lsm_list)
{
	if (v->major == 0)
		return TRI_UNKNOWN;
	if (kernel_version_below(v, 5, 7) || !kernel_version_below(v, 6, 6))
		return TRI_NO;
	if (*lsm_list == '\0')
		return TRI_UNKNOWN;
	if (!lsm_list_has(lsm_list, "bpf") || lsm_list_has(lsm_list, "selinux") ||
	    lsm_list_has(lsm_list, "smack"))
		return TRI_NO;
	return TRI_YES;
}

/* Before 6.9 IMA's inode cache is only made where "integrity" is in the LSM list. */
enum tri facts_hazard_integrity(const struct kernel_version *v, const char *cmdline_lsm)
{
	if (v->major == 0)
		return TRI_UNKNOWN;
	if (!kernel_version_below(v, 6, 9) || !cmdline_lsm)
		return TRI_NO;
	return lsm_list_has(cmdline_lsm, "integrity") ? TRI_NO : TRI_YES;
}

static bool append_name(char *ret, size_t size, size_t *used, const char *name, size_t len)
{
	if (*used + len + 2 > size)
		return false;
	if (*used)
		ret[(*used)++] = ',';
	memcpy(ret + *used, name, len);
	*used += len;
	ret[*used] = '\0';
	return true;
}

bool facts_safe_lsm(const char *lsm_list, char *ret, size_t size)
{
	const char *rest = *lsm_list ? lsm_list : NULL, *word;
	size_t len, used = 0;
	bool fits = size > 0, integrity = lsm_list_has(lsm_list, "integrity");

	while (fits && next_name(&rest, &word, &len)) {
		/* capability is always there and not for lsm= */
		if (!text_is(word, len, "bpf") && !text_is(word, len, "capability") && len)
			fits = append_name(ret, size, &used, word, len);
	}
	if (fits && !integrity)
		fits = append_name(ret, size, &used, "integrity", strlen("integrity"));
	if (!fits && size)
		*ret = '\0';
	return fits;
}

/* ima_appraise_parse_cmdline() compares prefixes; another word leaves the mode as it is. */
static enum appraise asked_mode(const char *word)
{
	if (text_begins(word, strlen(word), "off"))
		return APPRAISE_OFF;
	if (text_begins(word, strlen(word), "log"))
		return APPRAISE_LOG;
	if (text_begins(word, strlen(word), "fix"))
		return APPRAISE_FIX;
	return APPRAISE_ENFORCE;
}

enum appraise facts_appraise(const char *word, enum tri secure_boot)
{
	enum appraise asked = word ? asked_mode(word) : APPRAISE_ENFORCE;

	if (asked == APPRAISE_ENFORCE || secure_boot == TRI_YES)
		return APPRAISE_ENFORCE;
	return secure_boot == TRI_NO ? asked : APPRAISE_UNKNOWN;
}
