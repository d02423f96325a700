/*
 * Who a login name belongs to.  A name that nobody has gets an account that is
 * made up, at the cost of a real one and the same at every try: SCRAM tells the
 * salt and the iterations of any name to everybody who asks (RFC 5802, 5.1),
 * and must not tell with them which names there are.
 */
#include "mailstore/auth.h"

#include "common/ipc.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/address.h"

static void
digest(const struct auth *a, const char *purpose, struct span text,
    uint8_t out[PASSWORD_DIGEST_LEN])
{
	struct span parts[] = { span_of(purpose), text };

	password_digest(a->secret, parts, COUNT_OF(parts), out);
}

static void
add_lower(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_byte(out, text.ptr[i] >= 'A' && text.ptr[i] <= 'Z'
				  ? (char)(text.ptr[i] + ('a' - 'A'))
				  : text.ptr[i]);
}

/*
 * The address that a name stands for.  Alone before its "@" it stands for the
 * account that has it; where nobody or more than one has, for one of our
 * domains, always the same: so "nobody" and "nobody@example.org" have one salt,
 * as "alice" and "alice@example.org" have.
 */
static void
stand_for(const struct auth *a, struct span name, struct buf *address)
{
	struct buf text = BUF_INIT(2 * ADDRESS_CANONICAL_MAX);
	uint8_t pick[PASSWORD_DIGEST_LEN];

	add_lower(&text, name);
	if (memchr(name.ptr, '@', name.len) == NULL &&
	    a->settings->ndomains > 0) {
		digest(a, "domain", buf_span(&text), pick);
		buf_byte(&text, '@');
		buf_text(&text,
		    a->settings->domains[le32(pick) % a->settings->ndomains]);
	}
	if (!address_canonical(buf_span(&text), address)) {
		buf_clear(address);
		buf_add(address, buf_span(&text));
	}
	buf_free(&text);
}

/*
 * No password fits what is made up: its StoredKey is the hash of nothing known.
 * Where the name was ambiguous, the salt is that of the account it stands for.
 */
static enum herr
make_up(const struct auth *a, struct span name, struct directory_credential *c)
{
	struct buf address = BUF_INIT(2 * ADDRESS_CANONICAL_MAX);
	struct directory_account other;
	uint8_t bytes[PASSWORD_DIGEST_LEN];
	enum herr err;

	stand_for(a, name, &address);
	*c = (struct directory_credential){ .iterations = PASSWORD_ITERATIONS };
	digest(a, "salt", buf_span(&address), bytes);
	memcpy(c->salt, bytes, sizeof(c->salt));
	digest(a, "key", buf_span(&address), c->stored_key);
	digest(a, "server", buf_span(&address), c->server_key);
	err = directory_account_by_address(
	    a->directory, buf_span(&address), &other);
	if (err == H_OK && other.credential.iterations > 0) {
		c->iterations = other.credential.iterations;
		memcpy(c->salt, other.credential.salt, sizeof(c->salt));
	}
	buf_free(&address);
	return err == H_NOTFOUND ? H_OK : err;
}

enum herr
auth_name_find(
    const struct auth *a, struct span name, struct directory_account *account)
{
	struct directory_credential made_up;
	enum herr err;

	if (a->directory == NULL)
		return H_BUSY;
	/* For those who exist too, so that it takes the same time. */
	if ((err = make_up(a, name, &made_up)) != H_OK)
		return err;
	err = directory_account_by_login(a->directory, name, account);
	if (err == H_OK && account->credential.iterations > 0)
		return H_OK;
	if (err != H_OK && err != H_NOTFOUND)
		return err;
	*account = (struct directory_account){ .credential = made_up };
	return H_OK;
}

/* The salt is random, and new with each password. */
uint64_t
auth_name_credential(const struct directory_account *account)
{
	return account->credential.iterations > 0
	           ? le64(account->credential.salt) | 1
	           : 0;
}

/* While nothing can be read, nobody is logged out. */
void
auth_name_answer(const struct auth *a, uint64_t id)
{
	struct directory_account account;
	enum herr err = H_BUSY;
	char bytes[8];

	if (a->directory != NULL)
		err = directory_account_by_id(a->directory, id, &account);
	if (err != H_OK && err != H_NOTFOUND)
		return;
	put_le64(bytes, err == H_OK ? auth_name_credential(&account) : 0);
	channel_send(a->parent, IPC_CREDENTIAL_IS, id,
	    (struct span){ bytes, sizeof(bytes) });
}
