/*
 * The front between a parent, an auth role, account roles and clients that are
 * all this test: role.c is replaced by a few functions, and the whole test runs
 * where a front would run its loop.
 */
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
parent_says(uint16_t type, uint64_t id, struct span payload, int fd)
{
	struct channel_msg m = {
		.type = type, .id = id, .payload = payload, .fd = { fd, -1 }
	};

	role.handler->message(role.arg, &m);
	if (m.fd[0] >= 0)
		close(m.fd[0]);
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
		if (span_starts_nocase(line, "AUTH "))
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
		else if (span_is(line, "QUIT")) {
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
	conn_text(c,
	    why == FRONT_TOO_MANY_FROM_ADDRESS ? "too many\r\n" : "busy\r\n");
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
session_comes(uint64_t account, enum herr err)
{
	struct buf b = BUF_INIT(100);
	int fds[2] = { -1, -1 };

	if (err == H_OK) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	}
	wire_put_u8(&b, (uint8_t)err);
	wire_put_u64(&b, account);
	parent_says(IPC_LOGGED_IN, auth.id, buf_span(&b), fds[0]);
	buf_free(&b);
	return fds[1];
}

/* ---- scenarios ---- */

static void
talking(void)
{
	int fd = greeted();

	send_text(fd, "one\r\ntwo\r\nthr");
	expect(fd, "echo one");
	expect(fd, "echo two");
	send_text(fd, "ee\r\nQUIT\r\nafter\r\n");
	expect(fd, "echo three");
	expect(fd, "bye");
	expect(fd, "");
	close(fd);
	turn();
}

static void
relaying(void)
{
	int fd = greeted(), session;
	struct wire w;

	/* What follows the login is the account role's. */
	send_text(fd, "AUTH secret\r\nfirst\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	w = wire_over(buf_span(&auth.payload));
	assert_true(span_is(wire_bytes(&w, 100), "PLAIN"));
	assert_int_equal(wire_u8(&w), 1);
	assert_true(span_is(wire_bytes(&w, 100), "secret"));
	assert_true(span_is(wire_bytes(&w, 100), "127.0.0.1"));
	assert_int_equal(wire_u8(&w), 0);
	assert_true(wire_end(&w));
	auth_agrees(7, "");
	silent(fd);
	session = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	expect(session, "first");
	send_text(session, "from the account\r\n");
	expect(fd, "from the account");
	send_text(fd, "second\r\n");
	expect(session, "second");
	/* Half an end: the answer still comes. */
	shutdown(fd, SHUT_WR);
	expect(session, "");
	send_text(session, "last\r\n");
	close(session);
	expect(fd, "last");
	expect(fd, "");
	close(fd);
}

static void
relaying_slowly(void)
{
	int fd = greeted(), session;
	char block[4096] = { 0 };
	size_t sent = 0, got = 0, stalled = 0;

	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	/* Nobody reads: sooner or later nothing more is taken. */
	while (stalled < 20) {
		ssize_t n = send(session, block, sizeof(block), MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			stalled = 0;
		} else {
			stalled++;
			turn();
		}
		assert_true(sent < 30 * 1024 * 1024);
	}
	close(session);
	for (;;) {
		ssize_t n = recv(fd, block, sizeof(block), 0);

		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
		else
			turn();
	}
	assert_int_equal(got, sent);
	close(fd);
	turn();
}

static void
parent_before_auth(void)
{
	int fd = greeted(), session;

	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	session = session_comes(7, H_OK);
	silent(fd);
	auth_agrees(7, "");
	expect(fd, "welcome a@example.test");
	close(session);
	expect(fd, "");
	close(fd);
}

static void
another_account(void)
{
	int fd = greeted(), wrong, right;

	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	wrong = session_comes(8, H_OK);
	auth_agrees(7, "");
	silent(fd);
	expect(wrong, ""); /* closed unused */
	right = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	close(wrong);
	close(right);
	expect(fd, "");
	close(fd);
}

static void
no_session(void)
{
	int fd = greeted(), session;

	send_text(fd, "AUTH x\r\nmore\r\n");
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session_comes(7, H_LIMIT);
	expect(fd, "refused 6 0");
	expect(fd, "echo more");
	hang_up(fd);
	/* A session for nobody is closed. */
	turn();
	session = session_comes(7, H_OK);
	expect(session, "");
	close(session);
}

static void
steps(void)
{
	int fd = greeted(), session;

	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	expect(fd, "challenge what?");
	send_text(fd, "STEP that\r\n");
	auth_waits_for(IPC_AUTH_STEP);
	auth_agrees(7, "proof");
	session = session_comes(7, H_OK);
	expect(fd, "challenge proof");
	silent(fd);
	send_text(fd, "STEP \r\n");
	expect(fd, "welcome a@example.test");
	close(session);
	expect(fd, "");
	close(fd);

	fd = greeted();
	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	expect(fd, "challenge what?");
	send_text(fd, "CANCEL\r\nnext\r\n");
	auth_waits_for(IPC_AUTH_CANCEL);
	expect(fd, "echo next");
	hang_up(fd);
}

static void
guesses(void)
{
	int fd = greeted();

	for (int i = 0; i < 5; i++) {
		send_text(fd, "AUTH x\r\n");
		auth_waits_for(IPC_AUTH_START);
		/* Only wrong passwords count. */
		auth_fails(i == 1   ? AUTH_NO_MECHANISM
			   : i == 3 ? AUTH_BUSY
				    : AUTH_WRONG);
		expect(fd, i == 1   ? "refused 4 3"
			   : i == 3 ? "refused 4 5"
				    : "refused 4 1");
	}
	expect(fd, "");
	close(fd);
	turn();
}

static void
auth_restarts(void)
{
	int fd = greeted(), session;

	/* Before it answered: asked again, and nobody notices. */
	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	channel_free(&auth.channel);
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	close(session);
	expect(fd, "");
	close(fd);

	/* Twice: enough. */
	fd = greeted();
	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	channel_free(&auth.channel);
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	channel_free(&auth.channel);
	expect(fd, "refused 4 5");

	/* In the midst of an exchange: it cannot be asked again. */
	send_text(fd, "AUTH x\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	expect(fd, "challenge what?");
	channel_free(&auth.channel);
	turn();
	send_text(fd, "STEP that\r\n");
	expect(fd, "refused 4 5");

	/* None to be had. */
	send_text(fd, "AUTH x\r\n");
	for (int i = 0; i < 100 && role.asked == 0; i++)
		turn();
	role.asked = 0;
	role.got(role.got_arg, H_BUSY, -1);
	expect(fd, "refused 4 5");
	hang_up(fd);
}

static void
auth_is_hostile(void)
{
	int fd = greeted(), session;
	unsigned closed = auth.closed;

	send_text(fd, "AUTH x\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	/* Of connections that there are none, or that asked nothing. */
	channel_send(auth.channel, IPC_AUTH_FAILED, auth.id + 1000, SPAN("\1"));
	channel_send(auth.channel, IPC_RCPT_IS, 12345, SPAN("\1"));
	turn();
	assert_int_equal(auth.closed, closed);
	/* What auth never says ends the channel; the client is none the wiser.
	 */
	channel_send(auth.channel, IPC_SESSION, auth.id, NO_SPAN);
	for (int i = 0; i < 100 && auth.closed == closed; i++)
		turn();
	assert_int_equal(auth.closed, closed + 1);
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	channel_send(auth.channel, IPC_AUTH_OK, auth.id, SPAN("short"));
	expect(fd, "refused 4 5");
	send_text(fd, "AUTH x\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	close(session);
	expect(fd, "");
	close(fd);
	turn();
}

static void
questions(void)
{
	int fd = greeted();

	answers = 0;
	send_text(fd, "ASK\r\n");
	auth_waits_for(IPC_LOOKUP_RCPT);
	assert_memory_equal(auth.payload.ptr, "who", 3);
	channel_send(auth.channel, IPC_SENDER_IS, auth.id, SPAN("x"));
	channel_send(auth.channel, IPC_RCPT_IS, auth.id, SPAN("x"));
	channel_send(auth.channel, IPC_RCPT_IS, auth.id, SPAN("x"));
	for (int i = 0; i < 100 && answers == 0; i++)
		turn();
	turn();
	assert_int_equal(answers, 1);
	assert_memory_equal(answered.ptr, "some", 4);
	send_text(fd, "ASK\r\n");
	auth_waits_for(IPC_LOOKUP_RCPT);
	channel_free(&auth.channel);
	start_auth();
	auth_waits_for(IPC_LOOKUP_RCPT);
	assert_int_equal(answers, 1);
	channel_free(&auth.channel);
	for (int i = 0; i < 100 && answers == 1; i++)
		turn();
	assert_int_equal(answers, 2);
	assert_memory_equal(answered.ptr, "none", 4);
	hang_up(fd);
}

static void
slots(void)
{
	int fd[5], session, user = greeted();

	/* Who has logged in leaves a stranger's place to others. */
	send_text(user, "AUTH x\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session = session_comes(7, H_OK);
	expect(user, "welcome a@example.test");
	for (int i = 0; i < 4; i++)
		fd[i] = greeted();
	fd[4] = dial();
	expect(fd[4], "too many");
	expect(fd[4], "");
	close(fd[4]);
	hang_up(fd[0]);
	fd[0] = greeted();
	/* Limits can change while the front runs. */
	role.settings.max_connections = 4;
	role.settings.max_connections_per_address = 100;
	fd[4] = dial();
	expect(fd[4], "busy");
	close(fd[4]);
	role.settings.max_connections = 100;
	for (int i = 0; i < 4; i++)
		hang_up(fd[i]);
	close(session);
	expect(user, "");
	close(user);
	turn();
}

static void
held(void)
{
	int fd = greeted();

	send_text(fd, "HOLD\r\nmore\r\n");
	expect(fd, "echo more");
	shutdown(fd, SHUT_WR);
	silent(fd);
	client_hold(last, false);
	expect(fd, "");
	close(fd);
	turn();
}

/* The last one: it ends the front. */
static void
draining(void)
{
	int idle = greeted(), busy = greeted(), holding = greeted();

	send_text(busy, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	send_text(holding, "HOLD\r\n");
	turn();
	turn();
	role.handler->drain(role.arg);
	expect(idle, "goodbye");
	expect(idle, "");
	silent(holding);
	auth_fails(AUTH_WRONG);
	expect(busy, "refused 4 1");
	expect(busy, "goodbye");
	expect(busy, "");
	client_hold(last, false);
	expect(holding, "goodbye");
	expect(holding, "");
	close(idle);
	close(busy);
	close(holding);
	for (int i = 0; i < 10000; i++)
		turn(); /* until role_exit() */
	fail();
}

static void
scenarios(void)
{
	socklen_t len = sizeof(listening);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	listening.sin_family = AF_INET;
	listening.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&listening, sizeof(listening)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(
	    getsockname(fd, (struct sockaddr *)&listening, &len), 0);
	parent_says(IPC_LISTENER, 0,
	    (struct span){ &(const char){ LISTEN_IMAP }, 1 }, fd);
	pulse = timer_new(role.loop, stop, role.loop);
	talking();
	relaying();
	relaying_slowly();
	parent_before_auth();
	another_account();
	no_session();
	steps();
	guesses();
	auth_restarts();
	auth_is_hostile();
	questions();
	slots();
	held();
	draining();
}

static void
front(void **state)
{
	(void)state;
	if (setjmp(role.exit) == 0)
		front_main(&protocol);
	assert_int_equal(conn_finishing(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
