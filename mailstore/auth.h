/*
 * The auth role of a daemon: reads the published directory, answers logins and
 * look-ups, tells the parent integers only.  What it says to whom stands in
 * common/ipc.h.  One process serves several peers: fronts, and smtpd's queue.
 *
 * A login, from start to answer:
 *	IPC_AUTH_START, IPC_AUTH_STEP ...   the SASL exchange (auth_sasl)
 *	name -> account, or a made-up one   unknown names cost the same work
 *	remembered? (auth_cache)            then it is right at once
 *	a job for a thread (auth_work)      counted by the throttle around it
 *	right:  IPC_LOGIN to the parent, then IPC_AUTH_OK to the front
 *	wrong:  a delay, then IPC_AUTH_FAILED
 * With SCRAM the name comes first and libgsasl compares, in microseconds and
 * counted by the same throttle; nothing is remembered, for no password is seen.
 */
#ifndef MAILSTORE_AUTH_H
#define MAILSTORE_AUTH_H

#include "common/channel.h"
#include "common/settings.h"
#include "mailstore/auth_cache.h"
#include "mailstore/auth_throttle.h"
#include "mailstore/auth_work.h"

enum {
	AUTH_LOGINS_MAX = 4096, /* under way at once; more hear AUTH_BUSY */
	AUTH_PEERS_MAX = 64,
	AUTH_BUCKETS = 64,
	AUTH_IDLE_MS = 30 * 1000,
};

struct auth_login; /* auth_login.c */
struct auth_peer;

struct auth {
	struct loop *loop;
	struct channel *parent;
	const struct settings *settings;
	const char *service;	     /* "smtpd", "imapd", "pop3d": for the log */
	struct directory *directory; /* NULL: nothing was published yet */
	struct directory_target *targets; /* of the recipient asked for */
	uint8_t secret[DIRECTORY_SECRET_LEN];
	struct auth_throttle *throttle;
	struct auth_work *work;
	struct auth_cache *cache;

	struct auth_peer *peers;
	size_t npeers, nlogins;
	bool leaving; /* takes nothing new; done when nlogins is 0 */
	struct timer *idle;
	void (*nothing_left)(void *arg); /* no peer for AUTH_IDLE_MS, nothing remembered; or leaving and done */
	void *arg;
};

/* Somebody at the other end of a channel that the parent handed us. */
struct auth_peer {
	struct auth_peer *next;
	struct auth *auth;
	struct channel *channel;
	uint64_t id;  /* of the IPC_PEER message */
	uint8_t kind; /* enum ipc_peer: as what we know it */
	struct auth_login *login[AUTH_BUCKETS];
};

/* ---- auth.c ---- */

/* Takes what was opened (`directory` may be NULL).  Before locking in. */
struct auth *auth_new(struct loop *, const struct settings *, const char *service, struct directory *, struct auth_throttle *);
void auth_free(struct auth **);
void auth_add_peer(struct auth *, int fd, uint64_t id, uint8_t kind); /* takes fd */
/* Ends what can be ended, lets the rest finish, then calls nothing_left(). */
void auth_leave(struct auth *);
void auth_login_ended(struct auth *); /* for auth_login.c */

/* ---- auth_name.c ---- */

/* Who has that name?  H_OK for nobody too: then the id is 0, and the credential one that no password fits.  Else why it cannot be told. */
enum herr auth_name_find(const struct auth *, struct span name, struct directory_account *) MUST_USE;

/* A number that is another after each change of the password; 0: there is none. */
uint64_t auth_name_credential(const struct directory_account *);
/* The parent asks about an account (IPC_CREDENTIAL). */
void auth_name_answer(const struct auth *, uint64_t account);

/* ---- auth_login.c: each returns false if the peer broke the rules ---- */

bool auth_login_start(struct auth_peer *, struct channel_msg *);
bool auth_login_step(struct auth_peer *, struct channel_msg *);
bool auth_login_cancel(struct auth_peer *, struct channel_msg *);
void auth_login_forget(struct auth_peer *);  /* all of a peer that is gone */
void auth_login_hurry(struct auth_peer *);   /* answers those that wait for nothing but their delay, forgets those that wait for their client: the front repeats them */
void auth_login_done(void *arg, struct auth_job *); /* auth_work's */

/* ---- auth_lookup.c ---- */

bool auth_lookup_rcpt(struct auth_peer *, struct channel_msg *);
bool auth_lookup_sender(struct auth_peer *, struct channel_msg *);

#endif
