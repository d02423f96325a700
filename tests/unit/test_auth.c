/* The auth role without its process: SASL exchanges, logins, look-ups, peers.
 */
#include "mailstore/auth.h"

#include <sys/socket.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base64.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/auth_sasl.h"
#include "tests/unit/scratch.h"

/* ---- exchanges alone ---- */

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

static void
hmac(const uint8_t *key, const char *text, uint8_t *out)
{
	union {
		const char *chars;
		const unsigned char *bytes;
	} in = { .chars = text };
	unsigned len = 0;

	assert_non_null(
	    HMAC(EVP_sha256(), key, 32, in.bytes, strlen(text), out, &len));
}

/* RFC 7677, 3: what the example's client and server prove to each other follows
 * from our two keys. */
static void
test_verifier(void **state)
{
	static const uint8_t salt[16] = { 0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12,
		0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81 };
	static const char message[] =
	    "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTC"
	    "AfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNG"
	    "fwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	struct buf proof = BUF_INIT(64), signature = BUF_INIT(64);
	struct directory_credential c = { .iterations = 4096 }, fresh;
	uint8_t digest[32], client_key[32];

	(void)state;
	memcpy(c.salt, salt, sizeof(salt));
	password_derive(SPAN("pencil"), &c);
	assert_true(base64_decode(
	    &signature, SPAN("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
	hmac(c.server_key, message, digest);
	assert_memory_equal(digest, signature.ptr, 32);
	assert_true(base64_decode(
	    &proof, SPAN("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")));
	hmac(c.stored_key, message, digest);
	for (size_t i = 0; i < 32; i++)
		client_key[i] = digest[i] ^ (uint8_t)proof.ptr[i];
	assert_int_equal(
	    EVP_Digest(client_key, 32, digest, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(digest, c.stored_key, 32);
	buf_free(&proof);
	buf_free(&signature);

	password_new(SPAN("pencil"), &fresh);
	assert_int_equal(fresh.iterations, PASSWORD_ITERATIONS);
	assert_memory_not_equal(fresh.salt, salt, sizeof(salt));
	c = fresh;
	password_derive(SPAN("pencil"), &c);
	assert_true(password_same(c.stored_key, fresh.stored_key));
	password_derive(SPAN("Pencil"), &c);
	assert_false(password_same(c.stored_key, fresh.stored_key));
}

static void
test_cache(void **state)
{
	struct auth_cache *c = auth_cache_new(), *other = auth_cache_new();
	struct directory_account a = { .id = 7 }, changed, b = { .id = 8 };
	uint8_t right[32], wrong[32];

	(void)state;
	auth_cache_digest(c, &a, SPAN("secret"), right);
	assert_false(auth_cache_knows(c, a.id, right, 1000));
	assert_int_equal(auth_cache_until(c), 0);
	auth_cache_add(c, a.id, right, 1000);
	assert_true(auth_cache_knows(c, a.id, right, 1000));
	assert_true(auth_cache_knows(c, a.id, right, 1000 + AUTH_CACHE_MS - 1));
	assert_false(auth_cache_knows(c, a.id, right, 1000 + AUTH_CACHE_MS));
	auth_cache_digest(c, &a, SPAN("Secret"), wrong);
	assert_false(auth_cache_knows(c, a.id, wrong, 1000));
	assert_false(auth_cache_knows(c, b.id, right, 1000));
	/* The same password after it was set anew, or in another process, is
	 * another digest. */
	changed = a;
	changed.credential.stored_key[0] = 1;
	auth_cache_digest(c, &changed, SPAN("secret"), wrong);
	assert_memory_not_equal(right, wrong, 32);
	auth_cache_digest(other, &a, SPAN("secret"), wrong);
	assert_memory_not_equal(right, wrong, 32);
	auth_cache_free(&c);
	auth_cache_free(&other);
}

/* ---- the role ---- */

static char *folder;
static struct loop *loop;
static struct auth *auth;
static struct channel *front, *parent, *at_parent;
static uint64_t alice;
static char example[] = "example.test";
static char *domains[] = { example };
static struct settings settings = { .domains = domains, .ndomains = 1 };
static unsigned left; /* calls of nothing_left() */

/* What came last, over either channel. */
static struct heard {
	uint16_t type;
	uint64_t id;
	char payload[2000];
	size_t len;
	bool closed;
	unsigned ok, busy; /* answers of these kinds */
} by_front, by_parent;

static void
hear(void *arg, struct channel *c, struct channel_msg *m)
{
	struct heard *h = arg;

	(void)c;
	assert_true(m->payload.len <= sizeof(h->payload));
	h->type = m->type;
	h->id = m->id;
	h->len = m->payload.len;
	if (m->payload.len > 0)
		memcpy(h->payload, m->payload.ptr, m->payload.len);
	h->ok += m->type == IPC_AUTH_OK;
	h->busy += m->type == IPC_AUTH_FAILED && m->payload.ptr[0] == AUTH_BUSY;
	loop_stop(loop);
}

static void
hear_end(void *arg, struct channel *c)
{
	struct heard *h = arg;

	(void)c;
	h->closed = true;
	loop_stop(loop);
}

static const struct channel_handler ears = { hear, hear_end };

static void
went(void *arg)
{
	(void)arg;
	left++;
	loop_stop(loop);
}

static void
add_account(struct directory *d, const char *address, const char *password,
    uint64_t *id)
{
	struct directory_credential c = { .iterations = 500 };

	password_random(c.salt, sizeof(c.salt));
	password_derive(span_of(password), &c);
	if (*password == '\0')
		c.iterations = 0;
	assert_int_equal(
	    directory_add_account(d, span_of(address), &c, id), H_OK);
}

static void
connect_front(uint64_t id, uint8_t kind)
{
	int pair[2];

	assert_int_equal(channel_pair(pair), H_OK);
	auth_add_peer(auth, pair[0], id, kind);
	channel_free(&front);
	front = channel_new(loop, pair[1], &ears, &by_front);
}

static int
setup(void **state)
{
	struct directory *d;
	struct auth_throttle *throttle;
	char path[256];
	uint64_t id;
	int pair[2];

	(void)state;
	folder = scratch_folder();
	assert_int_equal(directory_open(&d, folder), H_OK);
	directory_domains(d, domains, 1);
	add_account(d, "alice@example.test", "secret", &alice);
	add_account(d, "carol@example.test", "p\xc3\xa4ss", &id);
	add_account(d, "new@example.test", "", &id);
	assert_int_equal(directory_add_alias(d, SPAN("info@example.test"),
			     (struct span[]){ SPAN("alice@example.test"),
				 SPAN("eve@far.example") },
			     2),
	    H_OK);
	directory_close(&d);
	assert_int_equal(directory_open_published(&d, folder), H_OK);
	snprintf(path, sizeof(path), "%s/throttle", folder);
	assert_int_equal(auth_throttle_open(&throttle, path), H_OK);
	loop = loop_new();
	auth = auth_new(loop, &settings, "imapd", d, throttle);
	auth->nothing_left = went;
	assert_int_equal(channel_pair(pair), H_OK);
	parent = channel_new(loop, pair[0], &ears, &by_parent);
	at_parent = channel_new(loop, pair[1], &ears, &by_parent);
	auth->parent = parent;
	by_front = by_parent = (struct heard){ 0 };
	left = 0;
	connect_front(77, PEER_FRONT);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	auth_free(&auth);
	channel_free(&front);
	channel_free(&parent);
	channel_free(&at_parent);
	loop_free(&loop);
	scratch_remove(&folder);
	return 0;
}

static void
start(uint64_t id, const char *mechanism, struct span initial,
    const char *address)
{
	struct buf out = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	wire_put_bytes(&out, span_of(mechanism));
	wire_put_u8(&out, initial.ptr != NULL);
	wire_put_bytes(&out, initial);
	wire_put_bytes(&out, span_of(address));
	wire_put_u8(&out, 1);
	channel_send(front, IPC_AUTH_START, id, buf_span(&out));
	buf_free(&out);
}

/* PLAIN in one piece: "authzid|name|password". */
static void
plain(uint64_t id, const char *words, const char *address)
{
	char text[500];
	size_t len = strlen(words);

	for (size_t i = 0; i <= len; i++)
		text[i] = words[i] == '|' ? (char)0 : words[i];
	start(id, "PLAIN", (struct span){ text, len }, address);
}

static void
wait_front(void)
{
	by_front.type = 0;
	while (by_front.type == 0 && !by_front.closed)
		loop_run(loop);
}

static void
turn_over(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
turn(int64_t ms)
{
	struct timer *t = timer_new(loop, turn_over, NULL);

	timer_set(t, ms);
	loop_run(loop);
	timer_free(&t);
}

/* Failures are answered after seconds; here nobody waits so long. */
static void
wait_hurried(void)
{
	by_front.type = 0;
	while (by_front.type == 0 && !by_front.closed) {
		turn(1);
		for (struct auth_peer *p = auth->peers; p != NULL; p = p->next)
			auth_login_hurry(p);
	}
}

static enum auth_failure
failure(void)
{
	assert_int_equal(by_front.type, IPC_AUTH_FAILED);
	assert_int_equal(by_front.len, 1);
	return (enum auth_failure)by_front.payload[0];
}

static uint64_t
success(void)
{
	struct wire w =
	    wire_over((struct span){ by_front.payload, by_front.len });
	uint64_t account = wire_u64(&w);

	assert_int_equal(by_front.type, IPC_AUTH_OK);
	assert_int_equal(wire_bytes(&w, 100).len, 0);
	assert_true(span_is(wire_bytes(&w, 320), "alice@example.test"));
	assert_true(wire_end(&w));
	return account;
}

static void
test_right(void **state)
{
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
		assert_int_equal(wire_u32(&w), 0);
		assert_true(wire_end(&w));
	}
	assert_int_equal(auth->nlogins, 0);
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
	/* Different guesses from different places: nothing can be shared. */
	for (uint64_t i = 0; i < 1000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.%u.%u.1",
		    (unsigned)i / 250, (unsigned)i % 250);
		snprintf(words, sizeof(words), "|alice|guess %u", (unsigned)i);
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
	/* The login that waits for its client hears so, the question is left
	 * for the next. */
	wait_front();
	assert_int_equal(by_front.id, 1);
	assert_int_equal(failure(), AUTH_BUSY);
	by_front.type = 0;
	while (left == 0)
		loop_run(loop);
	assert_int_equal(by_front.type, 0);
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
	wait_front();
	assert_int_equal(success(), alice);
	while (left == 0)
		loop_run(loop);
	assert_int_equal(left, 1);
}

static int
warm_up(void **state)
{
	(void)state;
	password_warm_up();
	auth_sasl_warm_up();
	return 0;
}

#define ROLE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_verifier),
		cmocka_unit_test(test_cache),
		ROLE_TEST(test_right),
		ROLE_TEST(test_login_prompts),
		ROLE_TEST(test_wrong),
		ROLE_TEST(test_delay),
		ROLE_TEST(test_refused),
		ROLE_TEST(test_throttled),
		ROLE_TEST(test_remembered),
		ROLE_TEST(test_at_once),
		ROLE_TEST(test_full),
		ROLE_TEST(test_gone),
		ROLE_TEST(test_rcpt),
		ROLE_TEST(test_sender),
		ROLE_TEST(test_bad_peers),
		ROLE_TEST(test_stale),
		ROLE_TEST(test_leave),
	};

	log_open("test", "auth", LOG_ERROR);
	return cmocka_run_group_tests(tests, warm_up, NULL);
}
