/*
 * One connection from outside, until it is relayed: its deadlines, its input,
 * its end.  A client that closes is put on a list and goes at the end of the
 * turn, so that a protocol may call client_close() wherever it stands.
 */
#include <unistd.h>

#include "common/clock.h"
#include "common/front_private.h"
#include "common/log.h"
#include "common/mem.h"

enum {
	SHAKE_MS = 10 * 1000,
	GOODBYE_MS = 6 * 1000,
	CROWDED_MS = 10 * 1000, /* between inputs, when most slots are taken */
};

/* ---- lists ---- */

static void
link_in(struct client *c, struct client **list)
{
	if ((c->next = *list) != NULL)
		c->next->prev = &c->next;
	c->prev = list;
	*list = c;
}

static void
link_out(struct client *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
}

static void
count_out(struct client *c)
{
	link_out(c);
	if (c->user)
		c->front->nusers--;
	else
		c->front->nstrangers--;
}

void
front_client_user(struct client *c)
{
	count_out(c);
	c->user = true;
	c->front->nusers++;
	link_in(c, &c->front->users);
}

static void
tidy(void *arg)
{
	struct front *f = arg;

	f->tidy = false;
	front_client_tidy(f);
}

static void
tidy_later(struct front *f)
{
	if (f->tidy)
		return;
	f->tidy = true;
	loop_later(f->loop, tidy, f);
}

void
front_client_later(struct client *c)
{
	c->later = true;
	tidy_later(c->front);
}

/* ---- deadlines ---- */

static bool
crowded(const struct front *f)
{
	return f->nstrangers * 5 > front_strangers_max(f) * 4;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
front_client_alarm(struct client *c)
{
	const struct front *f = c->front;
	const struct front_protocol *p = f->protocol;
	int64_t ms = c->deadline != 0 ? c->deadline : p->idle_ms;

	if (c->closing || c->held || client_is_busy(c))
		return; /* whoever made it wait minds the time */
	if (c->phase == CLIENT_SHAKING)
		ms = p->greeting_ms > 0 ? p->greeting_ms : SHAKE_MS;
	else if (!c->user && crowded(f))
		ms = sooner(ms, CROWDED_MS);
	if (!c->user && p->login_ms > 0) {
		int64_t left = c->connected + p->login_ms - clock_mono_ms();

		ms = sooner(ms, left > 0 ? left : 1);
	}
	conn_deadline(c->conn, ms);
}

/* ---- what the protocol hears ---- */

static void
goodbye(struct client *c)
{
	if (c->phase == CLIENT_TALKING && c->greeted)
		c->front->protocol->goodbye(c);
	client_close(c);
}

void
front_client_settle(struct client *c)
{
	if (c->closing || c->phase == CLIENT_RELAYING || c->held ||
	    client_is_busy(c))
		return;
	if (c->front->draining || c->over)
		goodbye(c);
	else if (c->eof)
		client_close(c);
}

void
front_client_talk(struct client *c)
{
	if (c->closing || c->phase != CLIENT_TALKING || client_is_busy(c))
		return;
	/* Who does not read our replies is not listened to. */
	conn_pause(c->conn, conn_full(c->conn));
	if (!conn_full(c->conn) && conn_input(c->conn).len > 0)
		c->front->protocol->input(c);
	front_client_settle(c);
}

static void
handshake_done(struct client *c)
{
	c->phase = CLIENT_TALKING;
	front_client_alarm(c);
	if (!c->greeted) {
		c->greeted = true;
		c->front->protocol->greet(c);
	} else
		c->front->protocol->tls_done(c);
	front_client_talk(c);
}

static void
log_end_of(const struct client *c, enum log_level level, const char *event,
    const char *why)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_hex(&l, "session", c->id);
	log_text(&l, "peer", c->peer.address);
	log_text(&l, "why", why);
	log_end(&l);
}

static void
timed_out(struct client *c)
{
	if (client_is_busy(c)) {
		front_auth_timeout(c);
		return;
	}
	log_end_of(c, LOG_DEBUG, "timeout", "");
	if (c->phase == CLIENT_TALKING && c->greeted)
		c->front->protocol->timeout(c);
	client_close(c);
}

static void
broken(struct client *c)
{
	if (c->phase == CLIENT_SHAKING)
		log_end_of(c, LOG_INFO, "tls-failed", conn_why(c->conn));
	else
		log_end_of(c, LOG_DEBUG, "connection-lost", conn_why(c->conn));
	client_close(c);
}

static void
event_of(void *arg, struct conn *conn, enum conn_event event)
{
	struct client *c = arg;

	(void)conn;
	if (c->closing)
		return;
	if (c->phase == CLIENT_RELAYING) {
		front_relay_event(c, event);
		return;
	}
	switch (event) {
	case CONN_INPUT:
		c->deadline = 0;
		front_client_alarm(c);
		front_client_talk(c);
		break;
	case CONN_DRAINED: front_client_talk(c); break;
	case CONN_TLS: handshake_done(c); break;
	case CONN_TIMEOUT: timed_out(c); break;
	case CONN_EOF:
		/* Half an end: what was asked before it is still answered. */
		c->eof = true;
		front_client_settle(c);
		break;
	case CONN_ERROR: broken(c); break;
	}
}

/* ---- life ---- */

void
front_client_new(struct front *f, int fd, enum listener_kind kind,
    const struct front_peer *peer)
{
	struct client *c = mem_alloc(sizeof(*c) + f->protocol->client_size);
	struct log_line l;

	c->front = f;
	c->id = f->next_id++;
	c->kind = kind;
	c->peer = *peer;
	c->connected = clock_mono_ms();
	c->conn = conn_new(f->loop, fd, event_of, c);
	f->nstrangers++;
	link_in(c, &f->strangers);
	log_begin(&l, LOG_DEBUG, "connect");
	log_hex(&l, "session", c->id);
	log_text(&l, "peer", c->peer.address);
	log_end(&l);
	if (front_implicit_tls(kind)) {
		c->phase = CLIENT_SHAKING;
		conn_start_tls(c->conn, f->tls);
		front_client_alarm(c);
		return;
	}
	c->phase = CLIENT_TALKING;
	c->greeted = true;
	front_client_alarm(c);
	f->protocol->greet(c);
}

void
client_close(struct client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	conn_pause(c->conn, true);
	conn_deadline(c->conn, 0);
	count_out(c);
	link_in(c, &c->front->closing);
	tidy_later(c->front);
}

static void
release(struct client *c)
{
	link_out(c);
	front_auth_drop(c);
	c->front->protocol->gone(c);
	front_ahead_end(c);
	conn_finish(&c->session);
	conn_finish(&c->conn);
	mem_wipe(c->state, c->front->protocol->client_size);
	mem_free(&c);
}

static void
go_on(struct client *c)
{
	while (c != NULL) {
		struct client *next = c->next;

		if (c->later) {
			c->later = false;
			front_auth_go_on(c);
			front_client_talk(c);
		}
		c = next;
	}
}

void
front_client_tidy(struct front *f)
{
	go_on(f->strangers);
	go_on(f->users);
	while (f->closing != NULL)
		release(f->closing);
}

void
front_client_drain(struct client *c)
{
	if (c->phase == CLIENT_SHAKING) {
		client_close(c);
		return;
	}
	/* A login would lead nowhere, and auth may hold its answer back. */
	front_auth_drop(c);
	front_client_settle(c);
}

/* Relayed, it hears goodbye from the account role, which has this long for it.
 */
void
front_client_log_out(struct front *f, uint64_t account)
{
	for (struct client *c = f->users, *next; c != NULL; c = next) {
		next = c->next;
		if (c->account != account || c->over)
			continue;
		c->over = true;
		if (c->phase == CLIENT_RELAYING)
			conn_deadline(c->conn, GOODBYE_MS);
		else
			front_client_settle(c);
	}
}

/* ---- what a protocol may ask and say ---- */

struct front *
client_front(struct client *c)
{
	return c->front;
}

void *
client_state(struct client *c)
{
	return c->state;
}

struct conn *
client_conn(struct client *c)
{
	return c->conn;
}

uint64_t
client_id(const struct client *c)
{
	return c->id;
}

enum listener_kind
client_listener(const struct client *c)
{
	return c->kind;
}

const char *
client_address(const struct client *c)
{
	return c->peer.address;
}

bool
client_is_loopback(const struct client *c)
{
	return c->peer.loopback;
}

bool
client_is_tls(const struct client *c)
{
	return conn_is_tls(c->conn);
}

uint64_t
client_without(const struct client *c)
{
	return c->without;
}

bool
client_may_login(const struct client *c)
{
	return client_is_tls(c) ||
	       (c->front->settings->plaintext_auth && c->peer.loopback);
}

void
client_deadline(struct client *c, int64_t ms)
{
	c->deadline = ms;
	front_client_alarm(c);
}

void
client_hold(struct client *c, bool hold)
{
	if (c->closing || c->held == hold)
		return;
	c->held = hold;
	if (hold) {
		conn_deadline(c->conn, 0);
		return;
	}
	front_client_alarm(c);
	front_client_later(c);
}

/* RFC 3207, 5; RFC 2595, 3.1: what came before the handshake is somebody
 * else's. */
void
client_start_tls(struct client *c)
{
	if (c->front->tls == NULL)
		PANIC("STARTTLS was offered without a certificate");
	if (conn_input(c->conn).len > 0) {
		log_end_of(c, LOG_WARN, "starttls-injection",
		    "bytes in clear behind the command");
		client_close(c);
		return;
	}
	c->phase = CLIENT_SHAKING;
	conn_start_tls(c->conn, c->front->tls);
	front_client_alarm(c);
}
