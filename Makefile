# imagate: one Makefile, non-recursive. `make help` lists what it does.
#   V=1 shows the commands, CC=clang takes the other compiler, CASES='gate-*' picks VM cases,
#   DESTDIR= and PREFIX= are honoured by install.

PREFIX     ?= /usr
SYSCONFDIR ?= /etc
BUILD      ?= build
CC         ?= gcc
LIBEXEC     = $(PREFIX)/lib/imagate
UNITDIR     = $(PREFIX)/lib/systemd/system
DRACUTDIR   = $(PREFIX)/lib/dracut/modules.d/90imagate

# -- what the machine needs; each goal asks for its own through packages.sh -------------
export DEBIAN_FRONTEND = noninteractive
deps = images/packages $(1)

WARN    = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
          -Wformat=2 -Wpointer-arith -Wundef
HARDEN  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fstack-clash-protection \
          -fcf-protection
CPPFLAGS += -D_GNU_SOURCE -Isrc
CFLAGS  ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(CFLAGS) $(WARN) $(HARDEN)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(LDFLAGS)

ROOMS   = core base kernel tpm crypto label gate cli
src_of  = $(sort $(wildcard src/$(1)/*.c))
obj_of  = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(call src_of,$(1)))

GATE_OBJ = $(foreach r,core base kernel tpm crypto label gate,$(call obj_of,$(r)))
CLI_OBJ  = $(filter-out $(BUILD)/obj/gate/main.o,$(GATE_OBJ)) $(call obj_of,cli)
GATE_LIBS = -ltss2-esys -ltss2-mu -ltss2-tctildr -ltss2-tcti-device -lcrypto -lkeyutils -linih -lsystemd
CLI_LIBS  = $(GATE_LIBS) -ljson-c -lqrencode

.PHONY: all help install uninstall demo check check-unit check-tpm check-structure check-vm \
        check-fuzz check-hooks check-all bench bench-files bench-catalogue clean deps-build deps-test deps-vm deps-bench
.DELETE_ON_ERROR:

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-6s %s\n'
endif

all: $(BUILD)/imagate-gate $(BUILD)/imagate

help:
	@echo 'make all          build imagate-gate and imagate'
	@echo 'make install      into DESTDIR and PREFIX (default /usr)'
	@echo 'make demo         build everything, then show it at work in a virtual machine'
	@echo 'make check        all tests that CI runs; ends with "N passed, N failed"'
	@echo 'make check-unit   unit tests under ASan/UBSan, structure, software TPM and token tests'
	@echo "make check-vm     tests in virtual machines; CASES='gate-*' picks, LIST=1 lists, LONG=1 all"
	@echo 'make check-hooks  the hooks under the real dpkg, apt, dracut, kernel-install and rpm'
	@echo 'make check-fuzz   every fuzz target, FUZZ_SECONDS each (default 10)'
	@echo 'make check-all    make check and the long campaigns'
	@echo 'make bench        against dracut masterkey+integrity, in one run'
	@echo 'make bench-files  imagate check and label against evmctl, sha256sum and the bare limit'
	@echo 'make bench-catalogue  1,000,000 entries verified and loaded: time and memory'
	@echo 'make clean        remove $(BUILD)'

# -- compiling ------------------------------------------------------------------------
# Changed flags rebuild everything that they shape.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS_ALL)' | cmp -s - $@ || \
	  echo '$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS_ALL)' > $@
.PHONY: FORCE

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags | deps-build
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/imagate-gate: $(GATE_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(GATE_LIBS)

$(BUILD)/imagate: $(CLI_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS)

# for the VM tests: an attacker's tool, out of our own rooms
$(BUILD)/unseal: tests/vm/unseal.c $(filter-out $(BUILD)/obj/gate/main.o,$(GATE_OBJ))
	$(say) LD $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(GATE_LIBS)

# for the benchmarks
$(BUILD)/bench-catalogue: tests/bench/catalogue.c $(filter-out $(BUILD)/obj/gate/main.o,$(GATE_OBJ))
	$(say) LD $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(GATE_LIBS)

$(BUILD)/cut.so: tests/vm/cut.c
	$(say) LD $@
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -Wno-missing-prototypes -fPIC -shared -o $@ $< -ldl

# -- tests: the same rooms once more, under the sanitizers ------------------------------
SAN      = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_OBJ  = $(patsubst $(BUILD)/obj/%,$(BUILD)/san/%,$(filter-out %/main.o,$(GATE_OBJ)))
UNIT     = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
TPM_TEST = $(patsubst tests/tpm/%.c,$(BUILD)/tpm/%,$(sort $(wildcard tests/tpm/test_*.c)))
FUZZ     = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TEST_CFLAGS = -Itests/unit -std=gnu11 $(WARN) -Wno-missing-prototypes -DFIXTURES='"tests/unit/fixtures"'

.SECONDARY: $(SAN_OBJ)
$(BUILD)/san/%.o: src/%.c $(BUILD)/flags | deps-test
	$(say) SAN $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(SAN) $(WARN) -MMD -MP -c -o $@ $<

# what only one of them needs: of cli, whose verbs need a running system, the parts that do not
UNIT_OBJ_test_qr  = $(BUILD)/san/cli/qr.o
UNIT_LIBS_test_qr = -lqrencode -lzbar
$(BUILD)/unit/test_qr: $(UNIT_OBJ_test_qr)
UNIT_OBJ_test_foresee = $(patsubst %,$(BUILD)/san/cli/%.o,foresee foreseegrub grubtrace grubnext esp approving)
$(BUILD)/unit/test_foresee: $(UNIT_OBJ_test_foresee)
UNIT_OBJ_test_asking  = $(BUILD)/san/cli/asking.o
UNIT_LIBS_test_asking = -Wl,--wrap=file_read,--wrap=keyring_fetch
$(BUILD)/unit/test_asking: $(UNIT_OBJ_test_asking)
UNIT_OBJ_test_permit  = $(BUILD)/san/cli/permit.o
UNIT_LIBS_test_permit = -Wl,--wrap=unlink
$(BUILD)/unit/test_permit: $(UNIT_OBJ_test_permit)
UNIT_OBJ_test_resealshow  = $(BUILD)/san/cli/resealshow.o
UNIT_LIBS_test_resealshow = -ljson-c
$(BUILD)/unit/test_resealshow: $(UNIT_OBJ_test_resealshow)
$(BUILD)/unit/%: tests/unit/%.c $(SAN_OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) $(SAN) -MMD -MP -MF $@.d -o $@ $< $(UNIT_OBJ_$*) $(SAN_OBJ) -lcmocka $(GATE_LIBS) $(UNIT_LIBS_$*)

TPM_WRAP_test_tpm = -Wl,--wrap=Esys_Unseal
TPM_WRAP_test_slots = -Wl,--wrap=Tss2_TctiLdr_Initialize
WORLD_WRAP = -Wl,--wrap=fsync,--wrap=renameat,--wrap=write
TPM_WRAP_test_edited = $(WORLD_WRAP)
UNIT_OBJ_test_edited = $(BUILD)/san/cli/approving.o
$(BUILD)/tpm/test_edited: $(UNIT_OBJ_test_edited)
TPM_WRAP_test_suspended = $(WORLD_WRAP)
UNIT_OBJ_test_suspended = $(BUILD)/san/cli/approving.o
$(BUILD)/tpm/test_suspended: $(UNIT_OBJ_test_suspended)
TPM_WRAP_test_blessed = $(WORLD_WRAP),--wrap=tpm_open
UNIT_OBJ_test_blessed = $(BUILD)/san/cli/approving.o $(BUILD)/san/cli/settle.o
$(BUILD)/tpm/test_blessed: $(UNIT_OBJ_test_blessed)
UNIT_OBJ_test_updates = $(BUILD)/san/cli/approving.o
$(BUILD)/tpm/test_updates: $(UNIT_OBJ_test_updates)
$(BUILD)/tpm/%: tests/tpm/%.c $(SAN_OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) $(SAN) -MMD -MP -MF $@.d -o $@ $< $(UNIT_OBJ_$*) $(SAN_OBJ) $(TPM_WRAP_$*) -lcmocka $(GATE_LIBS)

FUZZ_FLAGS = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ = $(foreach r,core base crypto,$(patsubst src/%.c,$(BUILD)/fuzzobj/%.o,$(call src_of,$(r))))
.SECONDARY: $(FUZZ_OBJ)
$(BUILD)/fuzzobj/%.o: src/%.c $(BUILD)/flags | deps-test
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu11 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_OBJ)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu11 $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJ) -lcrypto -linih

# what the scripts build side by side; they say what fails
.PHONY: unit-programs fuzz-programs
unit-programs: $(UNIT) $(TPM_TEST)
fuzz-programs: $(FUZZ)

check-unit: deps-test
	+@tests/run-unit "$(MAKE)"

check-fuzz: deps-test
	+@tests/run-fuzz "$(MAKE)"

check-hooks: deps-vm
	+@tests/run-hooks "$(MAKE)"

# -- virtual machines ---------------------------------------------------------------------
demo: deps-vm all
	$(Q)tests/vm/demo

bench: deps-vm all
	$(Q)tests/vm/bench

bench-catalogue: deps-test $(BUILD)/bench-catalogue
	$(Q)tests/bench/catalogue $(BUILD)/bench-catalogue

bench-files: deps-bench all
	$(Q)tests/bench/files

check-vm: deps-vm
	+@tests/run-vm "$(MAKE)"

# check = everything CI can afford. One tally for all, so that the last line counts all.
check: deps-test deps-vm
	+@tests/run-all "$(MAKE)" unit fuzz hooks vm

check-all: deps-test deps-vm
	+@LONG=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-300} tests/run-all "$(MAKE)" unit fuzz hooks vm

deps-build deps-test deps-vm deps-bench:
	@images/packages $(@:deps-%=%)

# -- installing ------------------------------------------------------------------------
MAN8 = src/man/imagate.8 src/man/imagate-gate.8
MAN5 = src/man/imagate.conf.5
SHARE = $(PREFIX)/share

install: all
	install -D -m 0755 $(BUILD)/imagate-gate $(DESTDIR)$(LIBEXEC)/imagate-gate
	install -D -m 0755 $(BUILD)/imagate $(DESTDIR)$(PREFIX)/bin/imagate
	install -d $(DESTDIR)$(DRACUTDIR) $(DESTDIR)$(SHARE)/imagate/policy $(DESTDIR)$(SHARE)/man/man8 \
	  $(DESTDIR)$(SHARE)/man/man5
	install -m 0755 dracut-module/90imagate/module-setup.sh dracut-module/90imagate/gate.sh $(DESTDIR)$(DRACUTDIR)
	install -m 0644 units/imagate-gate.service units/imagate-sysroot.service units/require-gate.conf \
	  units/rescue.conf $(DESTDIR)$(DRACUTDIR)
	install -D -m 0644 units/imagate-bless.service $(DESTDIR)$(UNITDIR)/imagate-bless.service
	install -m 0644 units/imagate-watch.service units/imagate-evidence.service units/imagate-label.service \
	  units/imagate-prewarm.service units/imagate-trial.timer units/imagate-trial.service $(DESTDIR)$(UNITDIR)
	install -m 0644 units/imagate-boot.path units/imagate-boot@.path units/imagate-boot.service $(DESTDIR)$(UNITDIR)
	install -m 0755 hooks/hook $(DESTDIR)$(LIBEXEC)/hook
	install -D -m 0644 hooks/dpkg.cfg $(DESTDIR)$(SYSCONFDIR)/dpkg/dpkg.cfg.d/imagate
	install -D -m 0755 hooks/kernel-hook $(DESTDIR)$(SYSCONFDIR)/kernel/postinst.d/zzz-imagate
	install -D -m 0755 hooks/kernel-hook $(DESTDIR)$(SYSCONFDIR)/kernel/postrm.d/zzz-imagate
	install -D -m 0755 hooks/95-imagate.install $(DESTDIR)$(PREFIX)/lib/kernel/install.d/95-imagate.install
	install -m 0644 hooks/imagate-hooks.spec $(DESTDIR)$(SHARE)/imagate/imagate-hooks.spec
	install -D -m 0755 units/01_imagate $(DESTDIR)$(SYSCONFDIR)/grub.d/01_imagate
	install -m 0755 units/42_imagate $(DESTDIR)$(SYSCONFDIR)/grub.d/42_imagate
	install -D -m 0644 units/grub-imagate.cfg $(DESTDIR)$(SYSCONFDIR)/default/grub.d/imagate.cfg
	install -m 0644 policy/*.policy $(DESTDIR)$(SHARE)/imagate/policy
	install -m 0644 src/imagate.conf $(DESTDIR)$(SHARE)/imagate/imagate.conf
	install -d $(DESTDIR)$(SYSCONFDIR)/imagate
	for f in imagate.conf policy/server.policy:policy policy/measure.policy:measure.policy; do \
	  to=$(DESTDIR)$(SYSCONFDIR)/imagate/$${f#*:}; [ -e $$to ] || \
	  install -m 0644 $(DESTDIR)$(SHARE)/imagate/$${f%:*} $$to || exit 1; done
	install -m 0644 $(MAN8) $(DESTDIR)$(SHARE)/man/man8
	install -m 0644 $(MAN5) $(DESTDIR)$(SHARE)/man/man5
	install -D -m 0644 src/completion/imagate $(DESTDIR)$(SHARE)/bash-completion/completions/imagate

uninstall:
	rm -f $(DESTDIR)$(LIBEXEC)/imagate-gate $(DESTDIR)$(PREFIX)/bin/imagate \
	  $(addprefix $(DESTDIR)$(SHARE)/man/man8/,$(notdir $(MAN8))) \
	  $(addprefix $(DESTDIR)$(SHARE)/man/man5/,$(notdir $(MAN5))) \
	  $(DESTDIR)$(SHARE)/bash-completion/completions/imagate $(DESTDIR)$(SYSCONFDIR)/grub.d/01_imagate \
	  $(DESTDIR)$(SYSCONFDIR)/grub.d/42_imagate $(DESTDIR)$(SYSCONFDIR)/default/grub.d/imagate.cfg \
	  $(addprefix $(DESTDIR)$(UNITDIR)/,imagate-bless.service imagate-watch.service imagate-evidence.service \
	    imagate-label.service imagate-prewarm.service imagate-trial.timer imagate-trial.service imagate-boot.path imagate-boot@.path imagate-boot.service) \
	  $(DESTDIR)$(LIBEXEC)/hook $(DESTDIR)$(SYSCONFDIR)/dpkg/dpkg.cfg.d/imagate \
	  $(addprefix $(DESTDIR)$(SYSCONFDIR)/kernel/,postinst.d/zzz-imagate postrm.d/zzz-imagate) \
	  $(DESTDIR)$(PREFIX)/lib/kernel/install.d/95-imagate.install
	rm -rf $(DESTDIR)$(DRACUTDIR) $(DESTDIR)$(SHARE)/imagate

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj $(BUILD)/san $(BUILD)/fuzzobj $(BUILD)/unit $(BUILD)/tpm -name '*.d' 2>/dev/null)
