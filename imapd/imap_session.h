/* One client from login to logout: the one callback, and the way of its requests. */
#ifndef IMAPD_IMAP_SESSION_H
#define IMAPD_IMAP_SESSION_H

#include "imapd/imap.h"

struct imap_session *imap_session_new(struct imap_account *, uint64_t id, int fd);
/* Goes as far as it can without waiting, until the slice is over. */
void imap_session_run(struct imap_session *);
void imap_session_free(struct imap_session *);
/* To one that idles: a line, which a dead connection does not survive for long.  False: it does not idle. */
bool imap_session_prod(struct imap_session *);
/* One last line, where a line can stand; what was written is still sent. */
void imap_session_goodbye(struct imap_session *, const char *line);

#endif
