/*
 * After login: bytes go between the client and the account role as they come.
 * What one side does not take stops the reading of the other; one side's end is
 * passed on and the other direction goes on.
 */
#include <unistd.h>

#include "common/clock.h"
#include "common/front_private.h"
#include "common/log.h"

static void
move(struct conn *from, struct conn *to, uint64_t *count)
{
	struct span in = conn_input(from);

	*count += in.len;
	conn_write(to, in);
	conn_consume(from, in.len);
	conn_pause(from, conn_full(to));
}

static void
log_logout(const struct client *c)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "logout");
	log_hex(&l, "session", c->id);
	log_number(&l, "account", (int64_t)c->account);
	log_number(&l, "in", (int64_t)c->in);
	log_number(&l, "out", (int64_t)c->out);
	log_number(&l, "secs", (clock_mono_ms() - c->connected) / 1000);
	log_end(&l);
}

static void
over(struct client *c)
{
	log_logout(c);
	client_close(c);
}

void
front_relay_event(struct client *c, enum conn_event event)
{
	switch (event) {
	case CONN_INPUT:
		front_ahead_answer(c);
		move(c->conn, c->session, &c->in);
		break;
	case CONN_DRAINED: conn_pause(c->session, false); break;
	case CONN_EOF: conn_shut(c->session); break;
	case CONN_ERROR: over(c); break;
	case CONN_TIMEOUT: over(c); break; /* see front_client_log_out() */
	case CONN_TLS: break;              /* done */
	}
}

static void
session_event(void *arg, struct conn *conn, enum conn_event event)
{
	struct client *c = arg;

	(void)conn;
	if (c->closing)
		return;
	switch (event) {
	case CONN_INPUT: move(c->session, c->conn, &c->out); break;
	case CONN_DRAINED: conn_pause(c->conn, false); break;
	/* The account role has said its last word; client_close() sends it. */
	case CONN_EOF:
	case CONN_ERROR: over(c); break;
	case CONN_TLS:
	case CONN_TIMEOUT: break;
	}
}

void
front_relay_begin(struct client *c, int session[2])
{
	c->phase = CLIENT_RELAYING;
	c->session = conn_new(c->front->loop, session[0], session_event, c);
	if (session[1] >= 0)
		front_ahead_begin(c, session[1]);
	session[0] = session[1] = -1;
	conn_deadline(
	    c->conn, 0); /* from here on the account role minds the time */
	move(c->conn, c->session, &c->in);
	if (c->eof)
		conn_shut(c->session);
}
