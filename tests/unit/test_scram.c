/* SCRAM logins: right, wrong, counted, and silent about who exists. */
#include "tests/unit/auth_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/wire.h"
#include "tests/unit/scram_client.h"

static struct span
payload(void)
{
	struct wire w =
	    wire_over((struct span){ by_front.payload, by_front.len });

	return wire_bytes(&w, 1000);
}

/* The server's first message, or NO_SPAN if it refused; lent until the next. */
static struct span
begin(uint64_t id, struct scram_client *c, const char *address)
{
	c->nonce = "0123456789abcdef";
	start(id, c->binding.len > 0 ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256",
	    scram_first(c), address);
	wait_front();
	return by_front.type == IPC_AUTH_CHALLENGE ? payload() : NO_SPAN;
}

static void
try(uint64_t id, const char *name, const char *password, const char *address)
{
	struct scram_client c = {
		.gs2 = "n,,", .name = name, .password = password
	};

	if (begin(id, &c, address).ptr == NULL)
		return;
	step(id, scram_final(&c, payload()));
	wait_hurried();
}

static void
assert_in(const char *server_proof)
{
	struct wire w =
	    wire_over((struct span){ by_front.payload, by_front.len });

	assert_int_equal(by_front.type, IPC_AUTH_OK);
	assert_int_equal(wire_u64(&w), alice);
	assert_true(span_is(wire_bytes(&w, 100), server_proof));
	assert_true(span_is(wire_bytes(&w, 320), "alice@example.test"));
	assert_true(wire_end(&w));
}

static void
test_right(void **state)
{
	static const struct {
		const char *gs2, *name, *binding;
	} ways[] = {
		{ "n,,", "alice@example.test", "" },
		{ "n,,", "ALICE@Example.Test", "" },
		{ "n,,", "alice", "" },
		{ "y,,", "alice", "" },
		{ "n,a=alice@example.test,", "alice", "" },
		{ "p=tls-exporter,,", "alice", "a binding" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct scram_client c = { .gs2 = ways[i].gs2,
			.name = ways[i].name,
			.password = "secret",
			.binding = span_of(ways[i].binding) };

		binding = c.binding;
		assert_non_null(begin(i, &c, "192.0.2.1").ptr);
		step(i, scram_final(&c, payload()));
		wait_front();
		assert_in(c.server);
		while (by_parent.id != i || by_parent.type != IPC_LOGIN)
			loop_run(loop);
	}
	assert_int_equal(auth->nlogins, 0);
}

/* What is offered, or claimed not to be, is in the binding. */
static void
test_bound(void **state)
{
	struct scram_client c = {
		.gs2 = "y,,", .name = "alice", .password = "secret"
	};

	(void)state;
	binding = SPAN("a binding");
	assert_null(begin(1, &c, "192.0.2.1").ptr);
	assert_int_equal(failure(), AUTH_WRONG);
	binding = NO_SPAN;
	c.gs2 = "p=tls-exporter,,";
	c.binding = SPAN("a binding");
	assert_null(begin(2, &c, "192.0.2.1").ptr);
	assert_int_equal(failure(), AUTH_NO_MECHANISM);
	binding = SPAN("another binding");
	assert_non_null(begin(3, &c, "192.0.2.1").ptr);
	step(3, scram_final(&c, payload()));
	wait_hurried();
	assert_int_equal(failure(), AUTH_WRONG);
}

static void
test_wrong(void **state)
{
	static const char *const ways[][2] = { { "alice", "Secret" },
		{ "alice@example.test", "" }, { "nobody", "secret" },
		{ "new@example.test", "" }, { "info@example.test", "secret" },
		{ "twin", "secret" }, { "alice@far.example", "secret" } };
	struct scram_client other = {
		.gs2 = "n,a=carol,", .name = "alice", .password = "secret"
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.%zu.0.1", i);
		try(i, ways[i][0], ways[i][1], address);
		assert_int_equal(failure(), AUTH_WRONG);
	}
	/* To act as somebody else is refused even with the password. */
	assert_non_null(begin(50, &other, "10.20.0.1").ptr);
	step(50, scram_final(&other, payload()));
	wait_front();
	assert_int_equal(failure(), AUTH_WRONG);
	assert_int_equal(by_parent.type, 0);
}

/* A failure is held back as one of PLAIN is. */
static void
test_delay(void **state)
{
	struct scram_client c = {
		.gs2 = "n,,", .name = "alice", .password = "wrong"
	};

	(void)state;
	assert_non_null(begin(1, &c, "192.0.2.1").ptr);
	step(1, scram_final(&c, payload()));
	by_front.type = 0;
	turn(100);
	assert_int_equal(by_front.type, 0);
	assert_int_equal(auth->nlogins, 1);
}

/* Where a name's salt and iterations stand in the server's words. */
static const char *
salt_of(const char *name, char text[200])
{
	static uint64_t id = 1000;
	struct scram_client c = { .gs2 = "n,,", .name = name };
	struct span said;
	const char *at;

	said = begin(++id, &c, "192.0.2.1");
	assert_true(said.ptr != NULL && said.len < 200);
	memcpy(text, said.ptr, said.len);
	text[said.len] = '\0';
	channel_send(front, IPC_AUTH_CANCEL, id, NO_SPAN);
	assert_non_null(at = strstr(text, ",s="));
	return at;
}

/*
 * The salt is told to everybody: a name that nobody has must look like one that
 * somebody has, in whatever form it is asked for.
 */
static void
test_salts(void **state)
{
	static const char *const names[][4] = {
		/* the same person, or nobody, in several forms */
		{ "alice", "alice@example.test", "ALICE@EXAMPLE.TEST",
		    "Alice" },
		{ "nobody@example.test", "NOBODY@example.test",
		    "nobody@Example.Test", "Nobody@example.test" },
		{ "nobody@b\xc3\xbc"
		  "cher.test",
		    "nobody@xn--bcher-kva.test",
		    "Nobody@B\xc3\xbc"
		    "cher.test",
		    "nobody@xn--bcher-kva.test" },
		{ "not an address @", "not an address @", "NOT an address @",
		    "not an address @" },
		{ "new@example.test", "NEW@example.test", "new@example.TEST",
		    "New@Example.test" },
		{ "only", "only@xn--bcher-kva.test", "ONLY", "only" },
	};
	char texts[4][200], bares[200], one[200], two[200];
	unsigned first = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *salt = salt_of(names[i][0], texts[0]);

		for (size_t n = 1; n < 4; n++)
			if (strcmp(salt_of(names[i][n], texts[n]), salt) != 0)
				fail_msg("%s: %s", names[i][n], texts[n]);
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(
			    salt_of(names[other][0], one), salt);
	}
	/* A bare name stands for one address, in either domain. */
	for (unsigned i = 0; i < 40; i++) {
		char bare[32] = "twin", a[64], b[64];
		const char *salt;

		if (i > 0)
			snprintf(bare, sizeof(bare), "nobody%u", i);
		snprintf(a, sizeof(a), "%s@example.test", bare);
		snprintf(b, sizeof(b), "%s@xn--bcher-kva.test", bare);
		salt = salt_of(bare, bares);
		assert_string_not_equal(salt_of(a, one), salt_of(b, two));
		if (strcmp(salt_of(a, one), salt) == 0)
			first++;
		else
			assert_string_equal(salt_of(b, two), salt);
	}
	assert_true(first > 0 && first < 40);
}

/* As many tries as PLAIN has, and each is counted; what is none is not. */
static void
test_counted(void **state)
{
	struct scram_client c = {
		.gs2 = "n,,", .name = "alice", .password = "secret"
	};
	unsigned throttled = 0;

	(void)state;
	for (uint64_t i = 0; i < 30; i++) { /* cancelled, malformed */
		assert_non_null(begin(i, &c, "192.0.2.1").ptr);
		if (i % 2 == 0) {
			channel_send(front, IPC_AUTH_CANCEL, i, NO_SPAN);
			continue;
		}
		step(i, SPAN("c=biws,r=junk"));
		wait_front();
		assert_int_equal(failure(), AUTH_MALFORMED);
	}
	try(100, "alice", "secret", "192.0.2.1");
	assert_int_equal(by_front.type, IPC_AUTH_OK);
	/* It may begin at the end of a minute. */
	for (uint64_t i = 200; i < 222; i++) {
		try(i, i % 2 == 0 ? "alice" : "nobody", "wrong", "192.0.2.1");
		throttled += failure() == AUTH_THROTTLED;
	}
	assert_true(throttled >= 2);
	/* Not even the right one is tried, by either mechanism; elsewhere it
	 * is. */
	assert_null(begin(300, &c, "192.0.2.1").ptr);
	assert_int_equal(failure(), AUTH_THROTTLED);
	plain(301, "|alice|secret", "192.0.2.1");
	wait_front();
	assert_int_equal(failure(), AUTH_THROTTLED);
	try(302, "alice", "secret", "198.51.100.1");
	assert_int_equal(by_front.type, IPC_AUTH_OK);
}

/* Who began before the address had its fill does not get one more try for it.
 */
static void
test_counted_at_the_proof(void **state)
{
	struct scram_client c[40];

	(void)state;
	for (uint64_t i = 0; i < COUNT_OF(c); i++) {
		c[i] = (struct scram_client){
			.gs2 = "n,,", .name = "alice", .password = "wrong"
		};
		assert_non_null(begin(i, &c[i], "192.0.2.1").ptr);
		scram_final(&c[i], payload());
	}
	for (uint64_t i = 0; i < COUNT_OF(c); i++)
		step(i, span_of(c[i].final));
	turn(100);
	/* Those tried wait for their answer (it may have begun at the end of a
	 * minute); the others have it. */
	assert_true(auth->nlogins >= 10 && auth->nlogins <= 20);
	assert_int_equal(failure(), AUTH_THROTTLED);
}

#define WORLD_TEST(f) \
	cmocka_unit_test_setup_teardown(f, auth_world_begin, auth_world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_right),
		WORLD_TEST(test_bound),
		WORLD_TEST(test_wrong),
		WORLD_TEST(test_delay),
		WORLD_TEST(test_salts),
		WORLD_TEST(test_counted),
		WORLD_TEST(test_counted_at_the_proof),
	};

	log_open("test", "auth", LOG_ERROR);
	return cmocka_run_group_tests(tests, auth_world_warm_up, NULL);
}
