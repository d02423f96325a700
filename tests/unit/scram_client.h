/* A client's side of SCRAM-SHA-256 (RFC 5802, 3), for tests: by libcrypto, nothing of ours but base64. */
#ifndef TESTS_UNIT_SCRAM_CLIENT_H
#define TESTS_UNIT_SCRAM_CLIENT_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/scan.h"

struct scram_client {
	const char *gs2;     /* "n,,", "y,,", "p=tls-exporter,,", with "a=..." */
	struct span binding; /* what "p" binds to */
	const char *name, *password, *nonce;
	char first[500], final[1000], server[60]; /* NUL-terminated; `server`: what the server must prove */
};

static void
scram_hmac(const void *key, const char *text, size_t len, unsigned char *out)
{
	unsigned n = 32;

	assert_non_null(HMAC(EVP_sha256(), key, 32, (const void *)text, len, out, &n));
}

static void
scram_base64(const void *bytes, size_t len, char *text)
{
	struct buf b = BUF_INIT(1000);

	base64_encode(&b, (struct span){ bytes, len });
	memcpy(text, b.ptr, b.len);
	text[b.len] = '\0';
	buf_free(&b);
}

static struct span
scram_first(struct scram_client *c)
{
	snprintf(c->first, sizeof(c->first), "%sn=%s,r=%s", c->gs2, c->name, c->nonce);
	return span_of(c->first);
}

/* The answer to "r=...,s=...,i=...". */
static struct span
scram_final(struct scram_client *c, struct span challenge)
{
	unsigned char salted[32], client[32], stored[32], signature[32], server[32];
	char text[1500], nonce[300], salt64[100], cbind[200];
	struct buf salt = BUF_INIT(100), bound = BUF_INIT(200);
	unsigned iterations = 0;

	assert_true(challenge.len < 600);
	snprintf(text, sizeof(text), "%.*s", (int)challenge.len, challenge.ptr);
	assert_int_equal(sscanf(text, "r=%299[^,],s=%99[^,],i=%u", nonce, salt64, &iterations), 3);
	assert_true(base64_decode(&salt, span_of(salt64)));
	buf_text(&bound, c->gs2);
	buf_add(&bound, c->binding);
	scram_base64(bound.ptr, bound.len, cbind);
	assert_int_equal(PKCS5_PBKDF2_HMAC(c->password, (int)strlen(c->password), (const void *)salt.ptr,
	                     (int)salt.len, (int)iterations, EVP_sha256(), 32, salted), 1);
	scram_hmac(salted, "Client Key", 10, client);
	scram_hmac(salted, "Server Key", 10, server);
	assert_int_equal(EVP_Digest(client, 32, stored, NULL, EVP_sha256(), NULL), 1);
	snprintf(c->final, sizeof(c->final), "c=%s,r=%s", cbind, nonce);
	snprintf(text, sizeof(text), "%s,%.*s,%s", c->first + strlen(c->gs2), (int)challenge.len, challenge.ptr, c->final);
	scram_hmac(stored, text, strlen(text), signature);
	for (size_t i = 0; i < 32; i++)
		client[i] ^= signature[i];
	scram_hmac(server, text, strlen(text), signature);
	memcpy(c->server, "v=", 2);
	scram_base64(signature, 32, c->server + 2);
	scram_base64(client, 32, text);
	snprintf(c->final + strlen(c->final), sizeof(c->final) - strlen(c->final), ",p=%s", text);
	buf_free(&salt);
	buf_free(&bound);
	return span_of(c->final);
}

#endif
