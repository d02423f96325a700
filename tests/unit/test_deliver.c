/*
 * The deliver role without its process: what it stores, what it answers, what
 * it believes.
 */
#include "smtpd/deliver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/channel.h"
#include "common/ipc.h"
#include "common/wire.h"
#include "smtpd/delivery.h"
#include "tests/unit/role_dummy.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store_help.h"

enum { ANSWERS_MAX = 512 };

static struct role role;
static char *folder;
static struct store *store;
static struct deliver *deliver;

/* The other end of a channel, and what came over it. */
struct bringer {
	struct channel *channel;
	struct {
		uint64_t id, value;
		uint16_t type;
	} answers[ANSWERS_MAX];
	size_t nanswers, wanted;
	bool closed;
};
static struct bringer alice, mallory;

static void
answered(void *arg, struct channel *c, struct channel_msg *m)
{
	struct bringer *b = arg;
	struct wire w = wire_over(m->payload);
	uint64_t value = wire_u8(&w);

	(void)c;
	if (m->type == IPC_ROOM_IS)
		assert_true(wire_u64(&w) > 0 || value != H_OK);
	assert_true(wire_end(&w));
	b->answers[b->nanswers].id = m->id;
	b->answers[b->nanswers].type = m->type;
	b->answers[b->nanswers].value = value;
	if (++b->nanswers == b->wanted)
		loop_stop(role.loop);
}

static void
hung_up(void *arg, struct channel *c)
{
	struct bringer *b = arg;

	(void)c;
	channel_free(&b->channel);
	b->closed = true;
	loop_stop(role.loop);
}

static void
connect_bringer(struct bringer *b)
{
	static const struct channel_handler handler = { answered, hung_up };
	int fds[2];

	memset(b, 0, sizeof(*b));
	assert_int_equal(channel_pair(fds), H_OK);
	b->channel = channel_new(role.loop, fds[0], &handler, b);
	deliver_add_peer(deliver, fds[1]);
}

static int
set_up(void **state)
{
	char *account;

	(void)state;
	folder = scratch_folder();
	account = file_path(folder, "account");
	role = (struct role){ .loop = loop_new() };
	assert_int_equal(store_create(account, 7), H_OK);
	assert_int_equal(store_open(&store, account), H_OK);
	mem_free(&account);
	deliver = deliver_new(&role, store);
	connect_bringer(&alice);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	channel_free(&alice.channel);
	deliver_free(&deliver);
	loop_free(&role.loop);
	scratch_remove(&folder);
	return 0;
}

static void
wait_for(struct bringer *b, size_t answers)
{
	b->wanted = answers;
	if (b->nanswers < answers)
		loop_run(role.loop);
	assert_int_equal(b->nanswers, answers);
}

/* ---- what is sent ---- */

#define PREFIX "Return-Path: <>\r\nDelivered-To: a@b\r\n"

static struct delivery
delivery_of(uint8_t id, const struct help_mail *m)
{
	struct delivery d = {
		.trace = SPAN("t"),
		.mailbox = SPAN(""),
		.prefix = SPAN(PREFIX),
		.record = buf_span(&m->record),
		.message = buf_span(&m->message),
		.size = m->message.len,
		.internaldate = 1000,
	};

	d.id[0] = id;
	return d;
}

static void
send_delivery(
    struct bringer *b, const struct delivery *d, uint64_t number, int fd)
{
	struct buf payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	delivery_put(&payload, d);
	assert_false(payload.bad);
	channel_send_fds(
	    b->channel, IPC_DELIVER, number, buf_span(&payload), &fd, fd >= 0);
	buf_free(&payload);
}

static enum herr
one(const struct delivery *d, int fd)
{
	send_delivery(&alice, d, 99, fd);
	wait_for(&alice, alice.nanswers + 1);
	assert_int_equal(
	    alice.answers[alice.nanswers - 1].type, IPC_DELIVER_RESULT);
	assert_int_equal(alice.answers[alice.nanswers - 1].id, 99);
	return (enum herr)alice.answers[alice.nanswers - 1].value;
}

static uint32_t
count(const char *mailbox)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	struct store_mailbox box;

	assert_int_equal(store_find_mailbox(t, span_of(mailbox), &box), H_OK);
	store_abort(&t);
	return box.messages;
}

/* The newest message of INBOX is the prefix, then these bytes. */
static void
assert_newest(struct span message)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	struct buf got = BUF_INIT(16 * 1024 * 1024);
	struct store_mailbox box;
	struct store_row row;

	assert_int_equal(store_find_mailbox(t, SPAN("INBOX"), &box), H_OK);
	assert_int_equal(store_get_row(t, box.id, box.uidnext - 1, &row), H_OK);
	assert_int_equal(row.size, strlen(PREFIX) + message.len);
	assert_int_equal(row.internaldate, 1000);
	assert_int_equal(store_read(t, row.message, 0, row.size, &got), H_OK);
	assert_memory_equal(got.ptr, PREFIX, strlen(PREFIX));
	assert_memory_equal(got.ptr + strlen(PREFIX), message.ptr, message.len);
	assert_true(record_check(store_record(t, row.message), row.size));
	store_abort(&t);
	buf_free(&got);
}

static int
memory_file(struct span a, struct span b)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_int_equal(file_write(fd, a), H_OK);
	assert_int_equal(file_write(fd, b), H_OK);
	return fd;
}

/* ---- tests ---- */

static void
test_inline(void **state)
{
	struct help_mail m = help_mail_new(1, 4000);
	struct delivery d = delivery_of(1, &m);

	(void)state;
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(count("INBOX"), 1);
	assert_newest(buf_span(&m.message));
	help_mail_free(&m);
}

static void
test_descriptor(void **state)
{
	static const size_t sizes[] = { 100, 60000, 3000000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct help_mail m = help_mail_new((unsigned)i, sizes[i]);
		struct delivery d = delivery_of((uint8_t)(i + 1), &m);
		int fd = memory_file(d.message, d.record);

		d.message = d.record = SPAN("");
		assert_int_equal(one(&d, fd), H_OK);
		assert_newest(buf_span(&m.message));
		close(fd);
		help_mail_free(&m);
	}
}

/* A descriptor that does not hold what was promised. */
static void
test_short_descriptor(void **state)
{
	struct help_mail m = help_mail_new(1, 4000);
	struct delivery d = delivery_of(1, &m);
	int fd = memory_file(
	    (struct span){ d.message.ptr, d.message.len - 1 }, NO_SPAN);

	(void)state;
	d.message = d.record = SPAN("");
	assert_int_equal(one(&d, fd), H_INVALID);
	close(fd);
	/* Nor one whose record is another's. */
	fd = memory_file(buf_span(&m.message), SPAN("not a record"));
	assert_int_equal(one(&d, fd), H_INVALID);
	close(fd);
	assert_int_equal(count("INBOX"), 0);
	help_mail_free(&m);
}

static void
test_once(void **state)
{
	struct help_mail m = help_mail_new(1, 4000);
	struct delivery d = delivery_of(1, &m);

	(void)state;
	assert_int_equal(one(&d, -1), H_OK);
	d.flags = DELIVERY_LOOK_UP;
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(count("INBOX"), 1);
	d.id[0]++;
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(count("INBOX"), 2);
	help_mail_free(&m);
}

static void
test_look_up(void **state)
{
	struct help_mail m = help_mail_new(1, 100);
	struct delivery d = delivery_of(1, &m);
	struct span id = { (const char *)d.id, DELIVERY_ID_LEN };

	(void)state;
	channel_send(alice.channel, IPC_DELIVERED_LOOKUP, 1, id);
	send_delivery(&alice, &d, 2, -1);
	channel_send(alice.channel, IPC_DELIVERED_LOOKUP, 3,
	    id); /* while it waits for its batch */
	wait_for(&alice, 3);
	assert_int_equal(alice.answers[0].id, 1);
	assert_int_equal(alice.answers[0].value, H_NOTFOUND);
	assert_int_equal(alice.answers[1].value, H_OK);
	assert_int_equal(alice.answers[2].id, 3);
	assert_int_equal(alice.answers[2].value, H_OK);
	help_mail_free(&m);
}

static enum herr
ask_room(uint64_t wanted)
{
	char payload[8];

	put_le64(payload, wanted);
	channel_send(alice.channel, IPC_ROOM, 5,
	    (struct span){ payload, sizeof(payload) });
	wait_for(&alice, alice.nanswers + 1);
	assert_int_equal(alice.answers[alice.nanswers - 1].type, IPC_ROOM_IS);
	return (enum herr)alice.answers[alice.nanswers - 1].value;
}

static void
test_quota(void **state)
{
	struct help_mail m = help_mail_new(1, 4000);
	struct delivery d = delivery_of(1, &m);
	struct store_txn *t;

	(void)state;
	assert_int_equal(ask_room(1), H_OK);
	assert_int_equal(ask_room(UINT64_MAX), H_FULL);
	t = store_begin(store, STORE_WRITE);
	assert_int_equal(store_set_quota(t, 6000), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	assert_int_equal(ask_room(6000), H_OK);
	assert_int_equal(ask_room(6001), H_QUOTA);
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(ask_room(6000 - m.message.len - strlen(PREFIX)), H_OK);
	assert_int_equal(
	    ask_room(6001 - m.message.len - strlen(PREFIX)), H_QUOTA);
	d.id[0]++;
	assert_int_equal(one(&d, -1), H_QUOTA);
	assert_int_equal(count("INBOX"), 1);
	help_mail_free(&m);
}

static void
test_mailboxes(void **state)
{
	struct help_mail m = help_mail_new(1, 100);
	struct delivery d = delivery_of(1, &m);

	(void)state;
	d.mailbox = SPAN("Junk");
	assert_int_equal(one(&d, -1), H_OK);
	d.id[0]++;
	d.mailbox = SPAN("Gone");
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(count("Junk"), 1);
	assert_int_equal(count("INBOX"), 1);
	help_mail_free(&m);
}

static uint64_t
modseq(void)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	uint64_t now = store_modseq(t);

	store_abort(&t);
	return now;
}

/*
 * What is there when a transaction begins goes into it; the answers keep their
 * order.
 */
static void
test_batch(void **state)
{
	struct help_mail m = help_mail_new(1, 1000);
	uint64_t before = modseq();

	(void)state;
	for (uint8_t i = 0; i < 200; i++) {
		struct delivery d = delivery_of(i, &m);

		if (i == 100)
			d.record = SPAN(
			    "not a record"); /* one bad one costs only itself */
		send_delivery(&alice, &d, i, -1);
	}
	wait_for(&alice, 200);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(alice.answers[i].id, i);
		assert_int_equal(
		    alice.answers[i].value, i == 100 ? H_INVALID : H_OK);
	}
	assert_int_equal(count("INBOX"), 199);
	assert_in_range(modseq() - before, 4, 8); /* 64 at most in one */
	help_mail_free(&m);
}

/* Whoever says what no receiver says is not heard again; the others go on. */
static void
test_hostile(void **state)
{
	struct help_mail m = help_mail_new(1, 100);
	struct delivery good = delivery_of(1, &m);
	struct buf whole = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	static const uint16_t wrong[] = { IPC_ENQUEUE, IPC_DELIVER_RESULT,
		IPC_SETTINGS, 0, 9999 };

	(void)state;
	delivery_put(&whole, &good);
	for (size_t i = 0; i < COUNT_OF(wrong) + whole.len; i++) {
		bool cut = i >= COUNT_OF(wrong);

		connect_bringer(&mallory);
		channel_send(mallory.channel, cut ? IPC_DELIVER : wrong[i], 1,
		    (struct span){
			whole.ptr, cut ? i - COUNT_OF(wrong) : whole.len });
		loop_run(role.loop);
		assert_true(mallory.closed);
		if (i > 50)
			i += 37;
	}
	/* A descriptor and a message inside; neither. */
	for (int i = 0; i < 2; i++) {
		struct delivery d = good;
		int fd = i == 0 ? memory_file(d.message, d.record) : -1;

		if (i == 1)
			d.message = d.record = SPAN("");
		connect_bringer(&mallory);
		send_delivery(&mallory, &d, 1, fd);
		loop_run(role.loop);
		assert_true(mallory.closed);
		if (fd >= 0)
			close(fd);
	}
	assert_int_equal(count("INBOX"), 0);
	assert_int_equal(one(&good, -1), H_OK);
	assert_int_equal(count("INBOX"), 1);
	buf_free(&whole);
	help_mail_free(&m);
}

/* Who hangs up before the answer has brought his message all the same. */
static void
test_gone(void **state)
{
	struct help_mail m = help_mail_new(1, 100);
	struct delivery d = delivery_of(1, &m);

	(void)state;
	connect_bringer(&mallory);
	send_delivery(&mallory, &d, 1, -1);
	channel_free(&mallory.channel);
	d.id[0]++;
	assert_int_equal(one(&d, -1), H_OK);
	assert_int_equal(count("INBOX"), 2);
	help_mail_free(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_inline),
		TEST(test_descriptor),
		TEST(test_short_descriptor),
		TEST(test_once),
		TEST(test_look_up),
		TEST(test_quota),
		TEST(test_mailboxes),
		TEST(test_batch),
		TEST(test_hostile),
		TEST(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
