/*
 * What conn.c (called by the loop, calls the owner back) and conn_io.c (called
 * by the owner, never calls back) share.
 */
#ifndef COMMON_CONN_IO_H
#define COMMON_CONN_IO_H

#include "common/conn.h"

/* The calls of tls.h, filled in by conn_start_tls(): roles that never call it do not link OpenSSL. */
struct conn_tls {
	enum tls_result (*handshake)(struct tls *);
	enum tls_result (*read)(struct tls *, void *, size_t room, size_t *got);
	enum tls_result (*write)(struct tls *, const void *, size_t len, size_t *put);
	void (*close_notify)(struct tls *);
	bool (*pending)(const struct tls *);
	const char *(*describe)(const struct tls *);
	const char *(*why)(const struct tls *);
	size_t (*binding)(struct tls *, enum tls_binding, char bytes[TLS_BINDING_MAX]);
	void (*free)(struct tls **);
};

enum {
	CONN_READ_MAX = 16 * 1024, /* a TLS record */
	CONN_HIGH_WATER = 64 * 1024,
	CONN_LOW_WATER = 16 * 1024,
};

struct conn {
	struct loop *loop;
	struct watch *watch;
	struct timer *timer; /* only while there is a deadline */
	struct tls *tls;
	const struct conn_tls *with; /* what can be done with it */
	conn_callback *callback;
	void *arg;
	struct conn *due_next, **due_prev; /* due_prev NULL: not on the list */
	bool *gone; /* set if the owner lets go of the conn in a callback */
	struct span fresh; /* unread bytes in the process's buffer; then `in` is
	                      empty */
	struct buf in, out;
	size_t in_at, out_at; /* consumed, sent */
	uint64_t taken, given; /* in all, since it began */
	size_t in_limit;
	size_t clear_left; /* of `out`, to go in clear before the handshake */
	const char *why;
	int fd;
	bool handshaking;
	bool paused;
	bool eof;     /* the peer has ended */
	bool broken;  /* nothing goes in or out */
	bool blocked; /* the socket took no more */
	bool full;    /* above the high-water mark, CONN_DRAINED not yet told */
	bool shut;    /* our side ends when all is sent */
	bool shut_done;
	bool finishing; /* no owner any more */
	bool due_drained;
	bool error_told;
};

/* The bytes of the read at hand: one buffer for all connections of the process. */
extern unsigned char conn_io_buffer[CONN_READ_MAX];

enum conn_io { CONN_IO_DONE, CONN_IO_BLOCKED, CONN_IO_ENDED, CONN_IO_BROKEN };

/* The list of those that want a look at the end of the turn. */
void conn_io_due(struct conn *);
void conn_io_not_due(struct conn *);
struct conn *conn_io_take_due(void); /* all of them, linked by due_next; the list is empty */
void conn_run_due(void *); /* conn.c: looks after each */

size_t conn_io_unread(const struct conn *);
void conn_io_watch(struct conn *); /* watches for what matters now */
void conn_io_break(struct conn *, const char *why); /* `why` is constant, or the TLS's own */
void conn_io_measure(struct conn *); /* after the owner wrote */
void conn_io_send(struct conn *); /* as much as the socket takes */
enum conn_io conn_io_read(struct conn *, size_t *got); /* one read */
/* What a callback left unread moves to memory of the conn's own; what it has read is given back. */
void conn_io_settle(struct conn *);

#endif
