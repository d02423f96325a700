/*
 * There is one account role per account, so one variable is the maildrop's
 * lock (RFC 1939, 4): a second session is refused while the first goes on.
 * IMAP sessions and deliveries, in processes of their own, are not concerned.
 */
#include "pop3d/pop3_account.h"

#include "common/log.h"
#include "common/sessions.h"
#include "pop3d/pop3_session.h"

enum { TIDY_SLICES = 16 };

static struct store *store;
static struct pop3_session *session; /* the one, or NULL */
static struct sessions *sessions;
static uint64_t session_id;

static int
open_store(struct sessions *s, const char *folder, uint64_t account)
{
	enum herr err = store_open(&store, folder);

	(void)account;
	if (err != H_OK) {
		log_event(LOG_ERROR, "account-unusable", herr_text(err));
		_Exit(1);
	}
	sessions = s;
	return store_wake_fd(store);
}

static void
over(void *arg)
{
	(void)arg;
	session = NULL;
	sessions_over(sessions, session_id);
}

static enum herr
begin(struct sessions *s, uint64_t id, int fd, int ahead)
{
	struct pop3_drop *drop;
	enum herr err;

	/* Not H_BUSY, which is the parent's word for a role that cannot be had
	 * now. */
	if (session != NULL)
		return H_EXISTS;
	if ((err = pop3_drop_open(&drop, store)) != H_OK)
		return err;
	session_id = id;
	session =
	    pop3_session_new(sessions_loop(s), fd, ahead, drop, over, NULL);
	pop3_session_without(session, sessions_without(s));
	return H_OK;
}

/* A session keeps its numbers: what changed is for the next one. */
static void
woken(struct sessions *s)
{
	(void)s;
	(void)store_changed(store);
}

static void
tidy(struct sessions *s)
{
	(void)s;
	for (int i = 0; i < TIDY_SLICES && store_tidy(store); i++)
		;
}

static void
goodbye(struct sessions *s)
{
	(void)s;
	if (session != NULL)
		pop3_session_goodbye(session);
}

void
pop3_account_main(void)
{
	static const struct sessions_protocol protocol = {
		.daemon = "pop3d",
		.role = ROLE_POP3_ACCOUNT,
		.open = open_store,
		.begin = begin,
		.woken = woken,
		.tidy = tidy,
		.goodbye = goodbye,
	};

	sessions_main(&protocol);
}
