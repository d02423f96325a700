/* The front between a parent, an auth role, account roles and clients that are
 * all this test. */
#include "tests/unit/front_answers.h"
#include "tests/unit/front_world.h"

#include <sys/resource.h>

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
	assert_int_equal(wire_bytes(&w, 100).len, 0);
	assert_int_equal(wire_bytes(&w, 100).len, 0);
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

	/* Accounts change again and again: asked as often as need be. */
	fd = greeted();
	send_text(fd, "AUTH x\r\n");
	for (int i = 0; i < 5; i++) {
		auth_waits_for(IPC_AUTH_START);
		channel_send(auth.channel, IPC_AUTH_LEAVING, 0, NO_SPAN);
		channel_free(&auth.channel);
		start_auth();
	}
	auth_waits_for(IPC_AUTH_START);
	auth_fails(AUTH_WRONG);
	expect(fd, "refused 4 1");
	hang_up(fd);

	/* It died, twice: enough. */
	fd = greeted();
	send_text(fd, "AUTH x\r\n");
	auth_waits_for(IPC_AUTH_START);
	channel_free(&auth.channel);
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	channel_free(&auth.channel);
	expect(fd, "refused 4 5");

	/* In the midst of an exchange, while the client has the word, and once
	 * more: all of it is told again, and nobody notices. */
	send_text(fd, "AUTH x\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	expect(fd, "challenge what?");
	channel_free(&auth.channel);
	turn();
	send_text(fd, "STEP that\r\n");
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	auth_waits_for(IPC_AUTH_STEP);
	channel_free(&auth.channel);
	start_auth();
	auth_waits_for(IPC_AUTH_START);
	auth_challenges("what?");
	auth_waits_for(IPC_AUTH_STEP);
	auth_agrees(7, "");
	session = session_comes(7, H_OK);
	expect(fd, "welcome a@example.test");
	close(session);
	expect(fd, "");
	close(fd);

	/* Where the response depends on the challenge it cannot be told. */
	fd = greeted();
	send_text(fd, "PROVE\r\n");
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
	/* It has come far more often than that already. */
	role.settings.max_connections_per_minute = 1;
	fd[4] = greeted();
	hang_up(fd[4]);
	fd[4] = dial();
	expect(fd[4], "too often");
	expect(fd[4], "");
	close(fd[4]);
	role.settings.max_connections_per_minute = 100000;
	for (int i = 0; i < 4; i++)
		hang_up(fd[i]);
	close(session);
	expect(user, "");
	close(user);
	turn();
}

static void
out_of_descriptors(void)
{
	struct rlimit r, few;
	int taken[64], fd[3];
	size_t n = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	few = r;
	few.rlim_cur = 60;
	for (int i = 0; i < 3; i++)
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((taken[n] = dup(fd[0])) >= 0)
		n++;
	/* Each hears why, and the front has its reserve back for the next. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(connect(fd[i], (struct sockaddr *)&listening,
				     sizeof(listening)),
		    0);
		assert_int_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
		expect(fd[i], "busy");
		expect(fd[i], "");
	}
	while (n > 0)
		close(taken[--n]);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	hang_up(greeted());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
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
	/* Nobody waits for auth, which may take its time. */
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
	answers_ahead();
	parent_before_auth();
	another_account();
	no_session();
	steps();
	guesses();
	auth_restarts();
	auth_is_hostile();
	questions();
	said_of_late();
	slots();
	out_of_descriptors();
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
