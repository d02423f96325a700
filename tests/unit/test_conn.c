/* Connections in clear: lines, water marks, limits, ends, deadlines, memory. */
#include "common/conn.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"

struct side {
	struct loop *loop;
	struct conn *conn;
	int peer; /* the other end of its socket */
	unsigned inputs, drained, eof, errors, timeouts;
	bool consume; /* everything at once */
	bool free_on_input, finish_on_input, pause_on_input;
	size_t consumed;
	void (*on_input)(struct side *);
	struct buf seen;
	size_t max;
};

static void
heard(void *arg, struct conn *c, enum conn_event event)
{
	struct side *s = arg;

	assert_ptr_equal(c, s->conn);
	switch (event) {
	case CONN_INPUT:
		s->inputs++;
		if (s->pause_on_input)
			conn_pause(c, true);
		if (s->consume) {
			s->consumed += conn_input(c).len;
			conn_consume(c, conn_input(c).len);
		}
		if (s->on_input != NULL)
			s->on_input(s);
		if (s->free_on_input)
			conn_free(&s->conn);
		else if (s->finish_on_input) {
			conn_text(c, "last words\r\n");
			conn_finish(&s->conn);
		}
		break;
	case CONN_DRAINED: s->drained++; break;
	case CONN_EOF: s->eof++; break;
	case CONN_ERROR: s->errors++; break;
	case CONN_TIMEOUT:
		s->timeouts++;
		loop_stop(s->loop);
		break;
	case CONN_TLS: fail(); break;
	}
}

static void
begin(struct side *s)
{
	int fds[2];

	*s = (struct side){ .loop = loop_new(), .seen = BUF_INIT(1 << 20) };
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	s->conn = conn_new(s->loop, fds[0], heard, s);
	s->peer = fds[1];
}

static void
end(struct side *s)
{
	conn_free(&s->conn);
	if (s->peer >= 0)
		close(s->peer);
	buf_free(&s->seen);
	loop_free(&s->loop);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* A turn, and one more for what the first put off. */
static void
turn(struct side *s)
{
	for (int i = 0; i < 2; i++) {
		loop_later(s->loop, stop, s->loop);
		loop_run(s->loop);
	}
}

/* ---- lines ---- */

/* Writes down what conn_line() says: (line) for a line, ! for a bare CR or LF,
 * > for one too long. */
static void
note_lines(struct side *s)
{
	for (;;) {
		struct span line;

		switch (conn_line(s->conn, s->max, &line)) {
		case CONN_LINE:
			buf_byte(&s->seen, '(');
			buf_add(&s->seen, line);
			buf_byte(&s->seen, ')');
			continue;
		case CONN_LINE_BARE: buf_byte(&s->seen, '!'); continue;
		case CONN_LINE_TOO_LONG:
			buf_byte(&s->seen, '>');
			conn_pause(s->conn, true);
			return;
		case CONN_LINE_NONE: return;
		}
	}
}

static const struct {
	const char *in;
	size_t max;
	const char *seen;
} lines[] = {
	{ "", 10, "" },
	{ "abc", 10, "" },
	{ "abc\r", 10, "" },
	{ "abc\r\n", 10, "(abc)" },
	{ "\r\n", 10, "()" },
	{ "\r\n\r\nx\r\n", 10, "()()(x)" },
	{ "a\r\nb\r\nc", 10, "(a)(b)" },
	{ "a\nb\r\n", 10, "!(b)" },
	{ "a\rb\r\n", 10, "!(b)" },
	{ "a\r\r\n", 10, "!()" },
	{ "a\n\r\n", 10, "!()" },
	{ "\n", 10, "!" },
	{ "12345678\r\n", 10, "(12345678)" },
	{ "123456789\r\n", 10, ">" },
	{ "123456789\r", 10, ">" },
	{ "1234567890", 10, ">" },
	{ "a\r\n1234567890", 10, "(a)>" },
	{ "123456789\n", 10, "!" },
};

static void
lines_one_way(size_t step)
{
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct side s;
		size_t len = strlen(lines[i].in);

		begin(&s);
		s.max = lines[i].max;
		s.on_input = note_lines;
		for (size_t at = 0; at < len; at += step) {
			size_t n = len - at < step ? len - at : step;

			assert_int_equal(
			    write(s.peer, lines[i].in + at, n), (ssize_t)n);
			turn(&s);
		}
		buf_byte(&s.seen, '\0');
		if (strcmp(s.seen.ptr, lines[i].seen) != 0)
			fail_msg("case %zu in steps of %zu: %s, not %s", i,
			    step, s.seen.ptr, lines[i].seen);
		end(&s);
	}
}

static void
lines_whole(void **state)
{
	(void)state;
	lines_one_way(1000);
}

static void
lines_byte_by_byte(void **state)
{
	(void)state;
	lines_one_way(1);
}

/* ---- reading ---- */

static void
input_limit(void **state)
{
	struct side s;
	char *bytes = mem_alloc(100000);
	ssize_t sent;
	size_t first;

	(void)state;
	begin(&s);
	conn_input_limit(s.conn, 20000);
	sent = write(s.peer, bytes, 100000);
	assert_true(sent > 60000);
	for (int i = 0; i < 20; i++)
		turn(&s);
	assert_int_equal(conn_input(s.conn).len, 20000);
	/* With room for a little, a little comes. */
	conn_consume(s.conn, 100);
	turn(&s);
	turn(&s);
	assert_int_equal(conn_input(s.conn).len, 20000);
	first = s.inputs;
	conn_pause(s.conn, true);
	conn_consume(s.conn, 20000);
	turn(&s);
	assert_int_equal(s.inputs, first);
	assert_int_equal(conn_input(s.conn).len, 0);
	s.consume = true;
	conn_pause(s.conn, false);
	for (int i = 0; i < 20; i++)
		turn(&s);
	assert_int_equal(s.consumed + 20100, sent);
	mem_free(&bytes);
	end(&s);
}

static void
pause_in_callback(void **state)
{
	struct side s;
	char *bytes = mem_alloc(60000);

	(void)state;
	begin(&s);
	s.pause_on_input = true;
	assert_true(write(s.peer, bytes, 60000) > 40000);
	turn(&s);
	turn(&s);
	assert_int_equal(s.inputs, 1);
	mem_free(&bytes);
	end(&s);
}

static void
eof_comes_last(void **state)
{
	struct side s;

	(void)state;
	begin(&s);
	assert_int_equal(write(s.peer, "rest", 4), 4);
	shutdown(s.peer, SHUT_WR);
	turn(&s);
	turn(&s);
	assert_int_equal(s.inputs, 1);
	assert_int_equal(s.eof, 1);
	assert_int_equal(conn_input(s.conn).len, 4);
	/* The other half still works. */
	conn_text(s.conn, "reply");
	turn(&s);
	assert_int_equal(read(s.peer, (char[10]){ 0 }, 10), 5);
	assert_int_equal(s.errors, 0);
	end(&s);
}

/* ---- writing ---- */

static void
small_writes_go_together(void **state)
{
	struct side s;
	char got[64];

	(void)state;
	begin(&s);
	conn_text(s.conn, "a");
	conn_text(s.conn, "b");
	buf_text(conn_output(s.conn), "c");
	assert_int_equal(read(s.peer, got, sizeof(got)), -1);
	turn(&s);
	assert_int_equal(read(s.peer, got, sizeof(got)), 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(s.drained, 1);
	conn_text(s.conn, "now");
	conn_flush(s.conn);
	assert_int_equal(read(s.peer, got, sizeof(got)), 3);
	end(&s);
}

static void
water_marks(void **state)
{
	struct side s;
	char block[1000], got[50000];
	size_t written = 0, arrived = 0;
	ssize_t n;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)i;
	while (!conn_full(s.conn)) {
		conn_write(s.conn, (struct span){ block, sizeof(block) });
		written += sizeof(block);
		assert_true(written < 10000000);
	}
	turn(&s);
	assert_int_equal(s.drained, 0);
	while (s.drained == 0) {
		n = read(s.peer, got, sizeof(got));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++, arrived++)
			assert_int_equal(
			    got[i], block[arrived % sizeof(block)]);
		turn(&s);
	}
	assert_false(conn_full(s.conn));
	assert_true(conn_unsent(s.conn) <= 16 * 1024);
	while ((n = read(s.peer, got, sizeof(got))) > 0) {
		arrived += (size_t)n;
		turn(&s);
	}
	assert_int_equal(arrived, written);
	assert_int_equal(conn_unsent(s.conn), 0);
	end(&s);
}

static void
vanished_peer(void **state)
{
	struct side s;

	(void)state;
	begin(&s);
	close(s.peer);
	s.peer = -1;
	conn_text(s.conn, "anybody?");
	conn_flush(s.conn);
	assert_int_equal(s.errors, 0); /* never from inside a call */
	turn(&s);
	turn(&s);
	assert_int_equal(s.errors, 1);
	assert_true(strlen(conn_why(s.conn)) > 0);
	conn_text(s.conn, "again");
	turn(&s);
	assert_int_equal(s.errors, 1);
	end(&s);
}

static void
too_much_output(void **state)
{
	struct side s;
	char *block = mem_alloc(1 << 20);

	(void)state;
	begin(&s);
	for (int i = 0; i < 40; i++)
		conn_write(s.conn, (struct span){ block, 1 << 20 });
	turn(&s);
	assert_int_equal(s.errors, 1);
	mem_free(&block);
	end(&s);
}

/* ---- ends ---- */

static void
finish_says_last_words(void **state)
{
	struct side s;
	char got[64];

	(void)state;
	begin(&s);
	s.finish_on_input = true;
	assert_int_equal(write(s.peer, "quit", 4), 4);
	turn(&s);
	assert_null(s.conn);
	assert_int_equal(conn_finishing(), 1);
	/* Input that nobody will read must not cost the peer our words. */
	assert_int_equal(write(s.peer, "more", 4), 4);
	turn(&s);
	assert_int_equal(read(s.peer, got, sizeof(got)), 12);
	assert_int_equal(read(s.peer, got, sizeof(got)), 0);
	close(s.peer);
	s.peer = -1;
	turn(&s);
	assert_int_equal(conn_finishing(), 0);
	end(&s);
}

static void
finish_sends_much(void **state)
{
	struct side s;
	char *block = mem_alloc(1 << 20);
	size_t arrived = 0;
	ssize_t n = 1;

	(void)state;
	begin(&s);
	conn_write(s.conn, (struct span){ block, 1 << 20 });
	conn_finish(&s.conn);
	while (n != 0) {
		turn(&s);
		while ((n = read(s.peer, block, 1 << 20)) > 0)
			arrived += (size_t)n;
	}
	assert_int_equal(arrived, 1 << 20);
	close(s.peer);
	s.peer = -1;
	turn(&s);
	assert_int_equal(conn_finishing(), 0);
	mem_free(&block);
	end(&s);
}

static void
shut_is_half(void **state)
{
	struct side s;
	char got[64];

	(void)state;
	begin(&s);
	conn_text(s.conn, "done");
	conn_shut(s.conn);
	turn(&s);
	assert_int_equal(read(s.peer, got, sizeof(got)), 4);
	assert_int_equal(read(s.peer, got, sizeof(got)), 0);
	assert_int_equal(write(s.peer, "still", 5), 5);
	turn(&s);
	assert_int_equal(conn_input(s.conn).len, 5);
	end(&s);
}

static void
free_in_callback(void **state)
{
	struct side s;

	(void)state;
	begin(&s);
	s.free_on_input = true;
	assert_int_equal(write(s.peer, "x", 1), 1);
	turn(&s);
	assert_null(s.conn);
	assert_int_equal(s.inputs, 1);
	end(&s);
}

static void
deadlines(void **state)
{
	struct side s;

	(void)state;
	begin(&s);
	conn_deadline(s.conn, 60000);
	conn_deadline(s.conn, 5);
	loop_run(s.loop);
	assert_int_equal(s.timeouts, 1);
	conn_deadline(s.conn, 1);
	conn_deadline(s.conn, 0);
	turn(&s);
	assert_int_equal(s.timeouts, 1);
	end(&s);
}

/* ---- memory ---- */

static void
idle_is_small(void **state)
{
	enum { CONNS = 64 };
	struct side s[CONNS];
	struct loop *loop = loop_new();
	size_t before = 0, after;

	(void)state;
	/* The first one pays for what all share. */
	for (int i = 0; i < CONNS; i++) {
		int fds[2];

		if (i == 1)
			before = mallinfo2().uordblks;
		s[i] = (struct side){ .loop = loop, .consume = true };
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		s[i].conn = conn_new(loop, fds[0], heard, &s[i]);
		s[i].peer = fds[1];
		conn_deadline(s[i].conn, 1800000);
		assert_int_equal(write(fds[1], "hello", 5), 5);
		conn_text(s[i].conn, "hello");
		turn(&s[i]);
		assert_int_equal(s[i].consumed, 5);
	}
	after = mallinfo2().uordblks;
	print_message(
	    "%zu bytes an idle connection\n", (after - before) / (CONNS - 1));
	assert_true((after - before) / (CONNS - 1) < 1024);
	for (int i = 0; i < CONNS; i++) {
		conn_free(&s[i].conn);
		close(s[i].peer);
	}
	loop_free(&loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_whole),
		cmocka_unit_test(lines_byte_by_byte),
		cmocka_unit_test(input_limit),
		cmocka_unit_test(pause_in_callback),
		cmocka_unit_test(eof_comes_last),
		cmocka_unit_test(small_writes_go_together),
		cmocka_unit_test(water_marks),
		cmocka_unit_test(vanished_peer),
		cmocka_unit_test(too_much_output),
		cmocka_unit_test(finish_says_last_words),
		cmocka_unit_test(finish_sends_much),
		cmocka_unit_test(shut_is_half),
		cmocka_unit_test(free_in_callback),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(idle_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
