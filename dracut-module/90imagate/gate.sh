#!/bin/sh
# Initramfs without systemd: start the gate; nothing else is decided here.
/usr/lib/imagate/imagate-gate || emergency_shell -n imagate "imagate: the boot was stopped (see above)"
# leaving the shell is no way around the gate
if ! [ -e /run/imagate/admitted ]; then
    while :; do emergency_shell -n imagate "imagate: the boot was stopped; reboot when you are done"; done
fi
