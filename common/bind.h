/* Listening sockets from their names in hearth.conf. */
#ifndef COMMON_BIND_H
#define COMMON_BIND_H

#include "common/base.h"

/* "127.0.0.1:25", "[::1]:25", "*:25" (one socket for IPv4 and IPv6): bound and listening, or -1 (errno says why). */
int bind_listener(const char *text);

#endif
