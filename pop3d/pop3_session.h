/*
 * A session after login (RFC 1939: TRANSACTION and UPDATE).  It owns its
 * connection and its maildrop; nothing is deleted unless the client says QUIT.
 */
#ifndef POP3D_POP3_SESSION_H
#define POP3D_POP3_SESSION_H

#include "common/loop.h"
#include "pop3d/pop3_drop.h"

struct pop3_session;

/* Takes the descriptors (`ahead`: a channel to the front, or -1) and the drop.  `over` is called once, last of all, when the session has ended by itself and is freed. */
struct pop3_session *pop3_session_new(struct loop *, int fd, int ahead, struct pop3_drop *, void (*over)(void *arg), void *arg);
/* Capabilities that are not announced to it (common/capability.h). */
void pop3_session_without(struct pop3_session *, uint64_t);
/* The process ends: so does the session, without deleting anything; then over(). */
void pop3_session_goodbye(struct pop3_session *);

#endif
