/* SASL exchanges and the preparation of passwords. */
#include "mailstore/auth_sasl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"
#include "mailstore/password.h"

static const struct exchange {
	const char *mechanism;
	const char *said[3]; /* by the client, in order; the first is the
	                        initial response, NULL if there is none */
	size_t len[3];
	const char *heard[3]; /* challenges */
	enum auth_sasl_step end;
	const char *name, *password, *authzid;
} exchanges[] = {
	/* clang-format off */
	{ "PLAIN", { "\0al\0pw" }, { 6 }, { NULL }, AUTH_SASL_PASSWORD, "al", "pw", "al" },
	{ "plain", { "al\0al\0p w" }, { 9 }, { NULL }, AUTH_SASL_PASSWORD, "al", "p w", "al" },
	{ "PLAIN", { "bo\0al\0pw" }, { 8 }, { NULL }, AUTH_SASL_PASSWORD, "al", "pw", "bo" },
	{ "PLAIN", { NULL, "\0al\0pw" }, { 0, 6 }, { "" }, AUTH_SASL_PASSWORD, "al", "pw", "al" },
	{ "PLAIN", { "\0al\0p\xc3\xa4w" }, { 8 }, { NULL }, AUTH_SASL_PASSWORD, "al", "p\xc3\xa4w", "al" },
	{ "PLAIN", { "\0al\0p\0w" }, { 7 }, { NULL }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	{ "PLAIN", { "al" }, { 2 }, { NULL }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	{ "PLAIN", { "\0al" }, { 3 }, { NULL }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	/* Outlook: these prompts and no others; its newer kin says the name at once. */
	{ "LOGIN", { NULL, "al", "pw" }, { 0, 2, 2 }, { "Username:", "Password:" }, AUTH_SASL_PASSWORD, "al", "pw", "" },
	{ "LOGIN", { "al", "pw" }, { 2, 2 }, { "Password:" }, AUTH_SASL_PASSWORD, "al", "pw", "" },
	{ "LOGIN", { NULL, "a\0l" }, { 0, 3 }, { "Username:" }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	{ "LOGIN", { "al", "p\0w" }, { 2, 3 }, { "Password:" }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	{ "LOGIN", { NULL, "" }, { 0, 0 }, { "Username:" }, AUTH_SASL_MALFORMED, NULL, NULL, NULL },
	/* clang-format on */
};

static void
run_exchange(const struct exchange *x)
{
	struct auth_sasl *s = auth_sasl_new(span_of(x->mechanism));
	struct span challenge = NO_SPAN, name, password, authzid;
	enum auth_sasl_step step;
	size_t heard = 0;

	assert_non_null(s);
	step = auth_sasl_begin(s, x->said[0] != NULL,
	    (struct span){ x->said[0], x->len[0] }, &challenge);
	while (step == AUTH_SASL_CHALLENGE) {
		assert_true(heard < 3 && x->heard[heard] != NULL);
		assert_true(span_is(challenge, x->heard[heard++]));
		step = auth_sasl_step(s,
		    (struct span){ x->said[heard], x->len[heard] }, &challenge);
	}
	assert_int_equal(step, x->end);
	assert_true(heard == 3 || x->heard[heard] == NULL);
	if (step == AUTH_SASL_PASSWORD) {
		auth_sasl_result(s, &name, &password, &authzid);
		assert_true(span_is(name, x->name));
		assert_true(span_is(password, x->password));
		assert_true(span_is(authzid, x->authzid));
	}
	auth_sasl_free(&s);
}

static void
test_exchanges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(exchanges); i++)
		run_exchange(&exchanges[i]);
}

static void
test_mechanisms(void **state)
{
	static const char *const refused[] = { "", "CRAM-MD5", "DIGEST-MD5",
		"NTLM", "ANONYMOUS", "GSSAPI", "PLAI", "PLAINX" };
	struct auth_sasl *s;
	struct span challenge;
	static char large[AUTH_SASL_RESPONSE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_null(auth_sasl_new(span_of(refused[i])));
	assert_null(auth_sasl_new((struct span){ "PLAIN\0", 6 }));

	/* Nothing goes on for ever, and nothing is endless. */
	s = auth_sasl_new(SPAN("PLAIN"));
	int steps = 0;
	while (auth_sasl_step(s, NO_SPAN, &challenge) == AUTH_SASL_CHALLENGE)
		assert_true(++steps < 10);
	auth_sasl_free(&s);
	s = auth_sasl_new(SPAN("PLAIN"));
	assert_int_equal(auth_sasl_step(s,
			     (struct span){ large, sizeof(large) }, &challenge),
	    AUTH_SASL_MALFORMED);
	auth_sasl_free(&s);
}

/* RFC 4013, 3: the examples; and what is typed on a Mac is what is typed on a
 * PC. */
static void
test_prepare(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} cases[] = {
		{ "I\xc2\xadX", "IX" }, { "user", "user" }, { "\xc2\xaa", "a" },
		{ "\xe2\x85\xa8", "IX" }, { "\x07", NULL },
		{ "a\xcc\x88", "\xc3\xa4" }, { "with space", "with space" },
		{ "", "" }, { "\xe4", NULL },
		{ "\xf0\x9f\xa6\x86", NULL }, /* newer than the tables */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf out = BUF_INIT(PASSWORD_MAX);
		bool good = auth_sasl_prepare(span_of(cases[i].in), &out);

		assert_int_equal(good, cases[i].out != NULL);
		if (good)
			assert_true(span_is(buf_span(&out), cases[i].out));
		buf_free(&out);
	}
}

static int
warm_up(void **state)
{
	(void)state;
	auth_sasl_warm_up();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_prepare),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
