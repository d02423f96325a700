/* Before login: greeting, TLS, LOGIN and AUTHENTICATE.  What comes after is the account role's. */
#ifndef IMAPD_IMAP_FRONT_H
#define IMAPD_IMAP_FRONT_H

#include "common/front.h"

extern const struct front_protocol imap_front;

#endif
