/* SCRAM verifiers, and the memory of passwords that were right. */
#include "mailstore/password.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/base64.h"
#include "mailstore/auth_cache.h"

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

static int
warm_up(void **state)
{
	(void)state;
	password_warm_up();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verifier),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
