/*
 * Passwords that were right lately: a telephone that reconnects costs one HMAC
 * in place of PBKDF2.  What is kept is a keyed digest, under a key that this
 * process made at its start and never shows.  A wrong password is not found
 * here and goes the slow way, where failures are counted.
 */
#ifndef MAILSTORE_AUTH_CACHE_H
#define MAILSTORE_AUTH_CACHE_H

#include "mailstore/password.h"

enum { AUTH_CACHE_MS = 15 * 60 * 1000 };

struct auth_cache;

struct auth_cache *auth_cache_new(void);
void auth_cache_free(struct auth_cache **);

/* Of a password for an account as it is now: one with another credential has another digest. */
void auth_cache_digest(const struct auth_cache *, const struct directory_account *, struct span password, uint8_t digest[PASSWORD_DIGEST_LEN]);

/* `now` is monotonic, in milliseconds. */
void auth_cache_add(struct auth_cache *, uint64_t account, const uint8_t digest[PASSWORD_DIGEST_LEN], int64_t now);
bool auth_cache_knows(const struct auth_cache *, uint64_t account, const uint8_t digest[PASSWORD_DIGEST_LEN], int64_t now);
/* When the last entry runs out; 0 if there was none. */
int64_t auth_cache_until(const struct auth_cache *);

#endif
