/* A SASL exchange whose client says anything: lines of the input, one after the
 * other; it ends, and yields a name and a password or none. */
#include "common/scan.h"
#include "mailstore/auth_sasl.h"
#include "tests/fuzz/fuzz.h"

/* Everybody's password is this one. */
static bool
credential(void *arg, struct span name, struct directory_credential *c)
{
	(void)arg;
	assert(name.len <= AUTH_SASL_RESPONSE_MAX);
	memset(c, 0, sizeof(*c));
	c->iterations = 4096;
	return name.len % 2 == 0;
}

static void
check_result(const struct auth_sasl *s, enum auth_sasl_step step)
{
	struct span name, password, authzid;

	if (step != AUTH_SASL_PASSWORD && step != AUTH_SASL_PROVEN)
		return;
	auth_sasl_result(s, &name, &password, &authzid);
	assert(name.len <= AUTH_SASL_RESPONSE_MAX);
	assert(name.len == 0 || memchr(name.ptr, 0, name.len) == NULL);
	assert(password.len <= AUTH_SASL_RESPONSE_MAX);
	/* The stored keys are zeros, and nobody can prove to know them. */
	assert(step == AUTH_SASL_PASSWORD);
}

static void
run(struct auth_sasl *s, struct scan lines)
{
	struct span challenge = NO_SPAN;
	struct buf said = fuzz_copy(scan_until(&lines, "\n", SIZE_MAX));
	enum auth_sasl_step step;
	unsigned steps = 0;

	if (said.len > AUTH_SASL_RESPONSE_MAX)
		said.len = AUTH_SASL_RESPONSE_MAX;
	step = auth_sasl_begin(s, said.len > 0, buf_span(&said), &challenge);
	while (step == AUTH_SASL_CHALLENGE && scan_try(&lines, '\n')) {
		assert(++steps < 10);
		(void)auth_sasl_is_try(s);
		buf_free(&said);
		said = fuzz_copy(scan_until(&lines, "\n", SIZE_MAX));
		if (said.len > AUTH_SASL_RESPONSE_MAX)
			said.len = AUTH_SASL_RESPONSE_MAX;
		step = auth_sasl_step(s, buf_span(&said), &challenge);
	}
	check_result(s, step);
	buf_free(&said);
}

static void
prepare(struct span password)
{
	struct buf once = BUF_INIT(8 * password.len + 64), twice = once;

	if (auth_sasl_prepare(password, &once) && !once.bad &&
	    auth_sasl_prepare(buf_span(&once), &twice) && !twice.bad)
		assert(span_same(buf_span(&once), buf_span(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mechanisms[] = { "PLAIN", "LOGIN",
		"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS" };
	static const struct auth_sasl_terms terms = {
		.credential = credential,
		.tls_exporter = { "01234567890123456789012345678901", 32 },
		.tls_unique = { "012345678901", 12 },
	};
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	static bool warm;
	struct auth_sasl *s;

	if (!warm)
		auth_sasl_warm_up();
	warm = true;
	if (how % 5 == COUNT_OF(mechanisms)) {
		prepare(input);
		return 0;
	}
	s = auth_sasl_new(span_of(mechanisms[how % 5]), &terms);
	assert(s != NULL);
	run(s, scan_over(input));
	auth_sasl_free(&s);
	return 0;
}
