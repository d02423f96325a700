/* The account role as a process. */
#ifndef IMAPD_IMAP_ROLE_H
#define IMAPD_IMAP_ROLE_H

#include "common/base.h"

NORETURN void imap_role_main(void);

#endif
