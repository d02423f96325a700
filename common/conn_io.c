/*
 * The two buffers of a connection, as its owner sees them.  Nothing here calls
 * the owner back: what a call finds out is put on the list of the due.
 */
#include "common/conn_io.h"

#include <sys/socket.h>

#include <errno.h>

enum { FLUSH_MARK = 16 * 1024 };

unsigned char conn_io_buffer[CONN_READ_MAX];

static struct conn *due;

/* ---- the list of the due ---- */

void
conn_io_due(struct conn *c)
{
	if (c->due_prev != NULL)
		return;
	/* One call of conn_run_due() is on its way whenever the list holds
	 * something. */
	if (due == NULL)
		loop_later(c->loop, conn_run_due, NULL);
	else
		due->due_prev = &c->due_next;
	c->due_next = due;
	c->due_prev = &due;
	due = c;
}

void
conn_io_not_due(struct conn *c)
{
	if (c->due_prev == NULL)
		return;
	*c->due_prev = c->due_next;
	if (c->due_next != NULL)
		c->due_next->due_prev = c->due_prev;
	c->due_next = NULL;
	c->due_prev = NULL;
}

struct conn *
conn_io_take_due(void)
{
	struct conn *list = due;

	due = NULL;
	return list;
}

size_t
conn_io_unread(const struct conn *c)
{
	return c->fresh.len + c->in.len - c->in_at;
}

size_t
conn_unsent(const struct conn *c)
{
	return c->out.len - c->out_at;
}

uint64_t
conn_taken(const struct conn *c)
{
	return c->taken;
}

uint64_t
conn_given(const struct conn *c)
{
	return c->given + conn_unsent(c);
}

void
conn_io_watch(struct conn *c)
{
	unsigned events = 0;

	if (c->broken)
		events = 0;
	else if (c->handshaking)
		events = LOOP_READ | (c->blocked ? LOOP_WRITE : 0);
	else {
		if (!c->eof &&
		    (c->finishing ||
			(!c->paused && conn_io_unread(c) < c->in_limit)))
			events |= LOOP_READ;
		if (c->blocked)
			events |= LOOP_WRITE;
	}
	watch_set(c->watch, events);
}

void
conn_io_break(struct conn *c, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	c->why = why;
	/* The input stays: the owner, who may be in the middle of it, will be
	 * told. */
	buf_free(&c->out);
	c->out_at = c->clear_left = 0;
	conn_io_watch(c);
	conn_io_due(c);
}

/* ---- writing ---- */

static enum conn_io
write_some(struct conn *c, const char *bytes, size_t len, size_t *put)
{
	ssize_t n;

	if (c->tls != NULL && c->clear_left == 0) {
		switch (c->with->write(c->tls, bytes, len, put)) {
		case TLS_OK: return CONN_IO_DONE;
		case TLS_WANT_READ:
		case TLS_WANT_WRITE: return CONN_IO_BLOCKED;
		case TLS_CLOSED:
		case TLS_FAILED: break;
		}
		conn_io_break(c, c->with->why(c->tls));
		return CONN_IO_BROKEN;
	}
	*put = 0;
	if (c->clear_left > 0 && len > c->clear_left)
		len = c->clear_left;
	n = send(c->fd, bytes, len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CONN_IO_BLOCKED;
	if (n < 0) {
		conn_io_break(c, strerror(errno));
		return CONN_IO_BROKEN;
	}
	*put = (size_t)n;
	if (c->clear_left > 0)
		c->clear_left -= *put;
	return CONN_IO_DONE;
}

/* Our side's end, when all is sent. */
static void
shut_on(struct conn *c)
{
	if (!c->shut || c->shut_done || c->broken || conn_unsent(c) > 0)
		return;
	c->shut_done = true;
	if (c->tls != NULL)
		c->with->close_notify(c->tls);
	shutdown(c->fd, SHUT_WR);
}

/* After the owner wrote: too much is an error, much asks for patience. */
void
conn_io_measure(struct conn *c)
{
	if (c->broken)
		return;
	if (c->out.bad)
		conn_io_break(c, "more output than a connection may hold");
	else if (conn_full(c)) {
		c->full = true;
		c->due_drained = false;
	}
}

void
conn_io_send(struct conn *c)
{
	size_t put;

	if (c->broken)
		return;
	c->blocked = false;
	/* In the midst of a handshake only what was written before it may go.
	 */
	while (conn_unsent(c) > 0 && (!c->handshaking || c->clear_left > 0)) {
		switch (write_some(
		    c, c->out.ptr + c->out_at, conn_unsent(c), &put)) {
		case CONN_IO_DONE:
			c->out_at += put;
			c->given += put;
			continue;
		case CONN_IO_BLOCKED: c->blocked = true; break;
		case CONN_IO_ENDED:
		case CONN_IO_BROKEN: return;
		}
		break;
	}
	if (conn_unsent(c) == 0) {
		if (c->out.len > 0)
			c->due_drained = true;
		buf_free(&c->out);
		c->out_at = 0;
	} else if (c->out_at >= CONN_HIGH_WATER) {
		buf_drop(&c->out, c->out_at);
		c->out_at = 0;
	}
	if (c->full && conn_unsent(c) <= CONN_LOW_WATER)
		c->due_drained = true;
	if (c->due_drained)
		c->full = false;
	shut_on(c);
	conn_io_watch(c);
	if (c->due_drained)
		conn_io_due(c);
}

void
conn_write(struct conn *c, struct span bytes)
{
	if (c->broken || c->shut || bytes.len == 0)
		return;
	buf_add(&c->out, bytes);
	conn_io_measure(c);
	if (conn_unsent(c) >= FLUSH_MARK && !c->blocked)
		conn_io_send(c);
	conn_io_due(c);
}

void
conn_text(struct conn *c, const char *text)
{
	conn_write(c, span_of(text));
}

struct buf *
conn_output(struct conn *c)
{
	conn_io_due(c);
	return &c->out;
}

void
conn_flush(struct conn *c)
{
	conn_io_measure(c);
	if (c->out.len > 0 && !c->blocked)
		conn_io_send(c);
}

bool
conn_full(const struct conn *c)
{
	return conn_unsent(c) > CONN_HIGH_WATER;
}

void
conn_shut(struct conn *c)
{
	c->shut = true;
	conn_io_due(c);
}

/* ---- reading ---- */

static enum conn_io
read_some(struct conn *c, void *bytes, size_t room, size_t *got)
{
	ssize_t n;

	if (c->tls != NULL) {
		switch (c->with->read(c->tls, bytes, room, got)) {
		case TLS_OK: return CONN_IO_DONE;
		case TLS_WANT_READ: return CONN_IO_BLOCKED;
		case TLS_WANT_WRITE: c->blocked = true; return CONN_IO_BLOCKED;
		case TLS_CLOSED: return CONN_IO_ENDED;
		case TLS_FAILED: break;
		}
		conn_io_break(c, c->with->why(c->tls));
		return CONN_IO_BROKEN;
	}
	*got = 0;
	n = recv(c->fd, bytes, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CONN_IO_BLOCKED;
	if (n < 0) {
		conn_io_break(c, strerror(errno));
		return CONN_IO_BROKEN;
	}
	*got = (size_t)n;
	return n > 0 ? CONN_IO_DONE : CONN_IO_ENDED;
}

/* What a callback left unread moves to memory of the conn's own; what it has
 * read is given back. */
void
conn_io_settle(struct conn *c)
{
	if (c->fresh.len > 0) {
		buf_add(&c->in, c->fresh);
		c->fresh = NO_SPAN;
	}
	if (c->in.len > 0 && c->in_at == c->in.len) {
		buf_free(&c->in);
		c->in_at = 0;
	}
	if (c->tls != NULL && !c->handshaking && !c->paused && !c->eof &&
	    conn_io_unread(c) < c->in_limit && c->with->pending(c->tls))
		conn_io_due(c); /* the socket will not say so */
}

/* One read; the bytes lie in the process's buffer if the conn has none unread.
 */
enum conn_io
conn_io_read(struct conn *c, size_t *got)
{
	size_t room = c->in_limit - conn_io_unread(c);
	enum conn_io io;

	if (room > CONN_READ_MAX)
		room = CONN_READ_MAX;
	if (c->in_at < c->in.len) {
		buf_drop(&c->in, c->in_at);
		c->in_at = 0;
		io = read_some(c, buf_want(&c->in, room), room, got);
		if (io == CONN_IO_DONE)
			buf_grew(&c->in, *got);
		return io;
	}
	buf_free(&c->in);
	c->in_at = 0;
	io = read_some(c, conn_io_buffer, room, got);
	if (io == CONN_IO_DONE)
		c->fresh = (struct span){ (const char *)conn_io_buffer, *got };
	return io;
}

struct span
conn_input(const struct conn *c)
{
	if (c->fresh.len > 0)
		return c->fresh;
	if (c->in_at == c->in.len)
		return NO_SPAN;
	return (struct span){ c->in.ptr + c->in_at, c->in.len - c->in_at };
}

void
conn_consume(struct conn *c, size_t len)
{
	if (len > conn_io_unread(c))
		PANIC("more consumed than was read");
	c->taken += len;
	if (c->fresh.len > 0) {
		c->fresh.ptr += len;
		c->fresh.len -= len;
	} else
		c->in_at += len;
	conn_io_due(c);
}

void
conn_input_limit(struct conn *c, size_t limit)
{
	c->in_limit = limit;
	conn_io_due(c);
}

void
conn_pause(struct conn *c, bool paused)
{
	c->paused = paused;
	conn_io_due(c);
}

enum conn_line
conn_line(struct conn *c, size_t max, struct span *line)
{
	struct span in = conn_input(c);
	size_t len = in.len < max ? in.len : max;
	const char *lf, *cr, *end;

	*line = NO_SPAN;
	if (len == 0)
		return CONN_LINE_NONE;
	lf = memchr(in.ptr, '\n', len);
	end = lf != NULL ? lf : in.ptr + len;
	cr = memchr(in.ptr, '\r', (size_t)(end - in.ptr));
	if (cr == NULL && lf == NULL)
		return len == max ? CONN_LINE_TOO_LONG : CONN_LINE_NONE;
	if (cr == NULL) {
		conn_consume(c, (size_t)(lf - in.ptr) + 1);
		return CONN_LINE_BARE;
	}
	if (cr + 1 == lf) {
		*line = (struct span){ in.ptr, (size_t)(cr - in.ptr) };
		conn_consume(c, line->len + 2);
		return CONN_LINE;
	}
	if (cr + 1 == in.ptr + len)
		return len == max ? CONN_LINE_TOO_LONG : CONN_LINE_NONE;
	conn_consume(c, (size_t)(cr - in.ptr) + 1);
	return CONN_LINE_BARE;
}
