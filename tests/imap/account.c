/*
 * The account role by itself, without parent, front and sandbox: every
 * connection to a loopback port is a session of one account that has logged in.
 *
 *	account FOLDER [QUOTA [SESSIONS]]
 *
 * makes the store if it is missing, sets the account's quota (bytes; 0: none),
 *and prints the port.
 *
 * Ends at SIGTERM.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <signal.h>
#include <unistd.h>

#include "common/decode.h"
#include "common/log.h"
#include "imapd/imap_account.h"
#include "imapd/imap_capability.h"

static struct loop *loop;
static struct store *store;
static struct imap_account *account;
static struct timer *tidy_timer;

static void
connected(void *arg, unsigned events)
{
	static uint64_t id;
	struct buf greeting = BUF_INIT(4096);
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	buf_text(&greeting, "* PREAUTH [");
	imap_put_capability(&greeting, account->message_size_limit, 0);
	buf_text(&greeting, "] Ready\r\n");
	if (write(fd, greeting.ptr, greeting.len) < 0 ||
	    imap_account_begin(account, ++id, fd) != H_OK)
		close(fd);
	buf_free(&greeting);
}

static void
woken(void *arg, unsigned events)
{
	(void)arg;
	(void)events;
	(void)store_changed(store);
	imap_account_woken(account);
}

static void
tidy(void *arg)
{
	(void)arg;
	(void)store_tidy(store);
	timer_set(tidy_timer, 60 * 1000);
}

static void
stop(void *arg, int signo)
{
	(void)arg;
	(void)signo;
	imap_account_goodbye(account);
	loop_stop(loop);
}

/* Everything else is ready when the port is told. */
static int
listen_somewhere(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		PANIC("cannot listen");
	printf("%u\n", ntohs(sin.sin_port));
	fflush(stdout);
	return fd;
}

static bool
set_quota(const char *bytes)
{
	struct store_txn *txn = store_begin(store, STORE_WRITE);

	return store_set_quota(txn, strtoull(bytes, NULL, 10)) == H_OK &&
	       store_commit(&txn) == H_OK;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int fd;

	if (argc < 2 || argc > 4)
		return 2;
	log_open("imapd", "account", LOG_INFO);
	if (stat(argv[1], &st) != 0 && store_create(argv[1], 1) != H_OK)
		return 1;
	if (store_open(&store, argv[1]) != H_OK)
		return 1;
	if (argc > 2 && !set_quota(argv[2]))
		return 1;
	decode_open_charsets();
	loop = loop_new();
	account = imap_account_new(loop, store);
	account->max_sessions =
	    argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2000;
	(void)watch_new(loop, store_wake_fd(store), LOOP_READ, woken, NULL);
	(void)signal_watch_new(loop, SIGTERM, stop, NULL);
	tidy_timer = timer_new(loop, tidy, NULL);
	timer_set(tidy_timer, 60 * 1000);
	fd = listen_somewhere();
	(void)watch_new(loop, fd, LOOP_READ, connected, &fd);
	loop_run(loop);
	imap_account_free(&account);
	store_close(&store);
	return 0;
}
