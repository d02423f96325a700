/*
 * What every process of Hearth gives up for good, parents and roles alike.
 */
#ifndef COMMON_PRIVILEGE_H
#define COMMON_PRIVILEGE_H

#include "common/base.h"

/* No new privileges by exec, no capabilities (systemd may have lent one for the ports), not dumpable.  NULL, or what failed (errno says why). */
const char *privilege_drop(void);

#endif
