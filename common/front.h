/*
 * What every front shares, whatever its protocol: accepting within limits, TLS,
 * deadlines before login, the conversation with auth, and after login the
 * relay between the client and the account role.  A protocol is a table of
 * callbacks; its own state hangs on the client.
 *
 * States of a client: (handshake) -> talking -> asking auth -> talking ...
 *   imapd, pop3d: -> relaying, from which nothing returns to the protocol
 *   smtpd:        -> talking, now with a channel to the queue
 */
#ifndef COMMON_FRONT_H
#define COMMON_FRONT_H

#include "common/conn.h"
#include "common/ipc.h"
#include "common/role.h"

struct front;  /* of the process */
struct client; /* one connection from outside */

enum front_refusal { FRONT_TOO_MANY, FRONT_TOO_MANY_FROM_ADDRESS, FRONT_TOO_OFTEN, FRONT_GOING_DOWN };

struct front_protocol {
	const char *daemon;
	enum role_kind role;
	const char *alpn;   /* or NULL */
	size_t client_size; /* bytes of the protocol's own state, zeroed, per client */
	int64_t greeting_ms, idle_ms, login_ms; /* deadlines: TLS handshake; between inputs; from connect to login (0: none) */
	bool on_demand; /* tells the parent when it has had no client for a minute */

	void (*ready)(struct front *);		      /* after IPC_START, before locking in; may be NULL */
	void (*greet)(struct client *);		      /* connected (implicit TLS: handshake done) */
	void (*input)(struct client *);		      /* there is input, and the client may go on; take what is there until client_is_busy() */
	void (*tls_done)(struct client *);	      /* the handshake that front_start_tls() began is done; forget all that was said before */
	void (*timeout)(struct client *);	      /* say goodbye; the front closes afterwards */
	void (*refuse)(struct conn *, enum front_refusal); /* one line for a client that is not taken */
	void (*goodbye)(struct client *);	      /* the process ends: 421 / BYE; called between commands, or instead of the answer to a login */
	void (*gone)(struct client *);		      /* last call: release the protocol's own state */
	/* answers of auth */
	void (*challenge)(struct client *, struct span data);
	/* Logged in.  imapd, pop3d: write the tagged reply; when it returns the relay begins, with what is left of the input.  smtpd: `queue` is a channel's descriptor, now the callee's (-1 otherwise). */
	void (*logged_in)(struct client *, struct span address, uint64_t account, int queue);
	/* H_DENIED with `why` (AUTH_BUSY: our fault), or H_BUSY / H_LIMIT / ... from the account role or parent.  The front closes after the third guess. */
	void (*refused)(struct client *, enum herr, enum auth_failure why);
};

NORETURN void front_main(const struct front_protocol *);

struct front *client_front(struct client *);
void *client_state(struct client *);	      /* the protocol's client_size bytes */
struct conn *client_conn(struct client *);
uint64_t client_id(const struct client *);    /* in logs; never reused in the life of the process */
enum listener_kind client_listener(const struct client *);
const char *client_address(const struct client *); /* numeric, without port; IPv4-mapped shown as IPv4 */
bool client_is_loopback(const struct client *);
bool client_is_tls(const struct client *);
bool client_may_login(const struct client *); /* TLS, or plaintext_auth and loopback */
uint64_t client_without(const struct client *); /* capabilities left out for its account (capability.h), from logged_in() on */
bool client_is_busy(const struct client *);   /* waits for auth: take no more input */
void client_close(struct client *);	      /* after what was written is sent; no more callbacks but gone() */
/* In the midst of something (a message being stored): no goodbye, no deadline, and the end of its input is no end yet.  When let go, input() is called if there is some. */
void client_hold(struct client *, bool);
void client_deadline(struct client *, int64_t ms); /* replaces idle_ms until the next input */

void client_start_tls(struct client *); /* after the reply was written; closes if input is waiting (injection) */
bool front_has_tls(const struct front *);

/* SASL, line by line.  After CLIENT_SASL_ASKED comes challenge(), logged_in() or refused(). */
enum client_sasl { CLIENT_SASL_ASKED, CLIENT_SASL_CANCELLED, CLIENT_SASL_NOT_BASE64, CLIENT_SASL_NO_MECHANISM };
enum { CLIENT_SASL_LINE_MAX = 12288 }; /* RFC 4954, 4; RFC 5034, 4 */
/* `initial` as the client wrote it: in base64, "=" if it has no bytes; NO_SPAN: there is none. */
enum client_sasl client_sasl_begin(struct client *, struct span mechanism, struct span initial);
bool client_is_answering(const struct client *); /* its next line answers a challenge: */
enum client_sasl client_sasl_answer(struct client *, struct span line);
void client_sasl_challenge(struct client *, const char *before, struct span data); /* writes it, and CRLF */
void client_sasl_names(struct client *, const char *before, struct buf *); /* adds the mechanisms that may be used now, each with `before` in front */
void client_auth_password(struct client *, struct span user, struct span password); /* LOGIN, USER/PASS */

/* The exchange below: `initial` and `response` decoded. */
void client_auth(struct client *, struct span mechanism, struct span initial);
void client_auth_step(struct client *, struct span response);
void client_auth_cancel(struct client *); /* then refused() is not called */

const struct settings *front_settings(const struct front *); /* current: SIGHUP may change limits */
struct role *front_role(struct front *);
struct loop *front_loop(struct front *);

/* What auth answered to the same question within the last second, if that was H_OK and the directory has not changed since. */
bool front_auth_said(struct front *, uint16_t type, struct span payload, struct span *answer);
/* A channel to auth for questions of the protocol's own (RCPT look-ups): asks the parent if needed, asks again if auth was restarted.  `answer` is called once; payload NO_SPAN if no answer could be had. */
void front_ask_auth(struct front *, uint16_t type, struct span payload, void (*answer)(void *arg, struct span payload), void *arg);

#endif
