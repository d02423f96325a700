/* The account role in this process: a store in a temporary folder, and sessions at the other ends of socket pairs. */
#ifndef TESTS_UNIT_IMAP_HARNESS_H
#define TESTS_UNIT_IMAP_HARNESS_H

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "imapd/imap_account.h"
#include "tests/unit/scratch.h"

struct imap_harness {
	char *folder;
	struct loop *loop;
	struct store *store;
	struct imap_account *account;
	uint64_t ids;
};

static inline void
imap_harness_open(struct imap_harness *h)
{
	char *folder;

	*h = (struct imap_harness){ .folder = scratch_folder() };
	folder = mem_array(1, strlen(h->folder) + 16);
	snprintf(folder, strlen(h->folder) + 16, "%s/account", h->folder);
	if (store_create(folder, 1) != H_OK ||
	    store_open(&h->store, folder) != H_OK)
		PANIC("no store");
	mem_free(&folder);
	h->loop = loop_new();
	h->account = imap_account_new(h->loop, h->store);
}

static inline void
imap_harness_stop(void *arg)
{
	loop_stop(arg);
}

/* One turn of the loop. */
static inline void
imap_harness_turn(struct imap_harness *h)
{
	loop_later(h->loop, imap_harness_stop, h->loop);
	loop_run(h->loop);
}

static inline void
imap_harness_close(struct imap_harness *h)
{
	imap_account_free(&h->account);
	for (int i = 0; i < 100 && conn_finishing() > 0; i++)
		imap_harness_turn(h);
	loop_free(&h->loop);
	store_close(&h->store);
	scratch_remove(&h->folder);
}

/* The client's end of a new session; never blocks. */
static inline int
imap_harness_session(struct imap_harness *h)
{
	int fd[2];

	if (socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) !=
		0 ||
	    imap_account_begin(h->account, ++h->ids, fd[0]) != H_OK)
		PANIC("no session");
	return fd[1];
}

/* Turns until nothing moves, taking what is said; false if the session ended. */
static inline bool
imap_harness_hear(struct imap_harness *h, int fd, struct buf *said)
{
	enum { QUIET = 6, PIECE = 65536 };
	bool open = true;

	for (int quiet = 0; quiet < QUIET;) {
		static char piece[PIECE];
		ssize_t got;

		imap_harness_turn(h);
		got = read(fd, piece, sizeof(piece));
		if (got > 0) {
			buf_add(said, (struct span){ piece, (size_t)got });
			quiet = 0;
		} else {
			open = got < 0 && errno == EAGAIN;
			quiet = h->account->ready != NULL ||
					h->account->writers != NULL
				    ? 0
				    : quiet + 1;
		}
	}
	return open;
}

/* Says something and hears what comes of it. */
static inline bool
imap_harness_say(
    struct imap_harness *h, int fd, struct span text, struct buf *said)
{
	while (text.len > 0) {
		ssize_t put = write(fd, text.ptr, text.len);

		if (put > 0) {
			text.ptr += put;
			text.len -= (size_t)put;
		} else if (errno != EAGAIN) {
			return false;
		} else if (!imap_harness_hear(h, fd, said)) {
			return false;
		}
	}
	return imap_harness_hear(h, fd, said);
}

#endif
