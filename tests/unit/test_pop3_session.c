/* A POP3 session over a real store: numbers that stay, deletion at QUIT alone,
 * long answers to slow readers. */
#include "pop3d/pop3_session.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/channel.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/mime.h"
#include "common/wire.h"

static struct loop *loop;
static struct store *store;
static uint32_t inbox;
static char folder[64];

/* ---- a store ---- */

static void
put(struct span message)
{
	struct buf record = BUF_INIT(1 << 20);
	struct store_append append = { .internaldate = 1 };
	struct mime *mime = mime_new();
	struct store_blob *blob = store_blob_new(store);
	struct store_txn *t;
	uint32_t uid;

	mime_feed(mime, message);
	mime_end(mime, &record);
	mime_free(&mime);
	assert_int_equal(store_blob_write(blob, message), H_OK);
	append.mailbox = inbox;
	append.record = buf_span(&record);
	t = store_begin(store, STORE_WRITE);
	assert_int_equal(store_append(t, blob, &append, &uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	store_blob_free(&blob);
	buf_free(&record);
}

static void
put_text(const char *text)
{
	put(span_of(text));
}

static uint32_t
uid_of(uint32_t seq)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	struct store_view *v = store_view_get(t, inbox);
	uint32_t uid = store_view_uid(v, seq);

	store_view_unref(&v);
	store_abort(&t);
	return uid;
}

static uint32_t
held(void)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	struct store_mailbox mb;

	assert_int_equal(store_get_mailbox(t, inbox, &mb), H_OK);
	store_abort(&t);
	return mb.messages;
}

static void
expunge(uint32_t uid)
{
	struct store_txn *t = store_begin(store, STORE_WRITE);

	assert_int_equal(store_expunge(t, inbox, uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
}

static int
setup(void **state)
{
	struct store_txn *t;
	struct store_mailbox mb;
	char account[80];

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/hearth-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(account, sizeof(account), "%s/a", folder);
	assert_int_equal(store_create(account, 1), H_OK);
	assert_int_equal(store_open(&store, account), H_OK);
	t = store_begin(store, STORE_READ);
	assert_int_equal(store_find_mailbox(t, SPAN("INBOX"), &mb), H_OK);
	inbox = mb.id;
	store_abort(&t);
	loop = loop_new();
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "wake" };
	char path[128];

	(void)state;
	store_close(&store);
	loop_free(&loop);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/a/%s", folder, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/a", folder);
	rmdir(path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* ---- a client ---- */

static struct pop3_session *session;
static unsigned overs;
static struct timer *pulse;
static int ahead = -1; /* the next session's */

static void
over(void *arg)
{
	(void)arg;
	session = NULL;
	overs++;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static int
begin(void)
{
	struct pop3_drop *drop;
	int fds[2];

	overs = 0;
	assert_int_equal(pop3_drop_open(&drop, store), H_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	session = pop3_session_new(loop, fds[0], ahead, drop, over, NULL);
	ahead = -1;
	pulse = timer_new(loop, stop, NULL);
	return fds[1];
}

static void
turn(void)
{
	timer_set(pulse, 1);
	loop_run(loop);
}

static void
end(int fd)
{
	close(fd);
	for (int i = 0; i < 100 && overs == 0; i++)
		turn();
	assert_int_equal(overs, 1);
	turn();
	turn();
	timer_free(&pulse);
}

static void
send_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Exactly these bytes come next. */
static void
expect(int fd, const char *want)
{
	size_t len = strlen(want), have = 0;
	char *got = mem_alloc(len + 1);

	for (int tries = 0; have < len;) {
		ssize_t n = read(fd, got + have, len - have);

		if (n > 0)
			have += (size_t)n;
		else if (n == 0 || errno != EAGAIN || ++tries == 2000)
			break;
		else
			turn();
	}
	assert_string_equal(got, want);
	mem_free(&got);
}

/* The end, and nothing before it. */
static void
expect_end(int fd)
{
	char c;
	ssize_t n = -1;

	for (int i = 0; i < 2000 && n < 0; i++) {
		turn();
		n = read(fd, &c, 1);
	}
	assert_int_equal(n, 0);
}

static void
ask(int fd, const char *command, const char *want)
{
	send_text(fd, command);
	send_text(fd, "\r\n");
	expect(fd, want);
}

/* ---- a front that takes answers ahead ---- */

static struct buf pairs = { .limit = 1 << 20 }; /* as text: question, answer */
static uint64_t pairs_in, pairs_out;
static unsigned packs;

static void
laid_out(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);

	(void)arg;
	(void)c;
	assert_int_equal(m->type, IPC_AHEAD);
	pairs_in = wire_u64(&w);
	pairs_out = wire_u64(&w);
	buf_clear(&pairs);
	while (w.pos < w.end && !w.bad)
		buf_add(&pairs, wire_bytes(&w, 1 << 20));
	assert_true(wire_end(&w));
	buf_byte(&pairs, '\0');
	packs++;
}

static void
ahead_gone(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
}

static struct channel *
begin_ahead(int *fd)
{
	static const struct channel_handler handler = { laid_out, ahead_gone };
	int fds[2];

	packs = 0;
	assert_int_equal(channel_pair(fds), H_OK);
	ahead = fds[0];
	*fd = begin();
	return channel_new(loop, fds[1], &handler, NULL);
}

static void
expect_pairs(uint64_t in, uint64_t out, const char *want)
{
	for (int i = 0; i < 100 && packs == 0; i++)
		turn();
	assert_int_equal(packs, 1);
	packs = 0;
	assert_int_equal(pairs_in, in);
	assert_int_equal(pairs_out, out);
	assert_string_equal(pairs.ptr, want);
}

static void
expect_no_pairs(void)
{
	for (int i = 0; i < 5; i++)
		turn();
	assert_int_equal(packs, 0);
}

/* ---- tests ---- */

#define NO_SUCH "-ERR No such message\r\n"

static void
empty(void **state)
{
	int fd = begin();

	(void)state;
	ask(fd, "STAT", "+OK 0 0\r\n");
	ask(fd, "LIST", "+OK\r\n.\r\n");
	ask(fd, "UIDL", "+OK\r\n.\r\n");
	ask(fd, "RETR 1", NO_SUCH);
	ask(fd, "quit", "+OK Goodbye\r\n");
	expect_end(fd);
	end(fd);
}

static void
commands(void **state)
{
	static const struct {
		const char *command, *answer;
	} cases[] = {
		{ "STAT", "+OK 3 51\r\n" },
		{ "LIST", "+OK\r\n1 17\r\n2 17\r\n3 17\r\n.\r\n" },
		{ "list 2", "+OK 2 17\r\n" },
		{ "LIST 4", NO_SUCH },
		{ "LIST 0", NO_SUCH },
		{ "LIST x", "-ERR Syntax error\r\n" },
		{ "STAT 1", "-ERR Syntax error\r\n" },
		{ "RETR", "-ERR Syntax error\r\n" },
		{ "TOP 1", "-ERR Syntax error\r\n" },
		{ "USER alice", "-ERR Unknown command\r\n" },
		{ "RETR 2", "+OK\r\nA: b\r\n\r\n..two\r\nx\r\n.\r\n" },
		{ "TOP 2 1", "+OK\r\nA: b\r\n\r\n..two\r\n.\r\n" },
		{ "TOP 2 0", "+OK\r\nA: b\r\n\r\n.\r\n" },
		{ "TOP 2 99", "+OK\r\nA: b\r\n\r\n..two\r\nx\r\n.\r\n" },
		{ "NOOP", "+OK\r\n" },
		{ "DELE 2", "+OK Will be deleted at QUIT\r\n" },
		{ "DELE 2", NO_SUCH },
		{ "RETR 2", NO_SUCH },
		{ "TOP 2 1", NO_SUCH },
		{ "LIST 2", NO_SUCH },
		{ "UIDL 2", NO_SUCH },
		{ "STAT", "+OK 2 34\r\n" },
		{ "LIST", "+OK\r\n1 17\r\n3 17\r\n.\r\n" },
		{ "RSET", "+OK Nothing will be deleted\r\n" },
		{ "STAT", "+OK 3 51\r\n" },
	};
	int fd;

	(void)state;
	put_text("A: b\r\n\r\n.one\r\nx\r\n");
	put_text("A: b\r\n\r\n.two\r\nx\r\n");
	put_text("A: b\r\n\r\n.six\r\nx\r\n");
	/* One by one, all at once, and byte by byte. */
	fd = begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		ask(fd, cases[i].command, cases[i].answer);
	end(fd);
	fd = begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		send_text(fd, cases[i].command);
		send_text(fd, "\r\n");
	}
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect(fd, cases[i].answer);
	end(fd);
	fd = begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (const char *c = cases[i].command; *c != '\0'; c++) {
			assert_int_equal(write(fd, c, 1), 1);
			turn();
		}
		ask(fd, "", cases[i].answer);
	}
	end(fd);
	assert_int_equal(held(), 3);
}

#define ONE "+OK\r\nA: b\r\n\r\n..one\r\nx\r\n.\r\n"
#define TWO "+OK\r\nA: b\r\n\r\n..two\r\nx\r\n.\r\n"
#define SIX "+OK\r\nA: b\r\n\r\n..six\r\nx\r\n.\r\n"

/* Who reads two in a row is expected to read the third. */
static void
answers_ahead(void **state)
{
	unsigned char one_used[4] = { 1 };
	int fd;
	struct channel *c = begin_ahead(&fd);
	uint64_t in = 16, out = 2 * strlen(ONE);

	(void)state;
	ask(fd, "RETR 1", ONE);
	expect_no_pairs();
	ask(fd, "RETR 2", TWO);
	expect_pairs(in, out, "RETR 3\r\n" SIX);
	/* It is used, and there is no fourth. */
	channel_send(c, IPC_AHEAD_USED, 0,
	    (struct span){ (const char *)one_used, sizeof(one_used) });
	expect_no_pairs();
	/* Anything else in between ends the row; so does going back. */
	ask(fd, "NOOP", "+OK\r\n");
	ask(fd, "RETR 2", TWO);
	expect_no_pairs();
	ask(fd, "RETR 1", ONE);
	expect_no_pairs();
	ask(fd, "retr 2", TWO);
	in += 6 + 3 * 8;
	out += 5 + 3 * strlen(ONE);
	expect_pairs(in, out, "retr 3\r\n" SIX);
	/* What is marked has no answer that could be given ahead. */
	ask(fd, "DELE 3", "+OK Will be deleted at QUIT\r\n");
	ask(fd, "RETR 1", ONE);
	ask(fd, "RETR 2", TWO);
	expect_no_pairs();
	/* Nonsense ends the channel, not the session. */
	channel_send(c, IPC_AHEAD_USED, 0, SPAN("x"));
	turn();
	ask(fd, "RSET", "+OK Nothing will be deleted\r\n");
	ask(fd, "RETR 1", ONE);
	ask(fd, "RETR 2", TWO);
	expect_no_pairs();
	ask(fd, "QUIT", "+OK Goodbye\r\n");
	end(fd);
	channel_free(&c);
}

static void
bad_lines(void **state)
{
	int fd = begin();

	(void)state;
	send_text(fd, "NOOP\n");
	expect(fd, "-ERR Lines end in CR LF\r\n");
	expect_end(fd);
	end(fd);
	fd = begin();
	for (int i = 0; i < 30; i++)
		send_text(fd, "0123456789");
	expect(fd, "-ERR Line too long\r\n");
	expect_end(fd);
	end(fd);
	fd = begin();
	for (int i = 0; i < 10; i++)
		ask(fd, "NONSENSE", "-ERR Unknown command\r\n");
	expect_end(fd);
	end(fd);
}

static void
deleted_at_quit_alone(void **state)
{
	int fd = begin();

	(void)state;
	ask(fd, "DELE 1", "+OK Will be deleted at QUIT\r\n");
	end(fd); /* the connection is lost */
	assert_int_equal(held(), 3);
	fd = begin();
	ask(fd, "DELE 1", "+OK Will be deleted at QUIT\r\n");
	pop3_session_goodbye(session); /* the server ends */
	expect(fd, "-ERR [SYS/TEMP] The server is shutting down\r\n");
	expect_end(fd);
	end(fd);
	assert_int_equal(held(), 3);
	fd = begin();
	/* Half an end behind QUIT is no lost connection. */
	send_text(fd, "DELE 1\r\nDELE 3\r\nQUIT\r\n");
	shutdown(fd, SHUT_WR);
	expect(fd,
	    "+OK Will be deleted at QUIT\r\n+OK Will be deleted at QUIT\r\n"
	    "+OK Goodbye\r\n");
	expect_end(fd);
	end(fd);
	assert_int_equal(held(), 1);
}

static void
others_work_meanwhile(void **state)
{
	int fd = begin();
	char line[64];
	uint32_t gone = uid_of(1);

	(void)state;
	snprintf(line, sizeof(line), "+OK 1 %016lx\r\n", (unsigned long)2);
	ask(fd, "UIDL 1", line);
	put_text("A: b\r\n\r\nnew\r\n");
	ask(fd, "STAT", "+OK 1 17\r\n");
	ask(fd, "RETR 2", NO_SUCH);
	expunge(gone);
	ask(fd, "RETR 1",
	    "-ERR This message was removed by another program\r\n");
	ask(fd, "TOP 1 0",
	    "-ERR This message was removed by another program\r\n");
	ask(fd, "DELE 1", "+OK Will be deleted at QUIT\r\n");
	ask(fd, "QUIT", "+OK Goodbye\r\n");
	expect_end(fd);
	end(fd);
	assert_int_equal(held(), 1);
	fd = begin();
	ask(fd, "RETR 1", "+OK\r\nA: b\r\n\r\nnew\r\n.\r\n");
	end(fd);
}

/* A large message, which is removed while a slow client reads it, arrives
 * whole. */
static void
large_and_slow(void **state)
{
	enum { LINES = 60000 };
	struct buf message = BUF_INIT(4 << 20), want = BUF_INIT(4 << 20);
	char got[1000];
	size_t have = 0;
	int fd;

	(void)state;
	buf_text(&message, "A: b\r\n\r\n");
	buf_text(&want, "+OK\r\nA: b\r\n\r\n");
	for (int i = 0; i < LINES; i++) {
		buf_format(&message, ".%d is the number\r\n", i);
		buf_format(&want, "..%d is the number\r\n", i);
	}
	buf_text(&want, ".\r\n+OK\r\n");
	put(buf_span(&message));
	fd = begin();
	send_text(fd, "RETR 2\r\nNOOP\r\n");
	for (int i = 0; i < 20; i++)
		turn();
	expunge(uid_of(2));
	while (have < want.len) {
		ssize_t n = read(fd, got, sizeof(got));

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			turn();
			continue;
		}
		assert_true(n > 0);
		assert_memory_equal(got, want.ptr + have, (size_t)n);
		have += (size_t)n;
	}
	end(fd);
	buf_free(&message);
	buf_free(&want);
}

static void
many(void **state)
{
	enum { MORE = 400 };
	struct buf want = BUF_INIT(1 << 20);
	int fd;

	(void)state;
	for (int i = 0; i < MORE; i++)
		put_text("A: b\r\n\r\nx\r\n");
	fd = begin();
	buf_text(&want, "+OK\r\n1 13\r\n");
	for (int i = 0; i < MORE; i++)
		if (i != 199)
			buf_format(&want, "%d 11\r\n", i + 2);
	buf_text(&want, ".\r\n");
	buf_byte(&want, '\0');
	ask(fd, "DELE 201", "+OK Will be deleted at QUIT\r\n");
	ask(fd, "LIST", want.ptr);
	end(fd);
	buf_free(&want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(commands),
		cmocka_unit_test(answers_ahead),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(deleted_at_quit_alone),
		cmocka_unit_test(others_work_meanwhile),
		cmocka_unit_test(large_and_slow),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
