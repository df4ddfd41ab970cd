/* The rescue environment: a shell in the initramfs for who has the recovery key. */
#ifndef IMAGATE_GATE_RESCUE_H
#define IMAGATE_GATE_RESCUE_H

/* Does not come back but by failing to start a shell: powers off or reboots. The door is closed before
 * anything else. */
int rescue_run(void);

/* Ten seconds for a person to read why, then off, or again. */
void power_off(const char *why);
void reboot_now(const char *why);

#endif
