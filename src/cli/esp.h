/* What the firmware starts, where no event log names it: has any of it changed since this boot began? */
#ifndef IMAGATE_CLI_ESP_H
#define IMAGATE_CLI_ESP_H

#include <stddef.h>

/* UNKNOWN, the zero: it could not be looked at. */
enum esp { ESP_UNKNOWN = 0, ESP_SAME, ESP_CHANGED };

/* Every *.efi on every FAT file system that is mounted below root ("/", or a fixture); on a BIOS machine GRUB's core image. ret: the path
 * that changed, or why it is not known. */
enum esp esp_changed(int root, char *ret, size_t size);

#endif
