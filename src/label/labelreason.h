/* Why a label could not be written, with the remedy where there is one. */
#ifndef IMAGATE_LABEL_LABELREASON_H
#define IMAGATE_LABEL_LABELREASON_H

/* fd: the file's, or -1. error: errno. A constant. */
const char *label_reason(int fd, int error);

#endif
