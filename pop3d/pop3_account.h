/* The account role of POP3: one process per account with a session, which is the lock of its maildrop. */
#ifndef POP3D_POP3_ACCOUNT_H
#define POP3D_POP3_ACCOUNT_H

#include "common/base.h"

NORETURN void pop3_account_main(void);

#endif
