/* SASL exchanges and the preparation of passwords. */
#include "mailstore/auth_sasl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"
#include "mailstore/password.h"
#include "tests/unit/scram_client.h"

static const struct auth_sasl_terms nothing;

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
	struct auth_sasl *s = auth_sasl_new(span_of(x->mechanism), &nothing);
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
		"NTLM", "ANONYMOUS", "GSSAPI", "PLAI", "PLAINX", "SCRAM-SHA-1",
		"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "EXTERNAL",
		"XOAUTH2" };
	struct auth_sasl *s;
	struct span challenge;
	static char large[AUTH_SASL_RESPONSE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_null(auth_sasl_new(span_of(refused[i]), &nothing));
	assert_null(auth_sasl_new((struct span){ "PLAIN\0", 6 }, &nothing));

	/* Nothing goes on for ever, and nothing is endless. */
	s = auth_sasl_new(SPAN("PLAIN"), &nothing);
	int steps = 0;
	while (auth_sasl_step(s, NO_SPAN, &challenge) == AUTH_SASL_CHALLENGE)
		assert_true(++steps < 10);
	auth_sasl_free(&s);
	s = auth_sasl_new(SPAN("PLAIN"), &nothing);
	assert_int_equal(auth_sasl_step(s,
			     (struct span){ large, sizeof(large) }, &challenge),
	    AUTH_SASL_MALFORMED);
	auth_sasl_free(&s);
}

/* ---- SCRAM ---- */

static struct directory_credential pencil;
static unsigned asked;

static bool
credential(void *arg, struct span name, struct directory_credential *c)
{
	const char *known = arg;

	asked++;
	*c = pencil;
	return span_is(name, known);
}

/* RFC 7677, 3: the client of these tests says what it says there. */
static void
test_client(void **state)
{
	struct scram_client c = { .gs2 = "n,,",
		.name = "user",
		.password = "pencil",
		.nonce = "rOprNGfwEbeRWgbNEkqO" };

	(void)state;
	assert_true(
	    span_is(scram_first(&c), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
	assert_true(span_is(
	    scram_final(
		&c, SPAN("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			 "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")),
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
	assert_string_equal(
	    c.server, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#define BOUND(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

/* clang-format off */
static const struct scram {
	const char *mechanism, *gs2;
	struct span binding;      /* the client's */
	struct span tls_exporter, tls_unique; /* ours */
	const char *name, *password;
	enum auth_sasl_step first, last;
} scrams[] = {
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "scram-sha-256", "n,a=user,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, BOUND("12345678"), BOUND("abc"), "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "Pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_WRONG },
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "", AUTH_SASL_CHALLENGE, AUTH_SASL_WRONG },
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, { "", 0 }, { "", 0 }, "nobody", "pencil", AUTH_SASL_REFUSED, 0 },
	{ "SCRAM-SHA-256", "n,,", { "", 0 }, { "", 0 }, { "", 0 }, "", "pencil", AUTH_SASL_MALFORMED, 0 },
	{ "SCRAM-SHA-256", "n,,m=x,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "pencil", AUTH_SASL_MALFORMED, 0 },
	{ "SCRAM-SHA-256", "z,,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "pencil", AUTH_SASL_MALFORMED, 0 },
	/* "y": "you do not offer it", which is right, or a lie of somebody in between. */
	{ "SCRAM-SHA-256", "y,,", { "", 0 }, { "", 0 }, { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "SCRAM-SHA-256", "y,,", { "", 0 }, BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256", "y,,", { "", 0 }, { "", 0 }, BOUND("abc"), "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256", "p=tls-exporter,,", BOUND("12345678"), BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", BOUND("12345678"), BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "SCRAM-SHA-256-PLUS", "p=tls-unique,,", BOUND("a\0bcdefghijk"), { "", 0 }, BOUND("a\0bcdefghijk"), "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_PROVEN },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", BOUND("12345678"), BOUND("12345678"), { "", 0 }, "user", "crayon", AUTH_SASL_CHALLENGE, AUTH_SASL_WRONG },
	/* Another connection's; none; of another kind; of one that nobody knows. */
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", BOUND("12345679"), BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_WRONG },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", { "", 0 }, BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_CHALLENGE, AUTH_SASL_WRONG },
	{ "SCRAM-SHA-256-PLUS", "p=tls-unique,,", BOUND("12345678"), BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", BOUND("12345678"), BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256-PLUS", "n,,", { "", 0 }, BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
	{ "SCRAM-SHA-256-PLUS", "y,,", { "", 0 }, BOUND("12345678"), { "", 0 }, "user", "pencil", AUTH_SASL_UNBOUND, 0 },
};
/* clang-format on */

static void
run_scram(const struct scram *x, bool initial)
{
	char known[] = "user";
	struct auth_sasl_terms terms = { credential, known, x->tls_exporter,
		x->tls_unique };
	struct auth_sasl *s = auth_sasl_new(span_of(x->mechanism), &terms);
	struct scram_client c = { .gs2 = x->gs2,
		.binding = x->binding,
		.name = x->name,
		.password = x->password,
		.nonce = "fyko+d2lbbFgONRv9qkxdawL" };
	struct span challenge = NO_SPAN, name, password, authzid;
	enum auth_sasl_step step;

	assert_non_null(s);
	asked = 0;
	step = auth_sasl_begin(
	    s, initial, initial ? scram_first(&c) : NO_SPAN, &challenge);
	if (!initial) {
		assert_int_equal(step, AUTH_SASL_CHALLENGE);
		assert_int_equal(challenge.len, 0);
		assert_false(auth_sasl_is_try(s));
		step = auth_sasl_step(s, scram_first(&c), &challenge);
	}
	assert_int_equal(step, x->first);
	assert_int_equal(
	    asked, step == AUTH_SASL_CHALLENGE || step == AUTH_SASL_REFUSED);
	assert_int_equal(auth_sasl_is_try(s), step == AUTH_SASL_CHALLENGE);
	if (step == AUTH_SASL_CHALLENGE) {
		step =
		    auth_sasl_step(s, scram_final(&c, challenge), &challenge);
		assert_int_equal(step, x->last);
	}
	if (step == AUTH_SASL_PROVEN) {
		assert_true(span_is(challenge, c.server));
		auth_sasl_result(s, &name, &password, &authzid);
		assert_true(span_is(name, "user"));
		assert_int_equal(password.len, 0);
		assert_int_equal(
		    authzid.len, strstr(x->gs2, "a=") != NULL ? 4 : 0);
	}
	auth_sasl_free(&s);
}

static void
test_scram(void **state)
{
	(void)state;
	pencil = (struct directory_credential){ .iterations = 700 };
	password_random(pencil.salt, sizeof(pencil.salt));
	password_derive(SPAN("pencil"), &pencil);
	for (size_t i = 0; i < COUNT_OF(scrams); i++) {
		run_scram(&scrams[i], true);
		run_scram(&scrams[i], false);
	}
}

/* A proof with any byte changed is none; a nonce that is not ours neither. */
static void
test_scram_changed(void **state)
{
	char known[] = "user", text[1000];
	struct auth_sasl_terms terms = { .credential = credential,
		.arg = known };
	struct scram_client c = { .gs2 = "n,,",
		.name = "user",
		.password = "pencil",
		.nonce = "abc" };
	struct span challenge = NO_SPAN;
	size_t len = 1;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		struct auth_sasl *s =
		    auth_sasl_new(SPAN("SCRAM-SHA-256"), &terms);
		enum auth_sasl_step step;

		assert_int_equal(
		    auth_sasl_begin(s, true, scram_first(&c), &challenge),
		    AUTH_SASL_CHALLENGE);
		len = scram_final(&c, challenge).len;
		memcpy(text, c.final, len);
		text[i] = text[i] == 'A' ? 'Q' : 'A';
		step =
		    auth_sasl_step(s, (struct span){ text, len }, &challenge);
		if (step != AUTH_SASL_WRONG && step != AUTH_SASL_MALFORMED)
			fail_msg("byte %zu of %s: %d", i, c.final, (int)step);
		auth_sasl_free(&s);
	}
	assert_true(len > 70);
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
	password_warm_up();
	auth_sasl_warm_up();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_changed),
		cmocka_unit_test(test_prepare),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
