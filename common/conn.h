/*
 * A buffered connection, plain or TLS.  Memory is held only while bytes are in
 * it: an idle connection costs its struct and its watch (and an SSL, where there
 * is one).  Never blocks; one callback per event; callbacks may free the conn.
 */
#ifndef COMMON_CONN_H
#define COMMON_CONN_H

#include "common/buf.h"
#include "common/loop.h"
#include "common/tls.h"

struct conn;

enum conn_event {
	CONN_INPUT,   /* there is more to read than before (see conn_input) */
	CONN_DRAINED, /* output fell below the low-water mark after having been above the high-water mark, or is all out */
	CONN_TLS,     /* the handshake is done */
	CONN_TIMEOUT, /* the deadline set by conn_deadline() passed */
	CONN_EOF,     /* the peer sent all it will; what is in conn_input() is the rest */
	CONN_ERROR,   /* broken; nothing can be read or written any more */
};

typedef void conn_callback(void *arg, struct conn *, enum conn_event);

struct conn *conn_new(struct loop *, int fd, conn_callback *, void *arg); /* takes fd; makes it non-blocking */
void conn_free(struct conn **); /* at once; unsent output is lost */
/* Sends what is left, then frees by itself (at the latest when the peer has taken nothing for 10 s); no more callbacks. */
void conn_finish(struct conn **);
unsigned conn_finishing(void); /* how many of the process are still sending their last words */

/* Begins the server side of a handshake.  Bytes already read in clear are an attack: the caller checks that conn_input() is empty. */
void conn_start_tls(struct conn *, struct tls_server *);
bool conn_is_tls(const struct conn *);
const char *conn_tls_text(const struct conn *); /* version and cipher, for logs; "" in clear.  Valid until the next call */
size_t conn_binding(const struct conn *, enum tls_binding, char bytes[TLS_BINDING_MAX]); /* see tls.h; 0: none */
const char *conn_why(const struct conn *);	/* after CONN_ERROR, for logs */

/* All unread input.  At most `limit` bytes (default 64 KiB) are read ahead; lent until the next call on the conn. */
struct span conn_input(const struct conn *);
void conn_consume(struct conn *, size_t);
void conn_input_limit(struct conn *, size_t limit);
void conn_pause(struct conn *, bool); /* reading off and on */

/*
 * One line that ends in CRLF, without it, if there is one: consumed.
 * CONN_LINE_TOO_LONG when `max` bytes hold no end (nothing consumed);
 * CONN_LINE_BARE when a CR or LF stands alone in it (consumed up to and with it).
 */
enum conn_line { CONN_LINE, CONN_LINE_NONE, CONN_LINE_TOO_LONG, CONN_LINE_BARE };
enum conn_line conn_line(struct conn *, size_t max, struct span *line); /* lent until the next call on the conn */

void conn_write(struct conn *, struct span); /* buffered; flushed at the end of the turn or above 16 KiB */
void conn_text(struct conn *, const char *);
void conn_shut(struct conn *); /* nothing more will be written: tells the peer so, once all is sent; reading goes on */
struct buf *conn_output(struct conn *); /* to write into directly; conn_flush() or the end of the turn sends it */
void conn_flush(struct conn *);
size_t conn_unsent(const struct conn *);
/* Bytes consumed, and bytes written (sent or not), since the beginning. */
uint64_t conn_taken(const struct conn *);
uint64_t conn_given(const struct conn *);
bool conn_full(const struct conn *); /* above the high-water mark (64 KiB): stop producing until CONN_DRAINED */

void conn_deadline(struct conn *, int64_t ms); /* 0: none; replaces the one before */
int conn_fd(const struct conn *);

#endif
