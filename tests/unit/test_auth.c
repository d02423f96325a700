/* Logins: right, wrong, refused, throttled, remembered, many at once. */
#include "tests/unit/auth_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/wire.h"

static uint64_t
credential_is(uint64_t account)
{
	struct wire w;
	uint64_t credential;

	by_parent.type = 0;
	auth_name_answer(auth, account);
	while (by_parent.type != IPC_CREDENTIAL_IS)
		loop_run(loop);
	assert_int_equal(by_parent.id, account);
	w = wire_over((struct span){ by_parent.payload, by_parent.len });
	credential = wire_u64(&w);
	assert_true(wire_end(&w));
	return credential;
}

static void
test_right(void **state)
{
	uint64_t credential = 0;
	static const char *const ways[] = { "|alice@example.test|secret",
		"|ALICE@example.TEST|secret", "|alice|secret",
		"alice|alice|secret", "alice|alice@example.test|secret",
		"Alice@example.test|alice|secret" };
	struct wire w;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		plain(100 + i, ways[i], "192.0.2.1");
		wait_front();
		assert_int_equal(by_front.id, 100 + i);
		assert_int_equal(success(), alice);
		while (by_parent.id != 100 + i)
			loop_run(loop);
		assert_int_equal(by_parent.type, IPC_LOGIN);
		w = wire_over(
		    (struct span){ by_parent.payload, by_parent.len });
		assert_int_equal(wire_u64(&w), 77);
		assert_int_equal(wire_u64(&w), alice);
		assert_int_equal(wire_u64(&w), 0);
		credential = wire_u64(&w);
		assert_true(wire_end(&w));
	}
	assert_int_equal(auth->nlogins, 0);
	/* What the parent hears when it asks: the same, until it changes. */
	assert_int_equal(credential_is(alice), credential);
	assert_int_equal(credential_is(alice + 2), 0); /* no password */
	assert_int_equal(credential_is(12345), 0);
	assert_int_not_equal(credential_is(alice + 1), credential);
}

static void
test_login_prompts(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	start(5, "LOGIN", NO_SPAN, "192.0.2.1");
	wait_front();
	assert_int_equal(by_front.type, IPC_AUTH_CHALLENGE);
	assert_memory_equal(by_front.payload + 4, "Username:", 9);
	wire_put_bytes(&out, SPAN("alice"));
	channel_send(front, IPC_AUTH_STEP, 5, buf_span(&out));
	wait_front();
	assert_memory_equal(by_front.payload + 4, "Password:", 9);
	buf_clear(&out);
	wire_put_bytes(&out, SPAN("secret"));
	channel_send(front, IPC_AUTH_STEP, 5, buf_span(&out));
	wait_front();
	assert_int_equal(success(), alice);
	buf_free(&out);
}

/* All of these look the same from outside, and take the same way. */
static void
test_wrong(void **state)
{
	static const char *const ways[] = { "|alice@example.test|Secret",
		"|nobody@example.test|secret", "|new@example.test|",
		"|alice@example.test|", "|info@example.test|secret",
		"|alice@far.example|secret", "|alic|secret",
		"carol|alice|Secret", "nobody|alice|Secret" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.%zu.0.1", i);
		plain(200 + i, ways[i], address);
		wait_hurried();
		assert_int_equal(failure(), AUTH_WRONG);
	}
	/* To act as somebody else is refused even with the password. */
	plain(300, "carol@example.test|alice|secret", "10.20.0.1");
	wait_hurried();
	assert_int_equal(failure(), AUTH_WRONG);
	assert_int_equal(by_parent.type, 0);
}

/* A failure is held back, and others are not. */
static void
test_delay(void **state)
{
	(void)state;
	plain(1, "|alice|wrong", "192.0.2.1");
	plain(2, "|alice|secret", "192.0.2.2");
	wait_front();
	assert_int_equal(by_front.id, 2);
	assert_int_equal(success(), alice);
	by_front.type = 0;
	turn(100);
	assert_int_equal(by_front.type, 0);
	assert_int_equal(auth->nlogins, 1);
}

static void
test_refused(void **state)
{
	static char long_name[400];
	static const struct {
		const char *words;
		enum auth_failure why;
	} cases[] = {
		{ "alice", AUTH_MALFORMED },
		{ "||secret", AUTH_MALFORMED },
		{ "|al\x01ice|secret", AUTH_MALFORMED },
		{ "|alice\r\n|secret", AUTH_MALFORMED },
		{ "|alice|sec\xffret", AUTH_WRONG },
		{ long_name, AUTH_MALFORMED },
	};

	(void)state;
	memset(long_name, 'a', 350);
	long_name[0] = '|';
	memcpy(long_name + 340, "|secret", 8);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		plain(i, cases[i].words, "192.0.2.1");
		wait_front();
		assert_int_equal(failure(), cases[i].why);
	}
	start(50, "CRAM-MD5", NO_SPAN, "192.0.2.1");
	wait_front();
	assert_int_equal(failure(), AUTH_NO_MECHANISM);
	/* None of these was a failed guess. */
	for (size_t i = 0; i < 20; i++) {
		start(60 + i, "LOGIN", NO_SPAN, "192.0.2.1");
		wait_front();
		channel_send(front, IPC_AUTH_CANCEL, 60 + i, NO_SPAN);
	}
	plain(99, "|alice|secret", "192.0.2.1");
	wait_front();
	assert_int_equal(success(), alice);
}

static void
test_throttled(void **state)
{
	char words[64];
	int throttled = 0;

	(void)state;
	/* It may begin at the end of a minute. */
	for (uint64_t i = 0; i < 22; i++) {
		snprintf(words, sizeof(words), "|alice|guess %d", (int)i);
		plain(i, words, "192.0.2.1");
		wait_hurried();
		throttled += failure() == AUTH_THROTTLED;
	}
	assert_true(throttled >= 2);
	/* Not even the right one is tried; elsewhere it is. */
	plain(100, "|alice|secret", "192.0.2.1");
	plain(101, "|alice|secret", "198.51.100.1");
	wait_front();
	while (by_front.id != 101)
		wait_front();
	assert_int_equal(success(), alice);
}

/* A password that was right lately needs no thread; a wrong one does. */
static void
test_remembered(void **state)
{
	struct auth_work *work = auth->work;

	(void)state;
	plain(1, "|alice|secret", "192.0.2.1");
	wait_front();
	assert_int_equal(success(), alice);
	auth->work = NULL;
	plain(2, "|alice@example.test|secret", "192.0.2.99");
	wait_front();
	assert_int_equal(success(), alice);
	auth->work = work;
	plain(3, "|alice|secret2", "192.0.2.99");
	wait_hurried();
	assert_int_equal(failure(), AUTH_WRONG);
}

/* Many at once from one place with one password are one check; each gets its
 * answer. */
static void
test_at_once(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		plain(i, "|alice|secret", "192.0.2.1");
	while (by_front.ok < 1000) {
		wait_front();
		assert_int_equal(success(), alice);
	}
	assert_int_equal(auth->nlogins, 0);
}

static void
test_full(void **state)
{
	char words[64];

	(void)state;
	/* Different guesses from different places: nothing can be shared, and
	 * no net has its fill.  For a name that nobody has, so each is as much
	 * work as a real password is: they come faster than they are done. */
	for (uint64_t i = 0; i < 1000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "%u.%u.0.1",
		    10 + (unsigned)i / 250, (unsigned)i % 250);
		snprintf(words, sizeof(words), "|nobody|guess %u", (unsigned)i);
		plain(i, words, address);
	}
	while (by_front.busy == 0)
		wait_front();
	assert_true(auth->nlogins <= 1000);
}

/* Somebody who goes in the midst of it leaves nothing behind. */
static void
test_gone(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	plain(1, "|alice|wrong", "192.0.2.1");
	plain(2, "|alice|secret", "192.0.2.1");
	start(3, "LOGIN", NO_SPAN, "192.0.2.1");
	channel_send(front, IPC_AUTH_CANCEL, 2, NO_SPAN);
	channel_send(front, IPC_AUTH_CANCEL, 2, NO_SPAN);
	wire_put_bytes(&out, SPAN("late"));
	channel_send(front, IPC_AUTH_STEP, 2, buf_span(&out));
	buf_free(&out);
	turn(50);
	assert_int_equal(auth->nlogins, 2);
	connect_front(78, PEER_FRONT);
	turn(10);
	assert_int_equal(auth->nlogins, 0);
	assert_int_equal(auth->npeers, 1);
	assert_int_equal(by_parent.type, 0);
}

#define WORLD_TEST(f) \
	cmocka_unit_test_setup_teardown(f, auth_world_begin, auth_world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_right),
		WORLD_TEST(test_login_prompts),
		WORLD_TEST(test_wrong),
		WORLD_TEST(test_delay),
		WORLD_TEST(test_refused),
		WORLD_TEST(test_throttled),
		WORLD_TEST(test_remembered),
		WORLD_TEST(test_at_once),
		WORLD_TEST(test_full),
		WORLD_TEST(test_gone),
	};

	log_open("test", "auth", LOG_ERROR);
	return cmocka_run_group_tests(tests, auth_world_warm_up, NULL);
}
