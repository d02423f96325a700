/*
 * Answers to RETR that wait at the front before they are asked for
 * (common/front_ahead.c says why).  Who reads two messages in a row is expected
 * to go on so.
 */
#ifndef POP3D_POP3_AHEAD_H
#define POP3D_POP3_AHEAD_H

#include "common/conn.h"

struct pop3_ahead;

struct pop3_ahead_owner {
	/* The whole answer to RETR; false: not this one. */
	bool (*answer)(void *arg, uint32_t number, struct buf *out);
	/* The client has got some of them: it is there. */
	void (*used)(void *arg);
};

/* `fd`: the channel to the front, or -1 (then there is none, and NULL). */
struct pop3_ahead *pop3_ahead_new(struct loop *, int fd, struct conn *session, const struct pop3_ahead_owner *, void *arg);
void pop3_ahead_free(struct pop3_ahead **);

/* A command came through the session: `number` of a RETR, spelled like `word`; or another (0). */
void pop3_ahead_came(struct pop3_ahead *, struct span word, uint32_t number);
/* All that came is answered. */
void pop3_ahead_lay_out(struct pop3_ahead *);

#endif
