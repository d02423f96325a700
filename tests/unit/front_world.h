/*
 * A world for the front: a parent, an auth role and clients that are all the
 * test's own.  role.c is replaced by a few functions, and scenarios() runs
 * where a front would run its loop.
 */
#ifndef TESTS_UNIT_FRONT_WORLD_H
#define TESTS_UNIT_FRONT_WORLD_H

#include "common/front.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/channel.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"

/* ---- the role that is none ---- */

static struct {
	const struct role_handler *handler;
	void *arg; /* the front */
	struct loop *loop;
	struct settings settings;
	unsigned asked; /* for auth, unanswered */
	void (*got)(void *arg, enum herr, int fd);
	void *got_arg;
	jmp_buf exit;
} role;

static void scenarios(void);

struct role *
role_begin(const char *daemon, enum role_kind kind,
    const struct role_handler *handler, void *arg)
{
	assert_string_equal(daemon, "testd");
	assert_int_equal(kind, ROLE_IMAP_FRONT);
	role.handler = handler;
	role.arg = arg;
	role.loop = loop_new();
	role.settings.max_connections = 100;
	role.settings.max_connections_per_address = 4;
	role.settings.max_connections_per_minute = 100000;
	return (struct role *)(void *)&role;
}

const struct settings *
role_settings(const struct role *r)
{
	(void)r;
	return &role.settings;
}

struct loop *
role_loop(struct role *r)
{
	(void)r;
	return role.loop;
}

void
role_lock_in(struct role *r)
{
	(void)r;
}

void
role_run(struct role *r)
{
	(void)r;
	scenarios();
}

void
role_exit(struct role *r)
{
	(void)r;
	longjmp(role.exit, 1);
}

void
role_idle(struct role *r)
{
	(void)r;
}

void
role_want_peer(struct role *r, uint8_t peer, uint64_t account,
    void (*got)(void *arg, enum herr, int fd), void *arg)
{
	(void)r;
	assert_int_equal(peer, PEER_AUTH);
	assert_int_equal(account, 0);
	role.asked++;
	role.got = got;
	role.got_arg = arg;
}

static void
parent_says_fds(
    uint16_t type, uint64_t id, struct span payload, int one, int two)
{
	struct channel_msg m = {
		.type = type, .id = id, .payload = payload, .fd = { one, two }
	};

	role.handler->message(role.arg, &m);
	for (int i = 0; i < 2; i++)
		if (m.fd[i] >= 0)
			close(m.fd[i]);
}

static void
parent_says(uint16_t type, uint64_t id, struct span payload, int fd)
{
	parent_says_fds(type, id, payload, fd, -1);
}

/* ---- the protocol ---- */

struct state {
	bool greeted;
};

static struct client *last; /* whose line was read last */
static unsigned gone_count;
static unsigned answers;
static struct buf answered = { .limit = 1000 };

static void
take_answer(void *arg, struct span payload)
{
	(void)arg;
	answers++;
	buf_clear(&answered);
	buf_text(&answered, payload.ptr == NULL ? "none" : "some");
}

static void
say(struct client *c, const char *word, struct span rest)
{
	buf_text(conn_output(client_conn(c)), word);
	buf_add(conn_output(client_conn(c)), rest);
	conn_text(client_conn(c), "\r\n");
}

static void
on_input(struct client *c)
{
	struct span line;

	while (!client_is_busy(c) &&
	       conn_line(client_conn(c), 100, &line) == CONN_LINE) {
		last = c;
		if (span_is_nocase(line, "PROVE"))
			client_auth(c, SPAN("SCRAM-SHA-256"), NO_SPAN);
		else if (span_starts_nocase(line, "AUTH "))
			client_auth(c, SPAN("PLAIN"),
			    (struct span){ line.ptr + 5, line.len - 5 });
		else if (span_starts_nocase(line, "STEP "))
			client_auth_step(
			    c, (struct span){ line.ptr + 5, line.len - 5 });
		else if (span_is(line, "CANCEL"))
			client_auth_cancel(c);
		else if (span_is(line, "HOLD"))
			client_hold(c, true);
		else if (span_is(line, "ASK"))
			front_ask_auth(client_front(c), IPC_LOOKUP_RCPT,
			    SPAN("who"), take_answer, NULL);
		else if (span_is(line, "SAID")) {
			struct span said = SPAN("\0nothing");

			(void)front_auth_said(client_front(c), IPC_LOOKUP_RCPT,
			    SPAN("who"), &said);
			say(c, "said ",
			    (struct span){ said.ptr + 1, said.len - 1 });
		} else if (span_is(line, "QUIT")) {
			say(c, "bye", NO_SPAN);
			client_close(c);
			return;
		} else
			say(c, "echo ", line);
	}
}

static void
on_greet(struct client *c)
{
	struct state *s = client_state(c);

	assert_false(s->greeted); /* zeroed */
	s->greeted = true;
	say(c, "hello ", span_of(client_address(c)));
}

static void
on_never(struct client *c)
{
	(void)c;
	fail();
}

static void
on_refuse(struct conn *c, enum front_refusal why)
{
	conn_text(c, why == FRONT_TOO_MANY_FROM_ADDRESS ? "too many\r\n"
		     : why == FRONT_TOO_OFTEN           ? "too often\r\n"
							: "busy\r\n");
}

static void
on_goodbye(struct client *c)
{
	say(c, "goodbye", NO_SPAN);
}

static void
on_gone(struct client *c)
{
	struct state *s = client_state(c);

	assert_true(s->greeted);
	gone_count++;
}

static void
on_challenge(struct client *c, struct span data)
{
	say(c, "challenge ", data);
}

static void
on_logged_in(struct client *c, struct span address, uint64_t account, int queue)
{
	assert_int_equal(queue, -1);
	assert_true(account != 0);
	say(c, "welcome ", address);
}

static void
on_refused(struct client *c, enum herr err, enum auth_failure why)
{
	char text[32];

	snprintf(
	    text, sizeof(text), "%d %d", err, err == H_DENIED ? (int)why : 0);
	say(c, "refused ", span_of(text));
}

static const struct front_protocol protocol = {
	.daemon = "testd",
	.role = ROLE_IMAP_FRONT,
	.client_size = sizeof(struct state),
	.idle_ms = 60000,
	.greet = on_greet,
	.input = on_input,
	.tls_done = on_never,
	.timeout = on_never,
	.refuse = on_refuse,
	.goodbye = on_goodbye,
	.gone = on_gone,
	.challenge = on_challenge,
	.logged_in = on_logged_in,
	.refused = on_refused,
};

/* ---- the clients ---- */

static struct sockaddr_in listening;
static struct timer *pulse;

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* Lets the front work for a moment. */
static void
turn(void)
{
	timer_set(pulse, 1);
	loop_run(role.loop);
}

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(
	    connect(fd, (struct sockaddr *)&listening, sizeof(listening)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
send_text(int fd, const char *text)
{
	assert_int_equal(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* A line, or "" when the other side ended. */
static void
expect(int fd, const char *want)
{
	char got[200] = "";
	size_t len = 0;

	for (int tries = 0; len < sizeof(got) - 1;) {
		ssize_t n = recv(fd, got + len, 1, 0);

		if (n == 1) {
			if (got[len++] == '\n')
				break;
		} else if (n == 0)
			break;
		else {
			assert_int_equal(errno, EAGAIN);
			if (++tries == 3000)
				fail_msg("nothing came, not even the end");
			turn();
		}
	}
	got[len] = '\0';
	if (len >= 2)
		got[len - 2] = '\0';
	assert_string_equal(got, want);
}

static void
silent(int fd)
{
	char c;

	for (int i = 0; i < 4; i++)
		turn();
	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static int
greeted(void)
{
	int fd = dial();

	expect(fd, "hello 127.0.0.1");
	return fd;
}

static void
hang_up(int fd)
{
	unsigned before = gone_count;

	close(fd);
	for (int i = 0; i < 100 && gone_count == before; i++)
		turn();
	assert_int_equal(gone_count, before + 1);
}

/* ---- auth ---- */

static struct {
	struct channel *channel;
	uint16_t type;
	uint64_t id;
	struct buf payload;
	unsigned messages, closed;
} auth = { .payload = { .limit = 100000 } };

static void
auth_hears(void *arg, struct channel *c, struct channel_msg *m)
{
	(void)arg;
	(void)c;
	auth.type = m->type;
	auth.id = m->id;
	buf_clear(&auth.payload);
	buf_add(&auth.payload, m->payload);
	auth.messages++;
}

static void
auth_is_left(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
	auth.closed++;
	channel_free(&auth.channel);
}

static void
start_auth(void)
{
	static const struct channel_handler handler = { auth_hears,
		auth_is_left };
	int fds[2];

	for (int i = 0; i < 100 && role.asked == 0; i++)
		turn();
	assert_int_equal(role.asked, 1);
	role.asked = 0;
	assert_int_equal(channel_pair(fds), H_OK);
	auth.channel = channel_new(role.loop, fds[1], &handler, NULL);
	role.got(role.got_arg, H_OK, fds[0]);
}

static void
auth_waits_for(uint16_t type)
{
	unsigned before = auth.messages;

	for (int i = 0; i < 200 && auth.messages == before; i++)
		turn();
	assert_int_equal(auth.messages, before + 1);
	assert_int_equal(auth.type, type);
}

static void
auth_fails(enum auth_failure why)
{
	char byte = (char)why;

	channel_send(
	    auth.channel, IPC_AUTH_FAILED, auth.id, (struct span){ &byte, 1 });
}

static void
auth_agrees(uint64_t account, const char *final)
{
	struct buf b = BUF_INIT(1000);

	wire_put_u64(&b, account);
	wire_put_bytes(&b, span_of(final));
	wire_put_bytes(&b, SPAN("a@example.test"));
	channel_send(auth.channel, IPC_AUTH_OK, auth.id, buf_span(&b));
	buf_free(&b);
}

static void
auth_challenges(const char *text)
{
	struct buf b = BUF_INIT(1000);

	wire_put_bytes(&b, span_of(text));
	channel_send(auth.channel, IPC_AUTH_CHALLENGE, auth.id, buf_span(&b));
	buf_free(&b);
}

/* What the account role holds; `fd` -1 with an error. */
static int
session_with(uint64_t account, enum herr err, int ahead)
{
	struct buf b = BUF_INIT(100);
	int fds[2] = { -1, -1 };

	if (err == H_OK) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	}
	wire_put_u8(&b, (uint8_t)err);
	wire_put_u64(&b, account);
	wire_put_u64(&b, 0);
	parent_says_fds(IPC_LOGGED_IN, auth.id, buf_span(&b), fds[0], ahead);
	buf_free(&b);
	return fds[1];
}

static int
session_comes(uint64_t account, enum herr err)
{
	return session_with(account, err, -1);
}

#endif
