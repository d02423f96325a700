/* The account role as a process: one account, so one store and one
 * imap_account. */
#include "imapd/imap_role.h"

#include "common/decode.h"
#include "common/log.h"
#include "common/sessions.h"
#include "imapd/imap_account.h"

enum { TIDY_SLICES = 16 };

static struct store *store;
static struct imap_account *account;

static void
over(void *arg, uint64_t id)
{
	sessions_over(arg, id);
}

static void
wait_for_changes(void *arg, bool on)
{
	sessions_watch(arg, on);
}

static int
open_store(struct sessions *s, const char *folder, uint64_t id)
{
	enum herr err = store_open(&store, folder);

	(void)id;
	if (err != H_OK) {
		log_event(LOG_ERROR, "account-unusable", herr_text(err));
		_Exit(1);
	}
	decode_open_charsets();
	account = imap_account_new(sessions_loop(s), store);
	account->over = over;
	account->wait = wait_for_changes;
	account->arg = s;
	account->message_size_limit = sessions_settings(s)->message_size_limit;
	account->max_sessions = sessions_settings(s)->max_sessions_per_account;
	return store_wake_fd(store);
}

static enum herr
begin(struct sessions *s, uint64_t id, int fd, int ahead)
{
	(void)
	    ahead; /* there is none: answers depend on what changed meanwhile */
	account->without = sessions_without(s);
	return imap_account_begin(account, id, fd);
}

static void
woken(struct sessions *s)
{
	(void)s;
	(void)store_changed(store);
	imap_account_woken(account);
}

static void
tidy(struct sessions *s)
{
	(void)s;
	for (int i = 0; i < TIDY_SLICES && store_tidy(store); i++)
		continue;
}

static void
goodbye(struct sessions *s)
{
	(void)s;
	imap_account_goodbye(account);
}

void
imap_role_main(void)
{
	static const struct sessions_protocol protocol = {
		.daemon = "imapd",
		.role = ROLE_IMAP_ACCOUNT,
		.open = open_store,
		.begin = begin,
		.woken = woken,
		.tidy = tidy,
		.goodbye = goodbye,
	};

	sessions_main(&protocol);
}
