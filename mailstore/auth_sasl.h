/*
 * One SASL exchange from the server's side (RFC 4422), by libgsasl.  With PLAIN
 * and LOGIN it yields a name and a password; whether they are right is decided
 * elsewhere.  With SCRAM (RFC 5802, 7677) it asks for what is stored of the name
 * and finds out by itself whether the client knows the password, which it never
 * sees.
 */
#ifndef MAILSTORE_AUTH_SASL_H
#define MAILSTORE_AUTH_SASL_H

#include "mailstore/directory.h"

enum {
	AUTH_SASL_RESPONSE_MAX = 9216, /* bytes decoded; RFC 4954, 4: 12,288 in base64 */
	AUTH_SASL_NAME_MAX = 320,
};

struct auth_sasl;

/* Loads all that is needed later, so that no file is opened then. */
void auth_sasl_warm_up(void);

/* After any but the first, the exchange is over. */
enum auth_sasl_step {
	AUTH_SASL_CHALLENGE, /* send it, and come back with the response */
	AUTH_SASL_PASSWORD,  /* name and password are known: check them */
	AUTH_SASL_PROVEN,    /* the client knows the password; `challenge` proves that we know of it */
	AUTH_SASL_WRONG,     /* it does not */
	AUTH_SASL_UNUSABLE,  /* well-formed, but that is nobody's password: see auth_sasl_prepare() */
	AUTH_SASL_REFUSED,   /* credential() said so */
	AUTH_SASL_UNBOUND,   /* bound to another connection than this one, or to none although it could be (RFC 5802, 6) */
	AUTH_SASL_MALFORMED,
};

/* What an exchange may need beside what the client says. */
struct auth_sasl_terms {
	/* SCRAM, once, in the midst of a step: what is stored under that name, or something made up.  False ends the exchange. */
	bool (*credential)(void *arg, struct span name, struct directory_credential *);
	void *arg;
	/* What this connection can be bound to, and no other (RFC 9266, 5929); both empty: SCRAM-SHA-256-PLUS is not offered. */
	struct span tls_exporter, tls_unique;
};

/* NULL: not offered.  The name may be in any case. */
struct auth_sasl *auth_sasl_new(struct span mechanism, const struct auth_sasl_terms *);
void auth_sasl_free(struct auth_sasl **); /* wipes the password */

/* The first step; `has_initial`: the client sent an initial response (RFC 4422, 5). */
enum auth_sasl_step auth_sasl_begin(struct auth_sasl *, bool has_initial, struct span initial, struct span *challenge);
enum auth_sasl_step auth_sasl_step(struct auth_sasl *, struct span response, struct span *challenge);

/* Is the next response a try of a password (SCRAM: the client's proof)? */
bool auth_sasl_is_try(const struct auth_sasl *);

/* After AUTH_SASL_PASSWORD and AUTH_SASL_PROVEN (no password then); lent until auth_sasl_free().  `authzid` is empty if the client gave none. */
void auth_sasl_result(const struct auth_sasl *, struct span *name, struct span *password, struct span *authzid);

/* RFC 4013: the form of a password that is hashed, so that the same letters typed on different machines are the same.  False: not UTF-8, or with characters that no password may hold (control characters, and those newer than Unicode 3.2). */
bool auth_sasl_prepare(struct span password, struct buf *prepared) MUST_USE;

#endif
