/* Recipients and senders; peers that break the rules; a directory that was
 * replaced. */
#include "tests/unit/auth_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/wire.h"

/* ---- look-ups ---- */

static enum herr
rcpt(const char *address, size_t *targets)
{
	struct buf out = BUF_INIT(2000);
	struct wire w;
	enum herr err;

	wire_put_bytes(&out, span_of(address));
	channel_send(front, IPC_LOOKUP_RCPT, 9, buf_span(&out));
	buf_free(&out);
	wait_front();
	assert_int_equal(by_front.type, IPC_RCPT_IS);
	w = wire_over((struct span){ by_front.payload, by_front.len });
	err = (enum herr)wire_u8(&w);
	*targets = wire_u16(&w);
	for (size_t i = 0; i < *targets; i++) {
		(void)wire_u64(&w);
		assert_true(wire_bytes(&w, 320).len > 0);
	}
	assert_true(wire_end(&w));
	return err;
}

static void
test_rcpt(void **state)
{
	static const struct {
		const char *address;
		enum herr answer;
		size_t targets;
	} cases[] = {
		{ "alice@example.test", H_OK, 1 },
		{ "Alice+Tag@EXAMPLE.test", H_OK, 1 },
		{ "\"alice\"@example.test", H_OK, 1 },
		{ "info@example.test", H_OK, 2 },
		{ "j\xc3\xb6rg@b\xc3\xbc"
		  "cher.test",
		    H_OK, 1 },
		{ "j\xc3\xb6rg@B\xc3\x9c"
		  "CHER.Test",
		    H_OK, 1 },
		{ "j\xc3\xb6rg@bu\xcc\x88"
		  "cher.test",
		    H_OK, 1 },
		{ "j\xc3\xb6rg@XN--bcher-KVA.test", H_OK, 1 },
		{ "jorg@b\xc3\xbc"
		  "cher.test",
		    H_NOTFOUND, 0 },
		{ "alice@\xe2\x80\xae.test", H_NOTFOUND, 0 },
		{ "postmaster", H_OK, 1 },
		{ "PostMaster@example.test", H_OK, 1 },
		{ "nobody@example.test", H_NOTFOUND, 0 },
		{ "alice@far.example", H_DENIED, 0 },
		{ "alice@example.test.", H_NOTFOUND, 0 },
		{ "@example.test:alice@example.test", H_NOTFOUND, 0 },
		{ "alice", H_NOTFOUND, 0 },
		{ "", H_NOTFOUND, 0 },
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(rcpt(cases[i].address, &n), cases[i].answer);
		assert_int_equal(n, cases[i].targets);
	}
}

static enum herr
sender(uint64_t account, const char *address)
{
	struct buf out = BUF_INIT(2000);

	wire_put_u64(&out, account);
	wire_put_bytes(&out, span_of(address));
	channel_send(front, IPC_LOOKUP_SENDER, 9, buf_span(&out));
	buf_free(&out);
	wait_front();
	assert_int_equal(by_front.type, IPC_SENDER_IS);
	assert_int_equal(by_front.len, 1);
	return (enum herr)by_front.payload[0];
}

static void
test_sender(void **state)
{
	(void)state;
	assert_int_equal(sender(alice, "alice@example.test"), H_OK);
	assert_int_equal(sender(alice, "ALICE+x@example.test"), H_OK);
	assert_int_equal(sender(alice, "info@example.test"), H_OK);
	assert_int_equal(sender(alice, "carol@example.test"), H_DENIED);
	assert_int_equal(sender(alice, "alice@far.example"), H_DENIED);
	assert_int_equal(sender(alice, "nonsense"), H_DENIED);
	assert_int_equal(sender(12345, "alice@example.test"), H_DENIED);
	connect_front(79, PEER_QUEUE_ROLE);
	assert_int_equal(sender(alice, "alice@example.test"), H_OK);
}

/* ---- peers ---- */

/* What is not in the table, or not as it must be, ends the channel, and that
 * one alone. */
static void
test_bad_peers(void **state)
{
	static const struct {
		uint8_t kind;
		uint16_t type;
		const char *payload;
		size_t len;
	} cases[] = {
		{ PEER_FRONT, IPC_LOGIN, "", 0 },
		{ PEER_FRONT, IPC_AUTH_OK, "", 0 },
		{ PEER_FRONT, IPC_AUTH_START, "", 0 },
		{ PEER_FRONT, IPC_AUTH_START, "\xff\xff\xff\xff", 4 },
		{ PEER_FRONT, IPC_AUTH_STEP, "x", 1 },
		{ PEER_FRONT, IPC_AUTH_CANCEL, "x", 1 },
		{ PEER_FRONT, IPC_LOOKUP_RCPT, "\1\0\0\0xx", 6 },
		{ PEER_FRONT, IPC_LOOKUP_SENDER, "\1\0\0\0", 4 },
		{ PEER_QUEUE_ROLE, IPC_AUTH_START, "", 0 },
		{ PEER_QUEUE_ROLE, IPC_LOOKUP_RCPT, "\1\0\0\0x", 5 },
	};
	struct channel *good = front;

	(void)state;
	front = NULL;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		connect_front(i, cases[i].kind);
		by_front = (struct heard){ 0 };
		channel_send(front, cases[i].type, 1,
		    (struct span){ cases[i].payload, cases[i].len });
		while (!by_front.closed)
			loop_run(loop);
		assert_int_equal(by_front.type, 0);
	}
	by_front.closed = false;
	channel_free(&front);
	front = good;
	plain(1, "|alice|secret", "192.0.2.1");
	wait_front();
	assert_int_equal(success(), alice);
	/* The same number twice at once. */
	start(2, "LOGIN", NO_SPAN, "192.0.2.1");
	start(2, "LOGIN", NO_SPAN, "192.0.2.1");
	while (!by_front.closed)
		loop_run(loop);
	assert_int_equal(auth->nlogins, 0);
	/* A kind that auth does not serve. */
	by_front.closed = false;
	connect_front(3, PEER_DELIVER);
	while (!by_front.closed)
		loop_run(loop);
}

/* A new alias or password holds at once: whoever has the old copy answers
 * nothing more. */
static void
test_stale(void **state)
{
	struct directory *d;
	struct buf out = BUF_INIT(100);

	(void)state;
	start(1, "LOGIN", NO_SPAN, "192.0.2.1");
	wait_front();
	assert_int_equal(directory_open(&d, folder), H_OK);
	assert_int_equal(directory_set_quota(d, alice, 5), H_OK);
	directory_close(&d);
	wire_put_bytes(&out, SPAN("alice@example.test"));
	channel_send(front, IPC_LOOKUP_RCPT, 2, buf_span(&out));
	buf_free(&out);
	/* Both are left for the next, and that there will be one is the last
	 * word. */
	while (left == 0)
		loop_run(loop);
	turn(1);
	assert_int_equal(by_front.busy, 0);
	assert_int_equal(by_front.type, IPC_AUTH_LEAVING);
	assert_true(auth->leaving);
	assert_int_equal(auth->nlogins, 0);
}

static void
test_leave(void **state)
{
	(void)state;
	plain(1, "|alice|secret", "192.0.2.1");
	while (auth->nlogins == 0)
		turn(0);
	auth_leave(auth);
	while (by_front.ok == 0)
		wait_front();
	while (left == 0)
		loop_run(loop);
	assert_int_equal(left, 1);
}

#define WORLD_TEST(f) \
	cmocka_unit_test_setup_teardown(f, auth_world_begin, auth_world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_rcpt),
		WORLD_TEST(test_sender),
		WORLD_TEST(test_bad_peers),
		WORLD_TEST(test_stale),
		WORLD_TEST(test_leave),
	};

	log_open("test", "auth", LOG_ERROR);
	return cmocka_run_group_tests(tests, auth_world_warm_up, NULL);
}
