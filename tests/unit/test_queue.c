/*
 * The queue without its process: whom it believes, what it promises, what
 * becomes of it.
 */
#include "smtpd/queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailstore/spool_int.h"
#include "tests/unit/queue_world.h"

/* ---- what is sent ---- */

static char message[] = "Received: x\r\n\r\nhello\r\n";

static void
send_message(struct channel *c, uint8_t id, const char *reverse_path,
    const uint64_t *accounts, size_t n)
{
	struct buf payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct enqueue_recipient to[ACCOUNTS];
	struct enqueue e = {
		.id = { id },
		.trace = SPAN("t"),
		.reverse_path = span_of(reverse_path),
		.record = SPAN("record"),
		.message = span_of(message),
		.size = strlen(message),
		.recipients = to,
		.nrecipients = n,
	};

	for (size_t i = 0; i < n; i++) {
		to[i].account = accounts[i];
		to[i].address = SPAN("who@there.example");
		to[i].prefix = SPAN("Delivered-To: who@there.example\r\n");
	}
	enqueue_put(&payload, &e);
	channel_send(c, IPC_ENQUEUE, id, buf_span(&payload));
	buf_free(&payload);
}

static enum herr
enqueue_mx(uint8_t id, const uint64_t *accounts, size_t n)
{
	unsigned before = mx.nanswers;

	send_message(mx.channel, id, "s@far.example", accounts, n);
	while (mx.nanswers == before && !mx.closed)
		loop_run(role.loop);
	assert_int_equal(mx.number, id);
	return mx.err;
}

static enum herr
enqueue_login(
    uint8_t id, const char *reverse_path, const uint64_t *accounts, size_t n)
{
	unsigned before = login.nanswers;

	send_message(login.channel, id, reverse_path, accounts, n);
	while (login.nanswers == before && !login.closed)
		loop_run(role.loop);
	return login.err;
}

static void
wait_for_deliveries(unsigned n)
{
	roles.wanted = n;
	while (roles.ncame < n)
		loop_run(role.loop);
	assert_int_equal(roles.ncame, n);
}

/* What the tool would see: the text, with its tabs. */
static bool
report_holds(const char *text)
{
	struct buf b = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	bool found;

	queue_report(queue, QUEUE_LIST, 0, &b);
	found = b.len > 0 && memmem(b.ptr, b.len, text, strlen(text)) != NULL;
	buf_free(&b);
	return found;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(role.loop);
}

/* Until nothing is left to do but to wait. */
static void
settle(void)
{
	struct timer *t = timer_new(role.loop, stop, NULL);

	timer_set(t, 50);
	loop_run(role.loop);
	timer_free(&t);
}

/* ---- tests ---- */

static const uint64_t two[] = { 1, 2 }, outside[] = { 0, 2 };

static void
test_fan_out(void **state)
{
	(void)state;
	assert_int_equal(enqueue_mx(1, two, 2), H_OK);
	assert_true(mx.id > 0);
	wait_for_deliveries(2);
	assert_int_equal(roles.came[0].account, 1);
	assert_int_equal(roles.came[1].account, 2);
	assert_memory_not_equal(
	    roles.came[0].id, roles.came[1].id, DELIVERY_ID_LEN);
	assert_string_equal(roles.came[0].prefix,
	    "Return-Path: <s@far.example>\r\nDelivered-To: "
	    "who@there.example\r\n");
	assert_string_equal(roles.came[0].message, message);
	assert_int_equal(roles.came[0].flags, 0);
	settle();
	assert_false(report_holds("entry"));
}

/* Nobody relays without a login, whatever a receiver says. */
static void
test_outside_needs_login(void **state)
{
	(void)state;
	assert_int_equal(enqueue_mx(1, outside, 2), H_DENIED);
	assert_int_equal(enqueue_mx(2, outside, 1), H_DENIED);
	settle();
	assert_int_equal(auth.asked, 0);
	assert_int_equal(roles.ncame, 0);
	assert_false(report_holds("entry"));
}

/* And nobody in another's name. */
static void
test_sender(void **state)
{
	(void)state;
	auth.says = H_DENIED;
	assert_int_equal(
	    enqueue_login(1, "boss@example.test", outside, 2), H_DENIED);
	assert_int_equal(auth.asked, 1);
	assert_int_equal(auth.account, 5);
	assert_string_equal(auth.address, "boss@example.test");
	auth.says = H_BUSY;
	assert_int_equal(
	    enqueue_login(2, "me@example.test", outside, 2), H_BUSY);
	assert_false(report_holds("entry"));
	auth.says = H_OK;
	assert_int_equal(enqueue_login(3, "Me@Example.test", outside, 2), H_OK);
	assert_string_equal(auth.address, "me@example.test");
	wait_for_deliveries(1);
	assert_int_equal(roles.came[0].account, 2);
	settle();
	assert_true(report_holds("rcpt\twaiting\t0\t"));
	assert_true(report_holds("rcpt\tdone\t"));
	/* The null sender is everybody's. */
	assert_int_equal(enqueue_login(4, "", outside, 1), H_OK);
	assert_int_equal(auth.asked, 3);
	/* What stays local needs no question. */
	assert_int_equal(enqueue_login(5, "boss@example.test", two, 2), H_OK);
	assert_int_equal(auth.asked, 3);
}

/* An auth that is started again, for a new password say, is asked again. */
static void
test_lost_auth(void **state)
{
	(void)state;
	auth.hangs_up = 2;
	assert_int_equal(enqueue_login(1, "me@example.test", outside, 1), H_OK);
	assert_int_equal(auth.asked, 3);
	auth.hangs_up = 100;
	assert_int_equal(
	    enqueue_login(2, "me@example.test", outside, 1), H_BUSY);
	assert_in_range(auth.asked, 4, 20);
}

static void
test_once(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(enqueue_login(1, "", outside, 2), H_OK);
	first = login.id;
	wait_for_deliveries(1);
	assert_int_equal(enqueue_login(1, "", outside, 2), H_OK);
	assert_int_equal(login.id, first);
	settle();
	assert_int_equal(roles.ncame, 1);
}

static void
test_look_up(void **state)
{
	uint8_t id[DELIVERY_ID_LEN] = { 1 };
	struct span known = { (const char *)id, sizeof(id) };

	(void)state;
	channel_send(mx.channel, IPC_ENQUEUED_LOOKUP, 9, known);
	loop_run(role.loop);
	assert_int_equal(mx.err, H_NOTFOUND);
	assert_int_equal(enqueue_login(1, "", outside, 1), H_OK);
	/* Over any channel. */
	channel_send(mx.channel, IPC_ENQUEUED_LOOKUP, 10, known);
	loop_run(role.loop);
	assert_int_equal(mx.number, 10);
	assert_int_equal(mx.err, H_OK);
	assert_int_equal(mx.id, login.id);
}

/* A role that goes without an answer is asked again, to look first. */
static void
test_lost_role(void **state)
{
	(void)state;
	roles.hangs_up[1] = true;
	assert_int_equal(enqueue_mx(1, two, 2), H_OK);
	wait_for_deliveries(3);
	assert_int_equal(roles.came[2].account, 1);
	assert_int_equal(roles.came[2].flags, DELIVERY_LOOK_UP);
	settle();
	assert_false(report_holds("entry"));
}

static void
test_results(void **state)
{
	static const struct {
		enum herr says;
		const char *report;
	} cases[] = {
		{ H_EXISTS, NULL },
		{ H_QUOTA, "rcpt\twaiting\t1\t" },
		{ H_FULL, "rcpt\twaiting\t1\t" },
		{ H_BUSY, "rcpt\twaiting\t1\t" },
		{ H_IO, "rcpt\twaiting\t1\t" },
		{ H_NOTFOUND, "rcpt\tfailed\t1\t" },
		{ H_INVALID, "rcpt\tfailed\t1\t" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (i > 0)
			set_up(state);
		roles.says[1] = cases[i].says;
		assert_int_equal(enqueue_mx(1, two, 2), H_OK);
		wait_for_deliveries(2);
		settle();
		if (report_holds("entry") != (cases[i].report != NULL) ||
		    (cases[i].report != NULL && !report_holds(cases[i].report)))
			fail_msg("case %zu", i);
		if (i + 1 < COUNT_OF(cases))
			tear_down(state);
	}
}

/* An account that was removed while its mail was on the way. */
static void
test_no_account(void **state)
{
	(void)state;
	roles.absent[1] = H_NOTFOUND;
	assert_int_equal(enqueue_mx(1, two, 2), H_OK);
	wait_for_deliveries(1);
	settle();
	assert_true(report_holds("rcpt\tfailed\t1\t"));
	assert_true(report_holds("rcpt\tdone\t1\t"));
}

/*
 * What was not finished goes on in the next life: looked up first, under the
 * same id.
 */
static void
test_restart(void **state)
{
	uint8_t id[DELIVERY_ID_LEN];

	(void)state;
	roles.says[1] = H_BUSY;
	assert_int_equal(
	    enqueue_login(1, "", (const uint64_t[]){ 1, 0, 2 }, 3), H_OK);
	wait_for_deliveries(2);
	memcpy(id, roles.came[0].id, sizeof(id));
	settle();
	close_queue();
	roles.says[1] = H_OK;
	open_queue();
	wait_for_deliveries(3);
	assert_int_equal(roles.came[2].account, 1);
	assert_int_equal(roles.came[2].flags, DELIVERY_LOOK_UP);
	assert_memory_equal(roles.came[2].id, id, sizeof(id));
	settle();
	assert_int_equal(roles.ncame, 3);
	assert_true(report_holds("rcpt\twaiting\t0\t"));
}

/* Who stands behind a row that cannot be read gets his mail all the same. */
static void
test_damaged(void **state)
{
	char *path = file_path(folder, "queue");
	struct spool *spool;
	struct spool_txn *t;
	struct spool_key key;

	(void)state;
	roles.says[1] = H_BUSY;
	for (uint8_t i = 1; i <= 3; i++)
		assert_int_equal(
		    enqueue_mx(i, (const uint64_t[]){ 1 }, 1), H_OK);
	settle();
	close_queue();
	assert_int_equal(spool_open(&spool, path), H_OK);
	t = spool_begin(spool, true);
	db_put(t->db, SPOOL_ENTRY, spool_key(&key, 2), SPAN("nonsense"));
	assert_int_equal(spool_commit(&t), H_OK);
	spool_close(&spool);
	mem_free(&path);
	roles.says[1] = H_OK;
	open_queue();
	wait_for_deliveries(5);
	settle();
	assert_true(report_holds("damaged"));
	/* New mail comes and goes. */
	assert_int_equal(enqueue_mx(9, two, 2), H_OK);
	wait_for_deliveries(7);
}

/* A large message: by descriptor in, by descriptor out. */
static void
test_large(void **state)
{
	enum { SIZE = 3000000 };
	struct buf payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct enqueue_recipient to[2] = { { 1, SPAN("a@b"), SPAN("") },
		{ 2, SPAN("c@d"), SPAN("") } };
	struct enqueue e = { .id = { 1 },
		.trace = SPAN("t"),
		.reverse_path = SPAN(""),
		.record = SPAN(""),
		.message = SPAN(""),
		.size = SIZE,
		.recipients = to,
		.nrecipients = 2 };
	char *bytes = mem_alloc(SIZE);
	int fd = memfd_create("message", MFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)('a' + i * i % 23);
	assert_int_equal(file_write(fd, (struct span){ bytes, SIZE }), H_OK);
	assert_int_equal(file_write(fd, SPAN("record")), H_OK);
	enqueue_put(&payload, &e);
	channel_send_fds(
	    mx.channel, IPC_ENQUEUE, 1, buf_span(&payload), &fd, 1);
	while (mx.nanswers == 0)
		loop_run(role.loop);
	assert_int_equal(mx.err, H_OK);
	wait_for_deliveries(2);
	assert_int_equal(roles.came[0].size, SIZE);
	assert_memory_equal(roles.came[0].message, bytes, 199);
	assert_memory_equal(roles.came[1].message, bytes, 199);
	mem_free(&bytes);
	close(fd);
	buf_free(&payload);
}

static void
test_hostile(void **state)
{
	static const struct {
		uint16_t type;
		struct span payload;
	} cases[] = {
		{ IPC_ENQUEUE, { "", 0 } },
		{ IPC_ENQUEUE,
		    { "garbage that is no message at all......", 38 } },
		{ IPC_ENQUEUED_LOOKUP, { "short", 5 } },
		{ IPC_DELIVER, { "", 0 } },
		{ IPC_CTL_QUEUE, { "", 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		mx.closed = false;
		channel_send(mx.channel, cases[i].type, 1, cases[i].payload);
		loop_run(role.loop);
		assert_true(mx.closed);
		mx.channel = new_peer(0);
	}
	assert_int_equal(enqueue_login(1, "", two, 2), H_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fan_out),
		TEST(test_outside_needs_login),
		TEST(test_sender),
		TEST(test_lost_auth),
		TEST(test_once),
		TEST(test_look_up),
		TEST(test_lost_role),
		TEST(test_results),
		TEST(test_no_account),
		TEST(test_restart),
		TEST(test_damaged),
		TEST(test_large),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
