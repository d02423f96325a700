/*
 * Passwords as SCRAM-SHA-256 verifiers (RFC 5802, 3; RFC 7677): what is stored
 * lets one check a password, at the cost of PBKDF2, and tells nothing of it.
 * The only file of the store that includes libcrypto's digests.  Functions may
 * be called from any thread.
 */
#ifndef MAILSTORE_PASSWORD_H
#define MAILSTORE_PASSWORD_H

#include "mailstore/directory.h"

enum {
	PASSWORD_MAX = 1024, /* bytes, after preparation (RFC 4013) */
	PASSWORD_DIGEST_LEN = 32,
	PASSWORD_ITERATIONS = 65536,
	PASSWORD_ITERATIONS_MAX = 10 * 1000 * 1000,
};

/* Loads all of libcrypto that the functions below use, so that they open no file later. */
void password_warm_up(void);

/* Fills in the keys of a credential whose salt and iterations are set. */
void password_derive(struct span prepared, struct directory_credential *);
/* A credential for a new password: random salt, the default work. */
void password_new(struct span prepared, struct directory_credential *);

/* HMAC-SHA256 over several parts, each with its length in front. */
void password_digest(const uint8_t key[PASSWORD_DIGEST_LEN], const struct span *parts, size_t n, uint8_t digest[PASSWORD_DIGEST_LEN]);
/* In constant time. */
bool password_same(const uint8_t a[PASSWORD_DIGEST_LEN], const uint8_t b[PASSWORD_DIGEST_LEN]);
/* From the kernel; ends the process if it has none. */
void password_random(void *, size_t);

#endif
