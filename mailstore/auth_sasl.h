/*
 * One SASL exchange from the server's side (RFC 4422), by libgsasl.  An
 * exchange yields a name and a password; whether they are right is decided
 * elsewhere.
 */
#ifndef MAILSTORE_AUTH_SASL_H
#define MAILSTORE_AUTH_SASL_H

#include "common/buf.h"

enum {
	AUTH_SASL_RESPONSE_MAX = 9216, /* bytes decoded; RFC 4954, 4: 12,288 in base64 */
	AUTH_SASL_NAME_MAX = 320,
};

struct auth_sasl;

/* Loads all that is needed later, so that no file is opened then. */
void auth_sasl_warm_up(void);

enum auth_sasl_step {
	AUTH_SASL_CHALLENGE, /* send it, and come back with the response */
	AUTH_SASL_PASSWORD,  /* name and password are known: check them */
	AUTH_SASL_UNUSABLE,  /* well-formed, but that is nobody's password: see auth_sasl_prepare() */
	AUTH_SASL_MALFORMED, /* the exchange is over */
};

/* NULL: not offered.  The name may be in any case. */
struct auth_sasl *auth_sasl_new(struct span mechanism);
void auth_sasl_free(struct auth_sasl **); /* wipes the password */

/* The first step; `has_initial`: the client sent an initial response (RFC 4422, 5). */
enum auth_sasl_step auth_sasl_begin(struct auth_sasl *, bool has_initial, struct span initial, struct span *challenge);
enum auth_sasl_step auth_sasl_step(struct auth_sasl *, struct span response, struct span *challenge);

/* After AUTH_SASL_PASSWORD; lent until auth_sasl_free().  `authzid` is empty if the client gave none. */
void auth_sasl_result(const struct auth_sasl *, struct span *name, struct span *password, struct span *authzid);

/* RFC 4013: the form of a password that is hashed, so that the same letters typed on different machines are the same.  False: not UTF-8, or with characters that no password may hold (control characters, and those newer than Unicode 3.2). */
bool auth_sasl_prepare(struct span password, struct buf *prepared) MUST_USE;

#endif
