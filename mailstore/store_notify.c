/*
 * Telling other processes that something was committed, and hearing it.  The
 * file `wake` holds one byte that means nothing; writing it is the message.
 * (Watching data.mdb itself loses notices: LMDB writes it in more than one
 * way.)
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "mailstore/store_int.h"

void
notify_open(struct store *st)
{
	char *path = file_path(st->folder, "wake");

	st->inotify = -1;
	st->wake = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (st->wake < 0)
		log_errno(LOG_WARN, "store-wake", path);
	else
		st->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	/* 128 of them per user by default: whoever gets none asks every few
	 * seconds. */
	if (st->wake >= 0 && (st->inotify < 0 || inotify_add_watch(st->inotify,
						     path, IN_MODIFY) < 0)) {
		log_errno(LOG_WARN, "store-wake", "inotify; polling instead");
		if (st->inotify >= 0)
			close(st->inotify);
		st->inotify = -1;
	}
	st->seen = db_last(st->db);
	mem_free(&path);
}

void
notify_close(struct store *st)
{
	if (st->wake >= 0)
		close(st->wake);
	if (st->inotify >= 0)
		close(st->inotify);
	st->wake = st->inotify = -1;
}

void
notify_wake(struct store *st)
{
	/* The commit stands, whether anybody hears of it or not. */
	if (st->wake >= 0 && pwrite(st->wake, "\n", 1, 0) != 1)
		log_errno(LOG_WARN, "store-wake", "pwrite");
}

int
store_wake_fd(const struct store *st)
{
	return st->inotify;
}

bool
store_changed(struct store *st)
{
	char events[4096];
	uint64_t last;
	bool changed;

	while (st->inotify >= 0 && read(st->inotify, events, sizeof events) > 0)
		;
	last = db_last(st->db);
	changed = last != st->seen;
	st->seen = last;
	return changed;
}
