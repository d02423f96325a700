/* One entry an account; accounts whose ids fall on the same place displace each
 * other. */
#include "mailstore/auth_cache.h"

#include "common/mem.h"
#include "mailstore/password.h"

enum { ENTRIES = 512 };

struct entry {
	uint64_t account;
	int64_t until;
	uint8_t digest[PASSWORD_DIGEST_LEN];
};

struct auth_cache {
	uint8_t key[PASSWORD_DIGEST_LEN];
	int64_t until;
	struct entry entry[ENTRIES];
};

struct auth_cache *
auth_cache_new(void)
{
	struct auth_cache *c = mem_alloc(sizeof(*c));

	password_random(c->key, sizeof(c->key));
	return c;
}

void
auth_cache_free(struct auth_cache **cp)
{
	if (*cp != NULL)
		mem_wipe(*cp, sizeof(**cp));
	mem_free(cp);
}

void
auth_cache_digest(const struct auth_cache *c, const struct directory_account *a,
    struct span password, uint8_t digest[PASSWORD_DIGEST_LEN])
{
	union {
		const void *from;
		const char *chars;
	} id = { .from = &a->id },
	  stored = { .from = a->credential.stored_key };
	struct span parts[] = { { id.chars, sizeof(a->id) },
		{ stored.chars, sizeof(a->credential.stored_key) }, password };

	password_digest(c->key, parts, COUNT_OF(parts), digest);
}

void
auth_cache_add(struct auth_cache *c, uint64_t account,
    const uint8_t digest[PASSWORD_DIGEST_LEN], int64_t now)
{
	struct entry *e = &c->entry[account % ENTRIES];

	e->account = account;
	e->until = c->until = now + AUTH_CACHE_MS;
	memcpy(e->digest, digest, sizeof(e->digest));
}

bool
auth_cache_knows(const struct auth_cache *c, uint64_t account,
    const uint8_t digest[PASSWORD_DIGEST_LEN], int64_t now)
{
	const struct entry *e = &c->entry[account % ENTRIES];

	return e->account == account && e->until > now &&
	       password_same(digest, e->digest);
}

int64_t
auth_cache_until(const struct auth_cache *c)
{
	return c->until;
}
