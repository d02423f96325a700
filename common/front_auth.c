/*
 * The conversation with auth, and the parent's word after it.
 *
 * What the client has said in an exchange is kept until it ends: if auth is
 * restarted meanwhile (it is, whenever the directory changes), the next one is
 * told all of it again, and the client notices nothing.  Where the responses
 * depend on challenges that cannot be the same, the exchange ends with "try
 * again later".  A login holds when auth has said so to us, and the parent, who
 * heard it from auth itself, has sent the session of that very account; the two
 * come in any order.
 */
#include <unistd.h>

#include "common/front_private.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"

enum {
	AUTH_MS = 30 * 1000,    /* auth holds bad news back for up to 15 s */
	SESSION_MS = 10 * 1000, /* from its word to the parent's */
	UNUSED_MS = 60 * 1000,
	FAILURES_MAX = 3,
	MECHANISM_MAX = 64,
	RESPONSE_MAX = 16 * 1024,
	START_MAX = 2 * RESPONSE_MAX,
	ADDRESS_MAX = 320,
};

enum login_state {
	LOGIN_ASKED,  /* auth has the word */
	LOGIN_CLIENT, /* the client has: a challenge */
	LOGIN_FINAL,  /* the client has: auth's last word, to be acknowledged */
	LOGIN_PARENT, /* auth agreed: the parent has the word */
	LOGIN_LOST,   /* auth was restarted in the midst of it */
};

struct front_login {
	enum login_state state;
	struct buf start; /* IPC_AUTH_START; holds a password, as may: */
	struct buf
	    steps; /* responses since then, as wire_put_bytes() has them */
	unsigned nsteps,
	    told;        /* how many of them; how many this auth has heard */
	bool repeatable; /* they are right for any challenge */
	bool resent;
	bool lost; /* auth went while the client had the word */
	uint64_t account;
	char address[ADDRESS_MAX + 1];
	/* what the parent sent */
	bool have_session;
	enum herr session_err;
	uint64_t session_account;
	int session[2]; /* a stream; pop3d: and a channel */
};

static void auth_lost(struct front *);

/* ---- an exchange ends ---- */

static void
close_session(struct front_login *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->session[i] >= 0)
			close(l->session[i]);
		l->session[i] = -1;
	}
}

static void
login_free(struct front_login **lp)
{
	struct front_login *l = *lp;

	if (l == NULL)
		return;
	close_session(l);
	if (l->start.ptr != NULL)
		mem_wipe(l->start.ptr, l->start.room);
	if (l->steps.ptr != NULL)
		mem_wipe(l->steps.ptr, l->steps.room);
	buf_free(&l->start);
	buf_free(&l->steps);
	mem_free(lp);
}

static void
refuse(struct client *c, enum herr err, enum auth_failure why)
{
	login_free(&c->login);
	/* Neither trouble of ours nor a mechanism that we lack is a guess. */
	if (err == H_DENIED && why != AUTH_BUSY && why != AUTH_NO_MECHANISM)
		c->failures++;
	front_client_alarm(c);
	c->front->protocol->refused(c, err, why);
	if (c->failures >= FAILURES_MAX)
		client_close(c);
	front_client_later(c);
}

static void
log_login(const struct client *c)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "login");
	log_hex(&l, "session", c->id);
	log_text(&l, "peer", c->peer.address);
	log_text(&l, "tls", conn_tls_text(c->conn));
	log_number(&l, "account", (int64_t)c->account);
	log_text(&l, "address", c->login->address);
	log_end(&l);
}

static bool
relays(const struct front *f)
{
	return f->protocol->role == ROLE_IMAP_FRONT ||
	       f->protocol->role == ROLE_POP3_FRONT;
}

static void
log_in(struct client *c)
{
	struct front_login *l = c->login;
	int queue = -1;

	c->account = l->account;
	log_login(c);
	c->login = NULL;
	front_client_user(c);
	if (!relays(c->front)) {
		queue = l->session[0];
		l->session[0] = -1;
	}
	c->front->protocol->logged_in(
	    c, span_of(l->address), c->account, queue);
	if (!relays(c->front)) {
		front_client_alarm(c);
		front_client_later(c);
	} else if (!c->closing)
		front_relay_begin(c, l->session);
	login_free(&l);
}

/* Both have spoken? */
static void
decide(struct client *c)
{
	struct front_login *l = c->login;

	if (l->state != LOGIN_PARENT || !l->have_session)
		return;
	if (l->session_account != l->account) {
		/* A late answer to an earlier exchange: not this one's. */
		close_session(l);
		l->have_session = false;
	} else if (l->session_err != H_OK)
		refuse(c, l->session_err, AUTH_BUSY);
	else if (c->front->nusers >= front_users_max(c->front))
		refuse(c, H_LIMIT, AUTH_BUSY);
	else
		log_in(c);
}

static void
cancel(struct client *c)
{
	if (c->login != NULL && c->login->state != LOGIN_LOST &&
	    c->front->auth != NULL)
		channel_send(c->front->auth, IPC_AUTH_CANCEL, c->id, NO_SPAN);
	login_free(&c->login);
}

void
front_auth_drop(struct client *c)
{
	cancel(c);
}

/* The exchange's answers may still be on their way: the connection ends with
 * it. */
void
front_auth_timeout(struct client *c)
{
	struct log_line l;

	log_begin(&l, LOG_WARN, "login-refused");
	log_hex(&l, "session", c->id);
	log_text(&l, "why",
	    c->login->state == LOGIN_PARENT ? "no session" : "no answer");
	log_end(&l);
	cancel(c);
	refuse(c, H_DENIED, AUTH_BUSY);
	client_close(c);
}

void
front_auth_go_on(struct client *c)
{
	if (c->login == NULL)
		return;
	if (c->login->state == LOGIN_LOST)
		refuse(c, H_DENIED, AUTH_BUSY);
	else
		decide(c);
}

bool
client_is_busy(const struct client *c)
{
	return c->login != NULL && c->login->state != LOGIN_CLIENT &&
	       c->login->state != LOGIN_FINAL;
}

bool
client_is_answering(const struct client *c)
{
	return c->login != NULL && !client_is_busy(c);
}

/* ---- what auth says ---- */

static struct client *
client_of(struct front *f, uint64_t id)
{
	struct client *c = f->strangers;

	while (c != NULL && (c->id != id || c->login == NULL))
		c = c->next;
	return c;
}

/* The client's part of the exchange, from the beginning. */
static void
tell_start(struct client *c)
{
	c->login->told = 0;
	front_auth_send(
	    c->front, IPC_AUTH_START, c->id, buf_span(&c->login->start));
}

/* The next of its responses. */
static void
tell_step(struct client *c)
{
	struct front_login *l = c->login;
	struct wire w = wire_over(buf_span(&l->steps));
	struct buf b = BUF_INIT(2 * RESPONSE_MAX);
	struct span response = NO_SPAN;

	for (unsigned i = 0; i <= l->told; i++)
		response = wire_bytes(&w, RESPONSE_MAX);
	l->told++;
	wire_put_bytes(&b, response);
	front_auth_send(c->front, IPC_AUTH_STEP, c->id, buf_span(&b));
	if (b.ptr != NULL)
		mem_wipe(b.ptr, b.room);
	buf_free(&b);
}

static bool
take_challenge(struct client *c, struct span payload)
{
	struct wire w = wire_over(payload);
	struct span challenge = wire_bytes(&w, RESPONSE_MAX);

	if (!wire_end(&w))
		return false;
	if (c->login->told < c->login->nsteps) {
		tell_step(c); /* the client has answered that already */
		return true;
	}
	c->login->state = LOGIN_CLIENT;
	front_client_alarm(c);
	c->front->protocol->challenge(c, challenge);
	front_client_later(c);
	return true;
}

static bool
take_ok(struct client *c, struct span payload)
{
	struct front_login *l = c->login;
	struct wire w = wire_over(payload);
	struct span final, address;

	l->account = wire_u64(&w);
	final = wire_bytes(&w, RESPONSE_MAX);
	address = wire_bytes(&w, ADDRESS_MAX);
	if (!wire_end(&w) || l->account == 0)
		return false;
	if (address.len > 0)
		memcpy(l->address, address.ptr, address.len);
	if (final.len > 0) {
		/* The server's proof (RFC 5802, 5) travels as one more
		 * challenge. */
		l->state = LOGIN_FINAL;
		front_client_alarm(c);
		c->front->protocol->challenge(c, final);
		front_client_later(c);
		return true;
	}
	l->state = LOGIN_PARENT;
	conn_deadline(c->conn, SESSION_MS);
	decide(c);
	return true;
}

static bool
take_failed(struct client *c, struct span payload)
{
	struct wire w = wire_over(payload);
	uint8_t why = wire_u8(&w);

	if (!wire_end(&w) || why < AUTH_WRONG || why > AUTH_BUSY)
		return false;
	refuse(c, H_DENIED, (enum auth_failure)why);
	return true;
}

static bool
understood(struct front *f, struct channel_msg *m)
{
	struct client *c;

	switch (m->type) {
	case IPC_RCPT_IS:
		front_ask_answered(f, IPC_LOOKUP_RCPT, m->id, m->payload);
		return true;
	case IPC_SENDER_IS:
		front_ask_answered(f, IPC_LOOKUP_SENDER, m->id, m->payload);
		return true;
	case IPC_AUTH_LEAVING:
		f->auth_leaving = true;
		front_ask_forget(f);
		return true;
	case IPC_AUTH_CHALLENGE:
	case IPC_AUTH_OK:
	case IPC_AUTH_FAILED: break;
	default: return false;
	}
	/* Whoever asked may be gone. */
	c = client_of(f, m->id);
	if (c == NULL || c->login->state != LOGIN_ASKED)
		return true;
	if (m->type == IPC_AUTH_CHALLENGE)
		return take_challenge(c, m->payload);
	if (m->type == IPC_AUTH_OK)
		return take_ok(c, m->payload);
	return take_failed(c, m->payload);
}

static void
auth_said(void *arg, struct channel *ch, struct channel_msg *m)
{
	struct front *f = arg;

	(void)ch;
	if (understood(f, m))
		return;
	log_event(LOG_WARN, "auth", "a message that makes no sense");
	auth_lost(f);
}

static void
auth_closed(void *arg, struct channel *ch)
{
	(void)ch;
	auth_lost(arg);
}

/* ---- the channel ---- */

void
front_auth_send(
    struct front *f, uint16_t type, uint64_t id, struct span payload)
{
	timer_set(f->auth_timer, UNUSED_MS);
	channel_send(f->auth, type, id, payload);
}

/* Nobody can be asked: everybody who waits is told so. */
static void
no_auth(struct front *f)
{
	for (struct client *c = f->strangers; c != NULL; c = c->next) {
		if (c->login == NULL || c->login->state != LOGIN_ASKED)
			continue;
		c->login->state = LOGIN_LOST;
		front_client_later(c);
	}
	front_ask_failed(f);
}

static void
got_auth(void *arg, enum herr err, int fd)
{
	static const struct channel_handler handler = { auth_said,
		auth_closed };
	struct front *f = arg;

	f->auth_wanted = false;
	if (err != H_OK) {
		log_event(LOG_WARN, "auth", herr_text(err));
		no_auth(f);
		return;
	}
	f->auth_leaving = false;
	f->auth = channel_new(f->loop, fd, &handler, f);
	timer_set(f->auth_timer, UNUSED_MS);
	for (struct client *c = f->strangers; c != NULL; c = c->next)
		if (c->login != NULL && c->login->state == LOGIN_ASKED)
			tell_start(c);
	front_ask_all(f);
}

void
front_auth_want(struct front *f)
{
	if (f->auth != NULL || f->auth_wanted)
		return;
	f->auth_wanted = true;
	role_want_peer(f->role, PEER_AUTH, 0, got_auth, f);
}

/*
 * What can be asked again is asked again: once if auth died, as that may be
 * why; as often as need be if it left because accounts or aliases have changed.
 */
static void
auth_lost(struct front *f)
{
	bool wanted = false;

	channel_free(&f->auth);
	for (struct client *c = f->strangers; c != NULL; c = c->next) {
		struct front_login *l = c->login;

		if (l == NULL)
			continue;
		if (l->state == LOGIN_CLIENT)
			l->lost = true;
		if (l->state != LOGIN_ASKED)
			continue;
		if ((l->nsteps > 0 && !l->repeatable) ||
		    (l->resent && !f->auth_leaving)) {
			l->state = LOGIN_LOST;
			front_client_later(c);
		}
		l->resent = l->resent || !f->auth_leaving;
		wanted = wanted || l->state == LOGIN_ASKED;
	}
	if (front_ask_lost(f) || wanted)
		front_auth_want(f);
}

static bool
auth_in_use(const struct front *f)
{
	for (const struct client *c = f->strangers; c != NULL; c = c->next)
		if (c->login != NULL)
			return true;
	return f->questions != NULL;
}

/* A channel that nobody uses is closed, so that auth may end. */
void
front_auth_unused(void *arg)
{
	struct front *f = arg;

	if (auth_in_use(f))
		timer_set(f->auth_timer, UNUSED_MS);
	else
		channel_free(&f->auth);
}

/* ---- what the parent says ---- */

void
front_auth_logged_in(struct front *f, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t err = wire_u8(&w);
	uint64_t account = wire_u64(&w), without = wire_u64(&w);
	struct client *c = client_of(f, m->id);

	if (!wire_end(&w) || err > H_IO || (err == H_OK && m->fd[0] < 0))
		PANIC("the parent's word about a login makes no sense");
	/* Gone, or it did not wait: the descriptor is closed, and the session
	 * with it. */
	if (c == NULL || c->login->have_session)
		return;
	c->login->have_session = true;
	c->login->session_err = (enum herr)err;
	c->login->session_account = account;
	c->without = without;
	for (int i = 0; i < 2; i++) {
		c->login->session[i] = m->fd[i];
		m->fd[i] = -1;
	}
	decide(c);
}

/* ---- what protocols ask ---- */

void
client_auth(struct client *c, struct span mechanism, struct span initial)
{
	struct front *f = c->front;
	struct front_login *l;

	if (c->login != NULL)
		PANIC("two logins of one client at once");
	if (c->closing)
		return;
	/* What no mechanism takes is refused by auth, for what is left of it is
	 * malformed too. */
	if (mechanism.len > MECHANISM_MAX)
		mechanism.len = 0;
	if (initial.len > RESPONSE_MAX)
		initial.len = 0;
	l = mem_alloc(sizeof(*l));
	l->session[0] = l->session[1] = -1;
	l->start = BUF_INIT(START_MAX);
	l->steps = BUF_INIT(START_MAX);
	l->repeatable = span_is_nocase(mechanism, "PLAIN") ||
	                span_is_nocase(mechanism, "LOGIN");
	wire_put_bytes(&l->start, mechanism);
	wire_put_u8(&l->start, initial.ptr != NULL);
	wire_put_bytes(&l->start, initial);
	wire_put_bytes(&l->start, span_of(c->peer.address));
	front_sasl_put_bindings(c, &l->start);
	c->login = l;
	conn_deadline(c->conn, AUTH_MS);
	if (f->auth != NULL)
		tell_start(c);
	else
		front_auth_want(f);
}

void
client_auth_step(struct client *c, struct span response)
{
	struct front_login *l = c->login;

	if (l == NULL || client_is_busy(c))
		PANIC("a step of no exchange");
	if (c->closing)
		return;
	if (l->state == LOGIN_FINAL) {
		l->state = LOGIN_PARENT;
		conn_deadline(c->conn, SESSION_MS);
		/* decide() may call the protocol, which is calling us. */
		front_client_later(c);
		return;
	}
	wire_put_bytes(
	    &l->steps, response.len > RESPONSE_MAX ? SPAN("") : response);
	l->nsteps++;
	l->lost = l->lost || c->front->auth == NULL;
	if (l->steps.bad || (l->lost && !l->repeatable)) {
		l->state = LOGIN_LOST;
		front_client_later(c);
		return;
	}
	l->state = LOGIN_ASKED;
	conn_deadline(c->conn, AUTH_MS);
	if (!l->lost)
		tell_step(c);
	else if (c->front->auth != NULL)
		tell_start(c); /* to the next one, from the beginning */
	else
		front_auth_want(c->front);
	l->lost = false;
}

void
client_auth_cancel(struct client *c)
{
	cancel(c);
	front_client_alarm(c);
}
