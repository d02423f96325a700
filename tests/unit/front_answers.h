/* Answers that are there before their questions: of auth, and of an account
 * role.  A part of test_front. */
#ifndef TESTS_UNIT_FRONT_ANSWERS_H
#define TESTS_UNIT_FRONT_ANSWERS_H

#include "tests/unit/front_world.h"

/* ---- of auth ---- */

/* What auth said holds for a second: not if it was no, and not when the
 * directory changes or auth goes. */
static void
said_of_late(void)
{
	static const struct span yes = { "\0yes", 4 }, no = { "\1no", 3 };
	int fd = greeted();
	enum { DIRECTORY, LEAVES, DIES, DIRECTORY_MEANWHILE, ENDS };

	channel_free(&auth.channel);
	turn();
	for (int how = DIRECTORY; how < ENDS; how++) {
		for (int good = 0; good < 2; good++) {
			answers = 0;
			send_text(fd, "ASK\r\n");
			if (auth.channel == NULL)
				start_auth();
			auth_waits_for(IPC_LOOKUP_RCPT);
			if (how == DIRECTORY_MEANWHILE)
				parent_says(IPC_DIRECTORY, 0, NO_SPAN, -1);
			channel_send(auth.channel, IPC_RCPT_IS, auth.id,
			    good ? yes : no);
			for (int i = 0; i < 100 && answers == 0; i++)
				turn();
			send_text(fd, "SAID\r\n");
			expect(fd, good && how != DIRECTORY_MEANWHILE
				       ? "said yes"
				       : "said nothing");
		}
		if (how == DIRECTORY)
			parent_says(IPC_DIRECTORY, 0, NO_SPAN, -1);
		else if (how == LEAVES)
			channel_send(
			    auth.channel, IPC_AUTH_LEAVING, 0, NO_SPAN);
		else
			channel_free(&auth.channel);
		turn();
		turn();
		send_text(fd, "SAID\r\n");
		expect(fd, "said nothing");
		if (how == LEAVES) {
			channel_free(&auth.channel);
			turn();
		}
	}
	hang_up(fd);
}

/* ---- of an account role ---- */

static uint32_t used;
static bool ahead_closed;

static void
ahead_says(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);

	(void)arg;
	(void)c;
	assert_int_equal(m->type, IPC_AHEAD_USED);
	used += wire_u32(&w);
	assert_true(wire_end(&w));
}

static void
ahead_ends(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
	ahead_closed = true;
}

/* Questions from..to, each with its answer, for a state of the session. */
static void
lay_out(struct channel *c, uint64_t in, uint64_t out, int from, int to)
{
	struct buf b = BUF_INIT(4000);
	char text[32];

	wire_put_u64(&b, in);
	wire_put_u64(&b, out);
	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof(text), "GET %d\r\n", i);
		wire_put_bytes(&b, span_of(text));
		snprintf(text, sizeof(text), "got %d\r\n", i);
		wire_put_bytes(&b, span_of(text));
	}
	channel_send(c, IPC_AHEAD, 0, buf_span(&b));
	buf_free(&b);
	turn();
	turn();
}

static void
answers_ahead(void)
{
	static const struct channel_handler handler = { ahead_says,
		ahead_ends };
	int fd = greeted(), session, fds[2];
	struct channel *ahead;

	used = 0;
	ahead_closed = false;
	assert_int_equal(channel_pair(fds), H_OK);
	ahead = channel_new(role.loop, fds[1], &handler, NULL);
	send_text(fd, "AUTH secret\r\n");
	auth_waits_for(IPC_AUTH_START);
	auth_agrees(7, "");
	session = session_with(7, H_OK, fds[0]);
	expect(fd, "welcome a@example.test");

	/* In order, several at once, and with one passed over. */
	lay_out(ahead, 0, 0, 1, 5);
	send_text(fd, "GET 1\r\n");
	expect(fd, "got 1");
	send_text(fd, "GET 2\r\nGET 3\r\n");
	expect(fd, "got 2");
	expect(fd, "got 3");
	send_text(fd, "GET 5\r\n");
	expect(fd, "got 5");
	silent(session);
	turn();
	assert_in_range(used, 1, 5);

	/* What is not there goes to the account role, and then the rest is
	 * void: it may have changed what the answer is. */
	lay_out(ahead, 0, 0, 6, 9);
	send_text(fd, "GET 6\r\nPUT 8\r\nGET 7\r\n");
	expect(fd, "got 6");
	expect(session, "PUT 8");
	expect(session, "GET 7");
	silent(fd);
	send_text(session, "put\r\nnew 7\r\n");
	expect(fd, "put");
	expect(fd, "new 7");

	/* Of the state that holds, and of those that do not. */
	lay_out(ahead, 14, 11, 8, 9);
	lay_out(ahead, 14, 12, 8, 9);
	send_text(fd, "GET 8\r\n");
	expect(fd, "got 8");
	lay_out(ahead, 15, 12, 9, 9);
	send_text(fd, "GET 9\r\n");
	expect(session, "GET 9");
	lay_out(ahead, 21, 13, 9, 9);
	send_text(fd, "GET 9\r\n");
	expect(session, "GET 9");
	send_text(session, "slow 9\r\n");
	expect(fd, "slow 9");

	/* A question in pieces is not waited for. */
	lay_out(ahead, 28, 20, 9, 9);
	send_text(fd, "GET");
	turn();
	send_text(fd, " 9\r\n");
	expect(session, "GET 9");

	/* Nonsense ends the channel, not the session. */
	channel_send(ahead, IPC_AHEAD, 0, SPAN("nonsense"));
	for (int i = 0; i < 100 && !ahead_closed; i++)
		turn();
	assert_true(ahead_closed);
	send_text(fd, "on\r\n");
	expect(session, "on");
	channel_free(&ahead);
	close(session);
	expect(fd, "");
	close(fd);
	turn();
}

#endif
