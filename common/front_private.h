/* What the files of the front share. */
#ifndef COMMON_FRONT_PRIVATE_H
#define COMMON_FRONT_PRIVATE_H

#include <netinet/in.h>

#include "common/front.h"
#include "common/rate.h"
#include "common/tls.h"

enum { FRONT_LISTENERS_MAX = 16, FRONT_ANSWERS = 8 };

struct front_listener {
	struct front *front;
	struct watch *watch; /* NULL when draining */
	int fd;
	enum listener_kind kind;
};

struct front_question; /* front_ask.c: waits for an answer of auth */
struct front_answer;   /* front_ask.c: one that was given */
struct front_login;    /* front_auth.c: an exchange under way */
struct front_ahead;    /* front_ahead.c: answers that wait for their questions */

struct front {
	const struct front_protocol *protocol;
	struct role *role;
	struct loop *loop;
	const struct settings *settings;
	struct settings *reloaded; /* what `settings` points to after SIGHUP */
	struct tls_server *tls;
	struct front_listener listener[FRONT_LISTENERS_MAX];
	size_t nlisteners;
	uint64_t next_id;

	/* Slots of strangers and of those who logged in are apart, so that strangers cannot lock users out. */
	struct client *strangers, *users, *closing;
	size_t nstrangers, nusers;
	struct rate *rate; /* of connections, by address */
	size_t descriptors; /* that clients may use */
	bool tidy;	    /* front_client_tidy() is on its way */
	bool draining;
	int64_t drain_until;
	struct timer *tick; /* draining, or accepting again */
	struct timer *idle;
	int reserve; /* a descriptor given up when none is left, to refuse with */
	unsigned refused;
	int64_t refusal_logged;

	/* the conversation with auth */
	struct channel *auth;
	bool auth_wanted, auth_leaving;
	struct front_question *questions;
	uint64_t next_question;
	struct front_answer *answers[FRONT_ANSWERS]; /* those of late */
	unsigned next_answer;
	struct timer *auth_timer, *ask_timer;
};

struct front_peer {
	unsigned char net[RATE_KEY_LEN]; /* what counts as one address: IPv4 /32, IPv6 /64 */
	char address[INET6_ADDRSTRLEN];
	bool loopback;
};

enum client_phase { CLIENT_SHAKING, CLIENT_TALKING, CLIENT_RELAYING };

struct client {
	struct client *next, **prev;
	struct front *front;
	struct conn *conn;
	struct conn *session; /* relaying: to the account role */
	struct front_login *login;
	struct front_ahead *ahead; /* relaying: NULL if there are none */
	uint64_t id, account, without;
	uint64_t in, out; /* bytes relayed: to the session, from it */
	int64_t connected, deadline /* of the protocol's wish; 0: idle_ms */;
	enum client_phase phase;
	enum listener_kind kind;
	struct front_peer peer;
	unsigned failures;
	bool greeted, user, closing, eof, held;
	bool over; /* its account is no longer its own: goodbye at the next chance */
	bool later; /* goes on at the end of the turn */
	max_align_t state[];
};

/* front_accept.c */
void front_listen(struct front *, enum listener_kind, int fd);
void front_stop_listening(struct front *);
void front_accept_again(struct front *);
bool front_implicit_tls(enum listener_kind);
size_t front_users_max(const struct front *);
size_t front_strangers_max(const struct front *);

/* front_client.c */
void front_client_new(struct front *, int fd, enum listener_kind, const struct front_peer *);
void front_client_talk(struct client *);   /* gives it its input, if it may go on */
void front_client_settle(struct client *); /* after a callback of the protocol: goodbye, or the end, if it is time */
void front_client_alarm(struct client *);  /* sets the deadline that holds now */
void front_client_user(struct client *);   /* it has logged in: from now on it has a user's slot */
void front_client_drain(struct client *);
void front_client_log_out(struct front *, uint64_t account);
void front_client_later(struct client *);  /* at the end of the turn it goes on */
void front_client_tidy(struct front *);	   /* at the end of the turn */

/* front_auth.c */
void front_auth_logged_in(struct front *, struct channel_msg *); /* the parent's word */
void front_auth_timeout(struct client *);			 /* while it was busy */
void front_auth_go_on(struct client *);				 /* at the end of a turn */
void front_auth_drop(struct client *);				 /* the client goes */
void front_auth_want(struct front *);
void front_auth_send(struct front *, uint16_t type, uint64_t id, struct span payload);
void front_auth_unused(void *front); /* a timer fired */

/* front_sasl.c */
void front_sasl_put_bindings(const struct client *, struct buf *out); /* for IPC_AUTH_START */

/* front_ask.c */
void front_ask_answered(struct front *, uint16_t type, uint64_t id, struct span payload);
void front_ask_all(struct front *);    /* there is a channel: (again) */
bool front_ask_lost(struct front *);   /* the channel is lost; true if some wait for another */
void front_ask_failed(struct front *); /* there will be none */
void front_ask_tick(void *front);      /* a timer fired */
void front_ask_forget(struct front *); /* answers given so far hold no more */

/* front_ahead.c */
void front_ahead_begin(struct client *, int fd);
void front_ahead_end(struct client *);
void front_ahead_answer(struct client *); /* what it can, of the input that is there */

/* front_relay.c */
void front_relay_begin(struct client *, int session[2]); /* takes them */
void front_relay_event(struct client *, enum conn_event);

#endif
