/*
 * SCRAM-SHA-256 verifiers by libcrypto (RFC 5802, section 3):
 *
 *	SaltedPassword = PBKDF2(HMAC-SHA256, password, salt, iterations)
 *	StoredKey      = SHA256(HMAC(SaltedPassword, "Client Key"))
 *	ServerKey      = HMAC(SaltedPassword, "Server Key")
 *
 * To check a password is to derive its keys again and compare StoredKey.
 */
#include "mailstore/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <errno.h>
#include <sys/random.h>

#include "common/mem.h"
#include "common/wire.h"

static void
hmac(const uint8_t *key, struct span text, uint8_t *out)
{
	union {
		const char *chars;
		const unsigned char *bytes;
	} in = { .chars = text.ptr };
	unsigned len = 0;

	if (HMAC(EVP_sha256(), key, PASSWORD_DIGEST_LEN, in.bytes, text.len,
		out, &len) == NULL ||
	    len != PASSWORD_DIGEST_LEN)
		PANIC("libcrypto cannot compute HMAC-SHA256");
}

void
password_derive(struct span prepared, struct directory_credential *c)
{
	uint8_t salted[PASSWORD_DIGEST_LEN], client[PASSWORD_DIGEST_LEN];

	if (prepared.len > PASSWORD_MAX || c->iterations == 0 ||
	    c->iterations > PASSWORD_ITERATIONS_MAX)
		PANIC("a password or its work is out of bounds");
	if (PKCS5_PBKDF2_HMAC(prepared.len > 0 ? prepared.ptr : "",
		(int)prepared.len, c->salt, sizeof(c->salt), (int)c->iterations,
		EVP_sha256(), sizeof(salted), salted) != 1)
		PANIC("libcrypto cannot compute PBKDF2");
	hmac(salted, SPAN("Client Key"), client);
	if (EVP_Digest(client, sizeof(client), c->stored_key, NULL,
		EVP_sha256(), NULL) != 1)
		PANIC("libcrypto cannot compute SHA-256");
	hmac(salted, SPAN("Server Key"), c->server_key);
	mem_wipe(salted, sizeof(salted));
	mem_wipe(client, sizeof(client));
}

void
password_new(struct span prepared, struct directory_credential *c)
{
	*c = (struct directory_credential){ .iterations = PASSWORD_ITERATIONS };
	password_random(c->salt, sizeof(c->salt));
	password_derive(prepared, c);
}

void
password_digest(const uint8_t key[PASSWORD_DIGEST_LEN],
    const struct span *parts, size_t n, uint8_t digest[PASSWORD_DIGEST_LEN])
{
	struct buf text = BUF_INIT(64 * 1024);

	for (size_t i = 0; i < n; i++)
		wire_put_bytes(&text, parts[i]);
	if (text.bad)
		PANIC("more to digest than foreseen");
	hmac(key, buf_span(&text), digest);
	if (text.ptr != NULL)
		mem_wipe(text.ptr, text.len);
	buf_free(&text);
}

bool
password_same(
    const uint8_t a[PASSWORD_DIGEST_LEN], const uint8_t b[PASSWORD_DIGEST_LEN])
{
	return CRYPTO_memcmp(a, b, PASSWORD_DIGEST_LEN) == 0;
}

void
password_random(void *to, size_t len)
{
	ssize_t got;

	do
		got = getrandom(to, len, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (size_t)got != len)
		PANIC("no random bytes from the kernel");
}

void
password_warm_up(void)
{
	struct directory_credential c = { .iterations = 1 };
	uint8_t digest[PASSWORD_DIGEST_LEN] = { 0 };

	/* No configuration file: nothing of it is ours, and it may be large. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		PANIC("libcrypto does not start");
	password_derive(SPAN("x"), &c);
	password_digest(digest, &(struct span){ "x", 1 }, 1, digest);
	(void)password_same(digest, c.stored_key);
}
