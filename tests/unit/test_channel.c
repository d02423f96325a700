/* Channels and the loop under them: order, limits, descriptors, hostile peers.
 */
#include "common/channel.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/wire.h"

struct side {
	struct loop *loop;
	struct channel *channel;
	unsigned messages, closed;
	unsigned stop_after; /* messages; 0: when closed */
	bool free_in_message;
	bool pause_in_message;
	struct channel_msg last;
	size_t last_len;
	uint64_t sum;
	int kept[CHANNEL_FDS_MAX]; /* descriptors taken from the last message */
};

static void
on_message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct side *s = arg;

	assert_ptr_equal(c, s->channel);
	s->messages++;
	s->last = *m;
	s->last_len = m->payload.len;
	for (size_t i = 0; i < m->payload.len; i++)
		s->sum += (unsigned char)m->payload.ptr[i];
	for (int i = 0; i < CHANNEL_FDS_MAX; i++) {
		s->kept[i] = m->fd[i];
		m->fd[i] = -1;
	}
	if (s->pause_in_message)
		channel_pause(c, true);
	if (s->free_in_message)
		channel_free(&s->channel);
	if (s->messages == s->stop_after)
		loop_stop(s->loop);
}

static void
on_closed(void *arg, struct channel *c)
{
	struct side *s = arg;

	assert_ptr_equal(c, s->channel);
	s->closed++;
	channel_send(c, 1, 1, SPAN("goes nowhere"));
	channel_free(&s->channel);
	loop_stop(s->loop);
}

static const struct channel_handler handler = { .message = on_message,
	.closed = on_closed };

static void
begin(struct side *s, int fds[2])
{
	*s = (struct side){ .loop = loop_new() };
	assert_int_equal(channel_pair(fds), H_OK);
	s->channel = channel_new(s->loop, fds[0], &handler, s);
}

static void
end(struct side *s)
{
	channel_free(&s->channel);
	loop_free(&s->loop);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
turn(struct loop *l)
{
	loop_later(l, stop, l);
	loop_run(l);
}

static void
order(void **state)
{
	struct side a, b = { 0 };
	int fds[2];
	char *big = mem_alloc(CHANNEL_PAYLOAD_MAX);
	uint64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < CHANNEL_PAYLOAD_MAX; i++) {
		big[i] = (char)(i * 7);
		sum += (unsigned char)big[i];
	}
	begin(&a, fds);
	b.loop = a.loop;
	b.channel = channel_new(a.loop, fds[1], &handler, &b);
	/* Far more than the socket holds: the rest waits in the queue. */
	for (uint64_t i = 0; i < 40; i++)
		channel_send(a.channel, 7, i,
		    (struct span){ big, CHANNEL_PAYLOAD_MAX - i });
	assert_true(channel_backlog(a.channel) > 20);
	channel_send(a.channel, 9, 99, NO_SPAN);
	b.stop_after = 41;
	loop_run(b.loop);
	assert_int_equal(b.messages, 41);
	assert_int_equal(b.last.type, 9);
	assert_int_equal(b.last.id, 99);
	assert_int_equal(b.last_len, 0);
	assert_int_equal(channel_backlog(a.channel), 0);
	b.sum = 0;
	b.stop_after = 42;
	channel_send(
	    a.channel, 1, 1, (struct span){ big, CHANNEL_PAYLOAD_MAX });
	loop_run(b.loop);
	assert_true(b.sum == sum);
	channel_free(&b.channel);
	loop_run(a.loop);
	assert_int_equal(a.closed, 1);
	mem_free(&big);
	end(&a);
}

static void
last_words(void **state)
{
	struct side a;
	int fds[2];
	struct side b = { 0 };

	(void)state;
	begin(&a, fds);
	b.loop = a.loop;
	b.channel = channel_new(a.loop, fds[1], &handler, &b);
	/* b says something and goes without having read what a said. */
	channel_send(a.channel, 1, 1, SPAN("never read"));
	channel_send(b.channel, 2, 2, SPAN("my last words"));
	channel_free(&b.channel);
	loop_run(a.loop);
	assert_int_equal(a.messages, 1);
	assert_int_equal(a.last.type, 2);
	assert_int_equal(a.closed, 1);
	end(&a);
}

static void
descriptors(void **state)
{
	struct side a, b = { 0 };
	int fds[2], p[2], first;
	char c = 0;

	(void)state;
	begin(&a, fds);
	b.loop = a.loop;
	b.channel = channel_new(a.loop, fds[1], &handler, &b);
	assert_int_equal(pipe(p), 0);
	channel_send_fds(a.channel, 3, 5, SPAN("two"), p, 2);
	close(p[0]);
	close(p[1]);
	b.stop_after = 1;
	loop_run(b.loop);
	assert_true(b.kept[0] >= 0 && b.kept[1] >= 0);
	assert_true(fcntl(b.kept[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(b.kept[1], "x", 1), 1);
	assert_int_equal(read(b.kept[0], &c, 1), 1);
	assert_int_equal(c, 'x');

	/* Queued ones are duplicates: the caller's may close before they go. */
	first = b.kept[1];
	for (int i = 0; i < 100; i++)
		channel_send(a.channel, 4, 0,
		    (struct span){ (const char[1000]){ 0 }, 1000 });
	for (int i = 0; i < 300 && channel_backlog(a.channel) == 0; i++)
		channel_send(a.channel, 4, 0,
		    (struct span){ (const char[9000]){ 0 }, 9000 });
	assert_true(channel_backlog(a.channel) > 0);
	channel_send_fds(a.channel, 5, 0, NO_SPAN, &first, 1);
	close(first);
	close(b.kept[0]);
	b.stop_after = 0;
	while (b.last.type != 5)
		turn(b.loop);
	assert_true(b.kept[0] >= 0 && b.kept[1] == -1);
	assert_true(fcntl(b.kept[0], F_GETFD) >= 0);
	close(b.kept[0]);
	channel_free(&b.channel);
	end(&a);
}

/* Descriptors that a handler leaves alone are closed after it. */
static void
ignore_message(void *arg, struct channel *c, struct channel_msg *m)
{
	int *seen = arg;

	(void)c;
	*seen = m->fd[0];
}

static void
ignore_closed(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
}

static void
descriptors_left(void **state)
{
	static const struct channel_handler ignore = { ignore_message,
		ignore_closed };
	struct loop *l = loop_new();
	int fds[2], seen = -1, p[2];
	struct channel *in, *out;

	(void)state;
	assert_int_equal(channel_pair(fds), H_OK);
	assert_int_equal(pipe(p), 0);
	in = channel_new(l, fds[0], &ignore, &seen);
	out = channel_new(l, fds[1], &ignore, &seen);
	channel_send_fds(out, 1, 1, NO_SPAN, p, 1);
	while (seen < 0)
		turn(l);
	assert_int_equal(fcntl(seen, F_GETFD), -1);
	close(p[0]);
	close(p[1]);
	channel_free(&in);
	channel_free(&out);
	loop_free(&l);
}

static const struct {
	const char *what;
	size_t len;
	uint16_t version;
	uint32_t zero;
	size_t nfds;
} hostile[] = {
	{ "too short", 15, 1, 0, 0 },
	{ "one byte", 1, 1, 0, 0 },
	{ "too long", 16 + CHANNEL_PAYLOAD_MAX + 1, 1, 0, 0 },
	{ "much too long", 16 + CHANNEL_PAYLOAD_MAX + 5000, 1, 0, 0 },
	{ "version 0", 16, 0, 0, 0 },
	{ "version 2", 16, 2, 0, 0 },
	{ "the reserved word", 16, 1, 1, 0 },
	{ "too many descriptors", 16, 1, 0, 5 },
};

static int
count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
hostile_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		struct side a;
		int fds[2], before;
		char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
		char *bytes = mem_alloc(hostile[i].len + 16);
		struct iovec iov = { bytes, hostile[i].len };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		begin(&a, fds);
		put_le16(bytes, hostile[i].version);
		put_le16(bytes + 2, 1);
		put_le32(bytes + 4, hostile[i].zero);
		if (hostile[i].nfds > 0) {
			struct cmsghdr *cm = (struct cmsghdr *)(void *)control;

			msg.msg_control = control;
			msg.msg_controllen =
			    CMSG_SPACE(hostile[i].nfds * sizeof(int));
			cm->cmsg_level = SOL_SOCKET;
			cm->cmsg_type = SCM_RIGHTS;
			cm->cmsg_len = CMSG_LEN(hostile[i].nfds * sizeof(int));
			for (size_t n = 0; n < hostile[i].nfds; n++)
				memcpy(CMSG_DATA(cm) + n * sizeof(int), &fds[1],
				    sizeof(int));
		}
		before = count_fds();
		assert_int_equal(
		    sendmsg(fds[1], &msg, 0), (ssize_t)hostile[i].len);
		loop_run(a.loop);
		if (a.closed != 1 || a.messages != 0)
			fail_msg("%s was believed", hostile[i].what);
		/* The channel's own descriptor went, and none stayed. */
		assert_int_equal(count_fds(), before - 1);
		close(fds[1]);
		mem_free(&bytes);
		end(&a);
	}
}

static void
backlog_is_bounded(void **state)
{
	struct side a;
	int fds[2];
	char *big = mem_alloc(CHANNEL_PAYLOAD_MAX);

	(void)state;
	begin(&a, fds);
	for (int i = 0; i < 200; i++)
		channel_send(
		    a.channel, 1, 1, (struct span){ big, CHANNEL_PAYLOAD_MAX });
	assert_int_equal(a.closed, 0); /* not from inside a send */
	assert_int_equal(channel_backlog(a.channel), 0);
	loop_run(a.loop);
	assert_int_equal(a.closed, 1);
	mem_free(&big);
	close(fds[1]);
	end(&a);
}

static void
free_and_pause(void **state)
{
	struct side a, b = { 0 };
	int fds[2];

	(void)state;
	begin(&a, fds);
	b.loop = a.loop;
	b.channel = channel_new(a.loop, fds[1], &handler, &b);
	for (uint64_t i = 0; i < 3; i++)
		channel_send(a.channel, 1, i, SPAN("x"));
	b.pause_in_message = true;
	b.stop_after = 1;
	loop_run(b.loop);
	turn(b.loop);
	assert_int_equal(b.messages, 1);
	b.pause_in_message = false;
	b.free_in_message = true;
	b.stop_after = 2;
	channel_pause(b.channel, false);
	loop_run(b.loop);
	assert_int_equal(b.messages, 2);
	assert_null(b.channel);
	loop_run(a.loop);
	assert_int_equal(a.closed, 1);
	end(&a);
}

/* ---- the loop's own promises ---- */

struct trace {
	struct loop *loop;
	struct timer *timer;
	char text[16];
	size_t len;
};

static void
later_b(void *arg)
{
	struct trace *t = arg;

	t->text[t->len++] = 'b';
	loop_stop(t->loop);
}

static void
later_a(void *arg)
{
	struct trace *t = arg;

	t->text[t->len++] = 'a';
	loop_later(t->loop, later_b, t);
}

static void
fired(void *arg)
{
	struct trace *t = arg;

	loop_later(t->loop, later_a, t);
	t->text[t->len++] = 't';
}

static void
turns(void **state)
{
	struct trace t = { .loop = loop_new() };

	(void)state;
	t.timer = timer_new(t.loop, fired, &t);
	timer_set(t.timer, 60000);
	timer_set(t.timer, 1);
	loop_run(t.loop);
	assert_string_equal(t.text, "tab");
	timer_free(&t.timer);
	assert_null(t.timer);
	loop_free(&t.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(last_words),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(descriptors_left),
		cmocka_unit_test(hostile_packets),
		cmocka_unit_test(backlog_is_bounded),
		cmocka_unit_test(free_and_pause),
		cmocka_unit_test(turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
