#!/bin/bash
# imagate: the gate, its configuration and what that names, its units. Only what is copied here
# counts at boot: after a change of /etc/imagate run 'dracut -f'.

imagate_gate=/usr/lib/imagate/imagate-gate
imagate_conf=/etc/imagate/imagate.conf

# Asked for by name only: dracut -a imagate, or add_dracutmodules+=" imagate ".
check() {
    return 255
}

depends() {
    return 0
}

installkernel() {
    # built in on Debian; modules elsewhere
    hostonly='' instmods encrypted-keys tpm_tis tpm_crb
}

# An initramfs without what was asked for would boot unprotected, or not at all: better none.
# dracut ignores what install() returns.
imagate_refuse() {
    dfatal "imagate: $1"
    dfatal "imagate: $2"
    exit 1
}

imagate_check_modules() {
    local m
    for m in integrity masterkey; do
        if dracut_module_included "$m"; then
            imagate_refuse "it cannot be in one initramfs with dracut's '$m', which sets up EVM its own way" \
                "take '$m' out of add_dracutmodules in /etc/dracut.conf.d"
        fi
    done
}

# systemd-stub takes a command line from whoever boots it where the image has none: with Secure Boot, too.
imagate_check_uki() {
    [[ $uefi == yes ]] || return 0
    if [[ -z ${kernel_cmdline// /} && $hostonly_cmdline != yes ]]; then
        imagate_refuse "this unified kernel image would have no command line: whoever boots it could choose one" \
            "set kernel_cmdline=\"root=... ro ima_appraise=...\" in /etc/dracut.conf.d, or give --kernel-cmdline"
    fi
}

# Every file that the configuration names; what must be there and is not refuses.
imagate_install_files() {
    local kind path
    while read -r kind path; do
        if [[ -d "$dracutsysrootdir$path" && $kind == *certificates ]]; then
            inst_multiple -o "$dracutsysrootdir$path"/*.der
        elif [[ -f "$dracutsysrootdir$path" ]]; then
            inst_simple "$path"
            # beside the seal: the event log of the boot that sealed, so that a refusal can say what changed
            [[ $kind == seal ]] && inst_multiple -o "$path.log"
            # beside a policy: its signatures, for the gate and for the kernel
            [[ $kind == *policy ]] && inst_multiple -o "$path.p7s" "$path.ima"
            if [[ $kind == signed-policy && ! -f "$dracutsysrootdir$path.p7s" ]]; then
                imagate_refuse "$path.p7s is not there, and $imagate_conf demands signed policies" \
                    "sign it: imagate policy sign --key KEY --cert CERTIFICATE $path"
            fi
        elif [[ $kind == optional-* ]]; then
            continue
        elif [[ $kind == seal ]]; then
            imagate_no_seal "$path"
        else
            imagate_refuse "$path ($kind) is named in $imagate_conf and is not there" \
                "put it there, or change $imagate_conf"
        fi
    done <<< "$1"
}

# What the gate looks at besides init, before the real root is started.
imagate_install_critical() {
    if ! imagate critical --root "${dracutsysrootdir:-/}" > "$initdir/etc/imagate/critical"; then
        rm -f "$initdir/etc/imagate/critical"
        dwarn "imagate: no list of boot-critical programs could be made: the gate will look at init and its libraries only"
    fi
}

imagate_no_seal() {
    if $imagate_gate --needs-seal "$imagate_conf"; then
        imagate_refuse "$1 is not there, and this configuration does not boot without it" \
            "run 'imagate seal' first; or set stage = fix"
    fi
    dwarn "imagate: $1 is not there: this initramfs will boot without the EVM key; run 'imagate seal', then 'dracut -f'"
}

# No shell without the recovery key; and a way to ask for it: systemd's agents.
imagate_install_rescue() {
    local u
    for u in emergency dracut-emergency rescue; do
        inst_simple "$moddir/rescue.conf" "$systemdsystemunitdir/$u.service.d/imagate.conf"
    done
    ln_r /dev/null "/etc/systemd/system/debug-shell.service"
    inst_multiple -o systemd-ask-password systemd-tty-ask-password-agent \
        "$systemdsystemunitdir/systemd-ask-password-console.path" \
        "$systemdsystemunitdir/systemd-ask-password-console.service"
    $SYSTEMCTL -q --root "$initdir" add-wants initrd.target systemd-ask-password-console.path
}

install() {
    local files

    imagate_check_modules
    imagate_check_uki
    [[ -x $imagate_gate ]] || imagate_refuse "$imagate_gate is not there" "install imagate"
    [[ -f $imagate_conf ]] || imagate_refuse "$imagate_conf is not there" \
        "copy /usr/share/imagate/imagate.conf there and look through it"
    files=$($imagate_gate --config-files "$imagate_conf" 2>&1) ||
        imagate_refuse "$files" "correct $imagate_conf; imagate.conf(5) describes it"

    inst_simple "$imagate_conf"
    imagate_install_files "$files"
    imagate_install_critical
    inst_binary "$imagate_gate"
    # for the rescue shell
    inst_multiple -o imagate setfattr getfattr mount umount reboot sync
    # tpm2-tss opens it by name, so that ldd does not show it where it is not linked
    inst_libdir_file "libtss2-tcti-device.so*"
    # the kernel starts it for crypto modules
    inst_multiple -o modprobe

    if dracut_module_included systemd; then
        inst_simple "$moddir/imagate-gate.service" "$systemdsystemunitdir/imagate-gate.service"
        inst_simple "$moddir/imagate-sysroot.service" "$systemdsystemunitdir/imagate-sysroot.service"
        inst_simple "$moddir/require-gate.conf" "$systemdsystemunitdir/initrd-cleanup.service.d/imagate.conf"
        inst_simple "$moddir/require-gate.conf" "$systemdsystemunitdir/initrd-switch-root.service.d/imagate.conf"
        imagate_install_rescue
        $SYSTEMCTL -q --root "$initdir" add-wants initrd.target imagate-gate.service
        $SYSTEMCTL -q --root "$initdir" add-wants initrd.target imagate-sysroot.service
    else
        inst_hook pre-pivot 61 "$moddir/gate.sh"
    fi
}
