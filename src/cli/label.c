#include "base/clean.h"
#include "cli/labelfix.h"
#include "cli/labelwrite.h"
#include "cli/verb.h"
#include "core/text.h"
#include "kernel/language.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

/* The rules that say what is in scope are read as this kernel reads them. */
static int label_by_us(struct labelwrite_wish *w)
{
	CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!kernel_language(root, &w->judging.kernel))
		rule_kernel_debian(KERNEL_NEWEST, &w->judging.kernel);
	return labelwrite(w);
}

enum { OPT_ROOT = 256, OPT_WRITE, OPT_HASH, OPT_SIGN, OPT_CERT, OPT_EVM_SIGN, OPT_EVM_CERT, OPT_KEY_FD, OPT_SEAL, OPT_POLICY, OPT_CONFIG, OPT_ALL,
	OPT_DRY, OPT_CATALOGUE, OPT_JSON, OPT_THREADS, OPT_VERITY, OPT_LEAST };

/* Those of writing from user space. False: usage. */
static bool write_option(struct labelwrite_wish *w, int option)
{
	unsigned n = 0;

	switch (option) {
	case OPT_ROOT: w->root = optarg; return true;
	case OPT_WRITE: return true;
	case OPT_HASH: w->hash = optarg; return true;
	case OPT_SIGN: w->key[MAKER_IMA] = optarg; return true;
	case OPT_CERT: w->cert[MAKER_IMA] = optarg; return true;
	case OPT_EVM_SIGN: w->key[MAKER_EVM] = optarg; return true;
	case OPT_EVM_CERT: w->cert[MAKER_EVM] = optarg; return true;
	case OPT_SEAL: w->judging.evm_seal = optarg; return true;
	case OPT_POLICY: w->judging.policy = optarg; return true;
	case OPT_CONFIG: w->judging.config = optarg; return true;
	case OPT_ALL: w->all = true; return true;
	case OPT_DRY: w->dry_run = true; return true;
	case OPT_CATALOGUE: w->from_catalogue = true; return true;
	case OPT_JSON: w->json = true; return true;
	case OPT_KEY_FD:
		if (!text_number(optarg, strlen(optarg), 1023, &n))
			return false;
		w->judging.evm_key_fd = (int)n;
		return true;
	case OPT_VERITY: w->verity = true; return true;
	case OPT_LEAST: return text_number(optarg, strlen(optarg), 1u << 30, &w->verity_least);
	case OPT_THREADS: return text_number(optarg, strlen(optarg), 64, &w->threads);
	default: return false;
	}
}

static int run(const struct verb *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, OPT_ROOT },         { "write", no_argument, NULL, OPT_WRITE },
		{ "hash", required_argument, NULL, OPT_HASH },         { "sign", required_argument, NULL, OPT_SIGN },
		{ "cert", required_argument, NULL, OPT_CERT },         { "evm-sign", required_argument, NULL, OPT_EVM_SIGN },
		{ "evm-cert", required_argument, NULL, OPT_EVM_CERT }, { "evm-key-fd", required_argument, NULL, OPT_KEY_FD },
		{ "from-catalogue", no_argument, NULL, OPT_CATALOGUE },
		{ "evm-seal", required_argument, NULL, OPT_SEAL },
		{ "policy", required_argument, NULL, OPT_POLICY },     { "config", required_argument, NULL, OPT_CONFIG },
		{ "all", no_argument, NULL, OPT_ALL },                 { "dry-run", no_argument, NULL, OPT_DRY },
		{ "json", no_argument, NULL, OPT_JSON },               { "threads", required_argument, NULL, OPT_THREADS },
		{ "verity", no_argument, NULL, OPT_VERITY },           { "verity-least", required_argument, NULL, OPT_LEAST },
		{ "if-fix", no_argument, NULL, 'f' },                  { "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct labelwrite_wish w = { .root = "/", .verity_least = VERITY_LEAST, .judging = { .config = "/etc/imagate/imagate.conf", .evm_key_fd = -1, .evm = -1 } };
	bool by_us = false, if_fix = false;

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h')
			return verb_help(self);
		if (c == 'f')
			if_fix = true;
		else if (c != '?' && write_option(&w, c))
			by_us = true;
		else
			return verb_usage(self);
	}
	w.paths = argv + optind;
	if (if_fix)
		return by_us ? verb_usage(self) : *w.paths ? verb_extra(self, *w.paths) : labelfix_by_stage();
	return by_us ? label_by_us(&w) : labelfix(w.paths);
}

const struct verb verb_label = {
	.name = "label",
	.summary = "label what can be executed or loaded: by the kernel in fix, or by writing and signing",
	.help = "usage: imagate label [DIR...]                 in the fix stage, by the kernel's own hand\n"
	        "       imagate label --write|--root DIR|--sign KEY ... [PATH...]   by ours\n"
	        "Without options: walks DIR, staying on its file system, or every local disk file system that is\n"
	        "mounted and not noexec, and maps each program, library, kernel module, firmware and kernel for\n"
	        "execution, without running anything. In the fix stage the kernel then writes security.ima and, with\n"
	        "EVM on, its HMAC.\n"
	        "  --if-fix               only where this boot runs in fix (imagate-label.service)\n"
	        "With them: writes the labels itself, in parallel, to what the policy appraises; what is right already\n"
	        "is kept, so that it can be run again at any time. For images, before EVM is on, and for signatures.\n"
	        "  --root DIR             an image's root; PATHs are below it\n"
	        "  --write                on / as well\n"
	        "  --hash ALGORITHM       sha256 (default), sha384, sha512, sha224, sha1\n"
	        "  --sign KEY --cert CERTIFICATE          security.ima becomes a signature\n"
	        "  --evm-sign KEY --evm-cert CERTIFICATE  security.evm becomes a portable signature\n"
	        "  --evm-key-fd N         EVM's HMAC key, raw, from file descriptor N: security.evm becomes an HMAC\n"
	        "  --evm-seal FILE        the same, with the key in this seal.pem, opened by its recovery key\n"
	        "  --verity               enables fs-verity (ext4 with that feature, btrfs, f2fs) on what a rule with\n"
	        "                         digest_type=verity is about, and with --sign signs its digest (v3). FOR EVER:\n"
	        "                         such a file can never be written again, only replaced\n"
	        "  --verity-least KIB     with --all, also on what no rule is about, from this size on (1024)\n"
	        "  --policy FILE, --config FILE           what is in scope; the configured policy by default\n"
	        "  --from-catalogue       only what a signed catalogue proves ([catalogue] of imagate.conf)\n"
	        "  --all                  every regular file, whatever the policy says\n"
	        "  --dry-run, --json, --threads N\n"
	        "Exit status: 0 all labelled, 1 some were not (each is named), 2 usage, bad input, or no labels can be\n"
	        "written there, 3 failed.\n",
	.run = run,
};
