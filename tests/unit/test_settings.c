/* A role's settings survive the way, and nothing shortened is believed. */
#include "common/settings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *domains[] = { (char[]){ "example.test" },
	(char[]){ "xn--bcher-kva.test" } };
static const struct settings sample = {
	.hostname = (char[]){ "mail.example.test" },
	.domains = domains,
	.ndomains = 2,
	.state = (char[]){ "/var/lib/hearth" },
	.message_size_limit = UINT64_C(50) << 20,
	.max_connections = 1000,
	.max_connections_per_address = 20,
	.max_connections_per_minute = 300,
	.max_sessions_per_account = 60,
	.max_recipients = 100,
	.plaintext_auth = true,
};

static void
test_round(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct settings got;

	(void)state;
	settings_put(&b, &sample);
	assert_true(settings_get(buf_span(&b), &got));
	assert_string_equal(got.hostname, sample.hostname);
	assert_string_equal(got.state, sample.state);
	assert_int_equal(got.ndomains, 2);
	assert_string_equal(got.domains[1], domains[1]);
	assert_int_equal(got.message_size_limit, sample.message_size_limit);
	assert_int_equal(got.max_connections, 1000);
	assert_int_equal(got.max_connections_per_address, 20);
	assert_int_equal(got.max_connections_per_minute, 300);
	assert_int_equal(got.max_sessions_per_account, 60);
	assert_int_equal(got.max_recipients, 100);
	assert_true(got.plaintext_auth);
	settings_release(&got);
	buf_free(&b);
}

static void
test_every_cut(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct settings got;

	(void)state;
	settings_put(&b, &sample);
	for (size_t len = 0; len < b.len; len++)
		assert_false(settings_get((struct span){ b.ptr, len }, &got));
	buf_byte(&b, 0);
	assert_false(settings_get(buf_span(&b), &got));
	buf_free(&b);
}

static void
test_domains(void **state)
{
	(void)state;
	assert_true(settings_has_domain(&sample, SPAN("Example.TEST")));
	assert_true(settings_has_domain(&sample, SPAN("xn--bcher-kva.test")));
	assert_false(settings_has_domain(&sample, SPAN("example.tes")));
	assert_false(settings_has_domain(&sample, SPAN("xexample.test")));
	assert_false(settings_has_domain(&sample, SPAN("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
