/*
 * Buffered connections.  Three rules keep them small and safe:
 *
 * - Bytes are read into one buffer of the process and lent from there; only
 *   what a callback leaves unread is copied to memory of the connection.
 * - Memory is given back when its last byte is gone, at the end of the turn,
 *   so that what was lent stays readable until the callback returns.
 * - Callbacks come from the loop alone, never from inside a call of their
 *   owner: what a call finds out is put on the list of the due.
 */
#include "common/conn_io.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"

enum {
	READS_A_TURN = 4,
	INPUT_LIMIT = 64 * 1024,
	OUTPUT_LIMIT =
	    32 * 1024 * 1024, /* of an owner who never asks conn_full() */
	FINISH_MS = 10 * 1000,
	LINGER_MS = 2 * 1000,
	FINISHING_MAX = 64,
};

static unsigned finishing;

static void ready(void *arg, unsigned events);
static void finish_on(struct conn *);

/* ---- life ---- */

struct conn *
conn_new(struct loop *loop, int fd, conn_callback *callback, void *arg)
{
	struct conn *c = mem_alloc(sizeof(*c));
	int yes = 1, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		PANIC("a connection that is no descriptor");
	/* Replies are written whole, so waiting for more to send only costs
	 * time.  Fails on local sockets, which know no such delay. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	c->loop = loop;
	c->fd = fd;
	c->callback = callback;
	c->arg = arg;
	c->in_limit = INPUT_LIMIT;
	c->in = BUF_INIT(SIZE_MAX / 2); /* reads stop at in_limit */
	c->out = BUF_INIT(OUTPUT_LIMIT);
	c->watch = watch_new(loop, fd, LOOP_READ, ready, c);
	return c;
}

void
conn_free(struct conn **cp)
{
	struct conn *c = *cp;

	if (c == NULL)
		return;
	if (c->gone != NULL)
		*c->gone = true;
	if (c->finishing)
		finishing--;
	conn_io_not_due(c);
	watch_free(&c->watch);
	timer_free(&c->timer);
	if (c->tls != NULL)
		c->with->free(&c->tls);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	mem_free(cp);
}

/* False if the owner let go of the conn: the caller must not touch it again. */
static bool
emit(struct conn *c, enum conn_event event)
{
	bool gone = false;

	c->gone = &gone;
	c->callback(c->arg, c, event);
	if (gone)
		return false;
	c->gone = NULL;
	return true;
}

/* ---- TLS ---- */

/* False if the owner let go. */
static bool
shake_hands(struct conn *c)
{
	conn_io_send(c);
	if (c->broken || c->clear_left > 0)
		return true;
	switch (c->with->handshake(c->tls)) {
	case TLS_OK:
		c->handshaking = false;
		conn_io_watch(c);
		conn_io_due(c); /* what was written meanwhile */
		return emit(c, CONN_TLS);
	case TLS_WANT_READ: c->blocked = false; break;
	case TLS_WANT_WRITE: c->blocked = true; break;
	case TLS_CLOSED:
	case TLS_FAILED: conn_io_break(c, c->with->why(c->tls)); break;
	}
	conn_io_watch(c);
	return true;
}

bool
conn_is_tls(const struct conn *c)
{
	return c->tls != NULL && !c->handshaking;
}

size_t
conn_binding(
    const struct conn *c, enum tls_binding kind, char bytes[TLS_BINDING_MAX])
{
	return conn_is_tls(c) ? c->with->binding(c->tls, kind, bytes) : 0;
}

const char *
conn_tls_text(const struct conn *c)
{
	return conn_is_tls(c) ? c->with->describe(c->tls) : "";
}

const char *
conn_why(const struct conn *c)
{
	return c->why != NULL ? c->why : "";
}

/* ---- what the loop calls ---- */

/* False if the owner let go. */
static bool
take_input(struct conn *c)
{
	for (int n = 0; n < READS_A_TURN; n++) {
		size_t got = 0;

		if (c->paused || c->eof || c->broken || c->handshaking ||
		    conn_io_unread(c) >= c->in_limit)
			break;
		switch (conn_io_read(c, &got)) {
		case CONN_IO_DONE:
			if (!emit(c, CONN_INPUT))
				return false;
			conn_io_settle(c);
			if (got < CONN_READ_MAX && c->tls == NULL)
				n = READS_A_TURN; /* the socket is empty */
			continue;
		case CONN_IO_ENDED:
			c->eof = true;
			if (!emit(c, CONN_EOF))
				return false;
			break;
		case CONN_IO_BLOCKED: break;
		case CONN_IO_BROKEN: return true;
		}
		break;
	}
	conn_io_settle(c);
	conn_io_watch(c);
	return true;
}

static void
ready(void *arg, unsigned events)
{
	struct conn *c = arg;

	if (c->finishing) {
		finish_on(c);
		return;
	}
	if (c->handshaking) {
		if (!shake_hands(c))
			return;
		if (c->handshaking)
			return;
	}
	if (c->blocked)
		conn_io_send(c);
	/* With TLS, writing can be what reading waited for. */
	if ((events & LOOP_READ) || c->tls != NULL)
		(void)take_input(c);
}

static void
one_due(struct conn *c)
{
	if (c->finishing) {
		finish_on(c);
		return;
	}
	conn_io_measure(c);
	if (!c->blocked)
		conn_io_send(c);
	if (c->due_drained && !c->broken) {
		c->due_drained = false;
		conn_io_not_due(c); /* what that was for is told now */
		if (!emit(c, CONN_DRAINED))
			return;
	}
	if (c->broken) {
		conn_io_not_due(c);
		if (!c->error_told) {
			c->error_told = true;
			(void)emit(c, CONN_ERROR);
		}
		return;
	}
	if (c->tls != NULL && !c->handshaking && c->with->pending(c->tls) &&
	    !take_input(c))
		return;
	conn_io_settle(c);
	conn_io_watch(c);
}

void
conn_run_due(void *arg)
{
	/* What comes on the list meanwhile is for the next turn: sockets get
	 * their chance. */
	struct conn *list = conn_io_take_due();

	(void)arg;
	if (list != NULL)
		list->due_prev = &list;
	while (list != NULL) {
		struct conn *c = list;

		conn_io_not_due(c);
		one_due(c);
	}
}

/* ---- deadlines ---- */

static void
timed_out(void *arg)
{
	struct conn *c = arg;

	if (c->finishing)
		conn_free(&c);
	else
		(void)emit(c, CONN_TIMEOUT);
}

void
conn_deadline(struct conn *c, int64_t ms)
{
	if (ms <= 0) {
		timer_free(&c->timer);
		return;
	}
	if (c->timer == NULL)
		c->timer = timer_new(c->loop, timed_out, c);
	timer_set(c->timer, ms);
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}

/* ---- the end ---- */

unsigned
conn_finishing(void)
{
	return finishing;
}

/*
 * Sends the rest, ends our side, and waits a little for the peer to end its
 * own: a socket closed with input unread would be reset, and the reset would
 * overtake our last words.
 */
static void
finish_on(struct conn *c)
{
	bool before = c->shut_done;
	size_t unsent = conn_unsent(c);

	if (c->handshaking && c->clear_left == 0)
		conn_io_break(c, "closed in the handshake");
	conn_io_send(c);
	if (c->broken) {
		conn_free(&c);
		return;
	}
	if (c->shut_done && !before)
		conn_deadline(c, LINGER_MS);
	else if (conn_unsent(c) < unsent)
		conn_deadline(c, FINISH_MS);
	for (int n = 0; n < READS_A_TURN; n++) {
		ssize_t got =
		    recv(c->fd, conn_io_buffer, sizeof(conn_io_buffer), 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0 && (c->shut_done || got < 0)) {
			conn_free(&c);
			return;
		}
		if (got == 0) {
			c->eof = true;
			break;
		}
	}
	if (c->eof && c->shut_done) {
		conn_free(&c);
		return;
	}
	conn_io_watch(c);
}

void
conn_finish(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->broken || finishing >= FINISHING_MAX) {
		conn_io_send(c);
		conn_free(&c);
		return;
	}
	if (c->gone != NULL)
		*c->gone = true;
	c->gone = NULL;
	c->finishing = true;
	finishing++;
	c->fresh = NO_SPAN;
	buf_free(&c->in);
	c->in_at = 0;
	c->shut = true;
	conn_deadline(c, FINISH_MS);
	conn_io_due(c);
}
